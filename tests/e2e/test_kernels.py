"""Stock kernels of other Debian releases, unchanged: as guests and as Dom0."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from framework import HELLO, TOP, Dom0, Skipped, boots, expect

# What a kernel says about trouble in itself or with what it runs on.
COMPLAINT = r"WARNING: (?!See )|BUG:|Oops|Call Trace|general protection|unchecked MSR|Bad page|rcu.*stall|Firmware Bug.*TSC|Unable to init MCE|Failed to get CPU numbers"


def expect_no_complaint(where, text):
    found = [line for line in text.splitlines() if re.search(COMPLAINT, line)]
    expect(not found, f"{where} complains: {found[0] if found else ''}\n{text[-8000:]}")


def fetch(suite, folder):
    """The suite's stock kernel in `folder`; see tests/lib/fetch-kernel."""
    done = subprocess.run([TOP / "tests/lib/fetch-kernel", suite, "linux-image-amd64", folder], capture_output=True, text=True, check=False)
    if done.returncode == 3:
        raise Skipped(done.stderr.strip())
    expect(done.returncode == 0, f"fetch-kernel: {done.stderr}")
    return (folder / "version").read_text().strip()


def as_guest(bench, suite, folder, version):
    content, disk = folder / "content", folder / "disk.img"
    content.mkdir()
    os.link(folder / "vmlinuz", content / "vmlinuz")
    made = subprocess.run(["mkfs.ext4", "-q", "-d", content, disk, "64M"], capture_output=True, text=True, check=False)
    expect(made.returncode == 0, f"mkfs.ext4: {made.stderr}")
    with bench.machine(f"kernel-{suite}-guest", disks=[disk], hv_args="loglvl=all guest_loglvl=all") as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        dom0.ok("mount -o ro /dev/vdb /mnt")
        for vcpus in (1, 4):
            dom0.ok(f"hvctl create {HELLO} kernel=/mnt/vmlinuz memory=256MiB vcpus={vcpus} 'cmdline=console=hvc0 loglevel=8'")
            dom0.until("hvctl console --history hello", rf"this is Linux {re.escape(version)}, a guest with {vcpus} vCPU")
            # \035 is Ctrl-], which leaves the console.
            dom0.ok("{ printf 'echo $((6 * 7)) is the answer\\n'; sleep 2; printf '\\035'; } | hvctl console hello")
            dom0.until("hvctl console --history hello", "42 is the answer")
            dom0.ok("hvctl shutdown --wait hello")
            expect_no_complaint(f"the guest with {vcpus} vCPUs", dom0.ok("hvctl console --history hello"))
        expect_no_complaint("hv", dom0.ok("hvctl dmesg"))
        machine.power_off()


def as_dom0(bench, suite, folder, version):
    (folder / "dom0.img").symlink_to(bench.setup.dom0 / "dom0.img")
    with bench.machine(f"kernel-{suite}-dom0", dom0=folder) as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        expect(dom0.ok("uname -r").strip() == version, "another kernel is Dom0: " + dom0.ok("uname -a"))
        dom0.ok("systemctl is-active hvctld")
        dom0.ok(f"hvctl create {HELLO}")
        dom0.until("hvctl console --history hello", "a guest with 1 vCPU")
        dom0.ok("hvctl shutdown --wait hello")
        expect_no_complaint("Dom0", dom0.ok("dmesg"))
        machine.power_off()


def other_kernel(bench, suite):
    with tempfile.TemporaryDirectory(prefix="hv-kernel-") as name:
        folder = Path(name)
        version = fetch(suite, folder)
        as_guest(bench, suite, folder, version)
        as_dom0(bench, suite, folder, version)


for release, number in (("bullseye", "11"), ("trixie", "13")):
    boots(f"kernels: Debian {number}'s is a guest with 1 and 4 vCPUs, and Dom0", slow=True)(
        lambda bench, release=release: other_kernel(bench, release))
