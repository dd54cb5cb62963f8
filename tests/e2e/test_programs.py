"""Programs that enter their kernel in unusual ways run in Dom0 as on the machine itself."""

import base64
import gzip
import subprocess
import tempfile
from pathlib import Path

from framework import TOP, Dom0, boots, expect, in_dom0

PROGRAMS = TOP / "tests/e2e/programs"


def run_program(dom0, source, *options):
    """Compiles a program and runs it in Dom0; returns what it says."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program"
        built = subprocess.run(["g++", "-x", "c", "-O2", "-static", "-s", *options, "-o", program, PROGRAMS / source],
                               capture_output=True, text=True, check=False)
        expect(built.returncode == 0, f"the program does not build: {built.stderr}")
        text = base64.b64encode(gzip.compress(program.read_bytes())).decode()
    # In pieces: one command is one argument, which is not to be longer than 128 KiB.
    dom0.ok("rm -f /tmp/program.text")
    for start in range(0, len(text), 65536):
        dom0.ok(f"echo {text[start:start + 65536]} >>/tmp/program.text")
    return dom0.ok("base64 -d </tmp/program.text | gzip -d >/tmp/program; chmod +x /tmp/program; /tmp/program; status=$?; "
                   "rm /tmp/program /tmp/program.text; exit $status")


def run_32_bit(dom0):
    """What the vDSO uses for system calls there."""
    said = run_program(dom0, "system_calls_32.c", "-m32", "-ffreestanding", "-fno-tree-loop-distribute-patterns", "-fno-pie", "-no-pie",
                       "-fno-asynchronous-unwind-tables", "-fcf-protection=none", "-fno-stack-protector", "-nostdlib", "-Wl,--build-id=none",
                       "-Wl,-n")
    expect(said.split("\n")[1] == "right", f"system calls of a 32-bit program: {said}")
    return said.split("\n")[0]


@in_dom0("programs: RDTSC is forbidden to a process that asks for it, and getcpu of the vDSO is right on every CPU")
def time_stamps(dom0):
    expect(run_program(dom0, "time_stamps.c").strip() == "right", "time stamps")


@in_dom0("programs: a 32-bit program makes system calls, also step by step")
def system_calls_32(dom0):
    run_32_bit(dom0)


@boots("programs: a 32-bit program on Intel's processors uses SYSENTER", slow=True)
def system_calls_32_intel(bench):
    with bench.machine("sysenter", cpu="Skylake-Client") as machine:
        machine.wait_ready()
        entry = run_32_bit(Dom0(machine))
        expect(entry == "sysenter", f"the vDSO uses {entry}")
        machine.power_off()
