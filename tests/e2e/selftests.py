#!/usr/bin/python3
"""selftests.py bare|xen|hv [PROGRAM...]: the x86 selftests of Debian's kernel source, built here and run in a machine; prints a verdict for each.

Without a hypervisor (bare), in Dom0 of Debian's Xen, or in hv's. test_selftests.py compares with selftests.table, whose columns are
made by this. The programs are built from the package linux-source-6.1 each time: nothing of them is kept here.

The programs of KERNEL_STOPS are not run there: the kernel oopses, and soon stands still.
"""

import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/lib"))
from machine import Machine, MachineError, Setup  # noqa: E402

SOURCE = Path("/usr/src/linux-source-6.1.tar.xz")
PACKAGES = TOP / "tests/e2e/selftests-packages.txt"
WANTED = ("tools/testing/selftests/x86/", "tools/testing/selftests/kselftest", "arch/x86/include/asm/desc_defs.h")
# Bare: far returns of QEMU 7.2's TCG read the stack of a program as a supervisor, which SMAP forbids. Xen: Linux looks into the GDT.
KERNEL_STOPS = {"bare": ["sysret_ss_attrs_64", "test_syscall_vdso_32"], "xen": ["iopl_32", "iopl_64"]}
# No program is judged by its speed, on a host that may be very busy.
TIMEOUT = 4 * 3600
# Say on the last line of each program how it ended: exit status 4 is the kernel's word for a test that does not apply.
RUN = """cd "$1" || exit 1
for program in ${3:-*_32 *_64}; do
    case " $2 " in *" $program "*) echo "verdict $program fail"; continue;; esac
    timeout 3600 ./$program >/tmp/said 2>&1 </dev/null
    case $? in 0) verdict=pass;; 4) verdict=skip;; *) verdict=fail;; esac
    [ $verdict = fail ] && sed "s/^/# $program: /" /tmp/said | tail -n 20
    echo "verdict $program $verdict"
done
echo selftests are over
"""


def install():
    script = f". {shlex.quote(str(TOP / 'tests/lib/packages.sh'))} && install_missing {shlex.quote(str(PACKAGES))}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    if done.returncode != 0 or not SOURCE.exists():
        raise MachineError(f"linux-source-6.1 and gcc-multilib cannot be installed: {done.stderr[-1000:]}")


def extract(folder):
    with tarfile.open(SOURCE, "r|xz") as archive:
        for member in archive:
            inner = member.name.partition("/")[2]
            if inner.startswith(WANTED) and member.isfile():
                member.name = inner
                archive.extract(member, folder)
    return folder / "tools/testing/selftests/x86"


class Makefile:
    """What the kernel's Makefile says of each program."""

    def __init__(self, text):
        self.text = text.replace("\\\n", " ")

    def names(self, variable):
        return re.search(rf"^{variable}\s*:=\s*(.*)$", self.text, re.MULTILINE)[1].split()

    def programs(self):
        both, needed = self.names("TARGETS_C_BOTHBITS"), self.names("TARGETS_C_32BIT_NEEDED")
        for name in both + needed + self.names("TARGETS_C_32BIT_ONLY"):
            yield name, 32
        for name in both + needed + self.names("TARGETS_C_64BIT_ONLY"):
            yield name, 64

    def sources(self, program):
        return re.findall(rf"^\$\(OUTPUT\)/{program}: (\S+\.S)$", self.text, re.MULTILINE)

    def flags(self, program):
        return [flag for line in re.findall(rf"^\$\(OUTPUT\)/{program}: CFLAGS \+= (.*)$", self.text, re.MULTILINE) for flag in line.split()]


def build(folder):
    """All programs, in folder/programs."""
    install()
    source = extract(folder)
    makefile = Makefile((source / "Makefile").read_text())
    out = folder / "programs"
    out.mkdir()
    for name, bits in makefile.programs():
        program = f"{name}_{bits}"
        done = subprocess.run(["gcc", f"-m{bits}", "-O2", "-std=gnu99", "-pthread", "-no-pie", "-static", "-s", "-w", "-DCAN_BUILD_32", "-DCAN_BUILD_64",
                               *makefile.flags(program), "-o", out / program, f"{name}.c", *makefile.sources(program), "-lrt", "-ldl", "-lm"],
                              cwd=source, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise MachineError(f"{program} does not build: {done.stderr}")
    (out / "run").write_text(RUN)
    shutil.rmtree(folder / "tools")
    return out


def disk(folder, programs):
    """A disk with the programs, and with an archive that makes a guest of hello's initial RAM disk run them."""
    guest = folder / "guest"
    (guest / "etc").mkdir(parents=True)
    shutil.copytree(programs, guest / "selftests")
    greeting = guest / "etc/greeting"
    greeting.write_text("#!/bin/sh\nmkdir -p /tmp\nsh /selftests/run /selftests\n")
    greeting.chmod(0o755)
    subprocess.run("find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 >../programs/guest.cpio.gz", shell=True, cwd=guest, check=True)
    image = folder / "selftests.img"
    subprocess.run(["mkfs.ext4", "-q", "-d", programs, image, "192M"], check=True)
    return image


def verdicts(text):
    if "selftests are over" not in text:
        raise MachineError(f"the selftests did not come to their end:\n{text[-3000:]}")
    return dict(re.findall(r"^verdict (\S+) (\S+)\r?$", text, re.MULTILINE))


def in_machine(machine, stops=(), programs=()):
    """In the system that a machine boots, which has the disk as its second one: `programs`, or all; without those of `stops`, which fail."""
    parts = []
    machine.run(f"mount -o ro /dev/vdb /mnt && sh /mnt/run /mnt '{' '.join(stops)}' '{' '.join(programs)}'", parts.append, TIMEOUT)
    return b"".join(parts).decode(errors="replace")


def main():
    kind = sys.argv[1]
    prepared = subprocess.run([TOP / "tests/lib/prepare"] + (["--xen"] if kind == "xen" else []), stdout=subprocess.PIPE, text=True, check=True)
    dom0 = Path(prepared.stdout.strip())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hypervisor = dom0 / "xen" if kind == "xen" else TOP / "build/release/hv/hv"
        setup = Setup(hypervisor, dom0, disks=[disk(folder, build(folder))], bare=kind == "bare",
                      kernel_args="no_timer_check" if kind == "bare" else "",  # a busy host is late for it
                      cpu="max,-smap,-rdtscp" if kind == "xen" else "max")
        with Machine(setup, Path(f"selftests-{kind}.log")) as machine:
            machine.wait_ready()
            text = in_machine(machine, KERNEL_STOPS.get(kind, ()), sys.argv[2:])
            machine.power_off()
    print(text)
    for program, verdict in sorted(verdicts(text).items()):
        print(f"{program:28} {verdict}")


if __name__ == "__main__":
    main()
