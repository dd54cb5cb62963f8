"""Other kernels, unchanged: those of other Debian releases, as guests and as Dom0; and GRUB, which is a guest's boot loader."""

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


def command(*words, folder=None):
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"{words[0]}: {done.stderr}")


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
    command("mkfs.ext4", "-q", "-d", content, disk, "64M")
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


GRUB_MENU = """\
insmod xzio
insmod linux
linux (memdisk)/vmlinuz console=hvc0 loglevel=8
initrd (memdisk)/initrd
boot
"""


def grub_disk(bench, folder):
    """A disk with GRUB as a PV kernel that holds Dom0's own kernel and hello's initrd."""
    fetched = subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=", "download", "grub-xen-bin"], cwd=folder, capture_output=True,
                             text=True, check=False)
    if fetched.returncode != 0:
        raise Skipped(f"the package grub-xen-bin cannot be fetched: {fetched.stderr.strip()}")
    command("dpkg-deb", "-x", next(folder.glob("grub-xen-bin*.deb")), "grub", folder=folder)
    command("/sbin/debugfs", "-R", "dump /var/lib/hvctl/examples/hello.initrd initrd", bench.setup.dom0 / "dom0.img", folder=folder)
    (folder / "grub.cfg").write_text(GRUB_MENU)
    content, disk = folder / "content", folder / "disk.img"
    content.mkdir()
    command("grub-mkstandalone", "-O", "x86_64-xen", "-d", "grub/usr/lib/grub/x86_64-xen", "-o", content / "grub.bin",
            "boot/grub/grub.cfg=grub.cfg", f"vmlinuz={bench.setup.dom0 / 'vmlinuz'}", "initrd=initrd", folder=folder)
    command("mkfs.ext4", "-q", "-d", content, disk, "64M", folder=folder)
    return disk


@boots("kernels: GRUB is a guest, and boots a Debian kernel in its place", slow=True)
def grub(bench):
    with tempfile.TemporaryDirectory(prefix="hv-grub-") as name, \
            bench.machine("kernel-grub", disks=[grub_disk(bench, Path(name))], hv_args="loglvl=all guest_loglvl=all") as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        dom0.ok("mount -o ro /dev/vdb /mnt")
        dom0.ok("printf '%s\\n' 'name: grub' 'type: pv' 'memory: 256MiB' 'vcpus: 2' 'kernel: /mnt/grub.bin' >grub.yaml")
        dom0.ok("hvctl create grub.yaml")
        dom0.until("hvctl console --history grub", r"this is Linux .*, a guest with 2 vCPU")
        dom0.ok("hvctl shutdown --wait grub")
        expect_no_complaint("the guest", dom0.ok("hvctl console --history grub"))
        machine.power_off()
