"""The x86 selftests of Debian's kernel source, in Dom0 and in a guest: what passes without a hypervisor passes here, or fails on Xen, too."""

import tempfile
from pathlib import Path

import selftests
from framework import HELLO, TOP, Dom0, boots, expect

TABLE = TOP / "tests/e2e/selftests.table"


def known():
    """program -> its verdicts without a hypervisor, on Xen, and on hv."""
    rows = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    for program, bare, xen, hv in rows:
        expect(hv == "pass" or "fail" in (bare, xen), f"{TABLE.name}: {program} fails on hv alone")
    return {program: hv for program, _, _, hv in rows}


def judge(where, text):
    table = known()
    found = selftests.verdicts(text)
    failed = sorted(program for program, verdict in found.items() if verdict == "fail" and table.get(program, "pass") != "fail")
    said = "\n".join(line for line in text.splitlines() if any(line.startswith(f"# {program}:") for program in failed))
    expect(not failed, f"{where}: {', '.join(failed)}:\n{said}")
    missing = sorted(set(table) - set(found))
    expect(not missing, f"{where}: these did not run: {', '.join(missing)}")


@boots("selftests: the kernel's own x86 tests pass in Dom0 and in a guest", slow=True)
def x86_selftests(bench):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = selftests.disk(folder, selftests.build(folder))
        with bench.machine("selftests", disks=[image]) as machine:
            machine.wait_ready()
            judge("Dom0", selftests.in_machine(machine))
            dom0 = Dom0(machine)
            dom0.ok("cat /var/lib/hvctl/examples/hello.initrd /mnt/guest.cpio.gz >/tmp/selftests.initrd")
            dom0.ok(f"hvctl create {HELLO} memory=512MiB vcpus=2 initrd=/tmp/selftests.initrd")
            dom0.until("hvctl console --history hello", "selftests are over", timeout=selftests.TIMEOUT)
            judge("a guest", dom0.ok("hvctl console --history hello").replace("\r", ""))
            dom0.ok("hvctl destroy hello")
            machine.power_off()
