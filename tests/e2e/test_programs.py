"""Programs that enter their kernel in unusual ways run in Dom0 as on the machine itself."""

import base64
import subprocess
import tempfile
from pathlib import Path

from framework import TOP, Dom0, boots, expect, in_dom0

SOURCE = TOP / "tests/e2e/programs/system_calls_32.c"


def run_32_bit(dom0):
    """What the vDSO uses for system calls there."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program"
        built = subprocess.run(["g++", "-x", "c", "-m32", "-O2", "-ffreestanding", "-fno-tree-loop-distribute-patterns", "-fno-pie", "-no-pie",
                                "-fno-asynchronous-unwind-tables", "-fcf-protection=none", "-fno-stack-protector", "-nostdlib", "-static", "-s",
                                "-Wl,--build-id=none", "-Wl,-n", "-o", program, SOURCE], capture_output=True, text=True, check=False)
        expect(built.returncode == 0, f"the program does not build: {built.stderr}")
        text = base64.b64encode(program.read_bytes()).decode()
    said = dom0.ok(f"echo {text} | base64 -d >/tmp/calls32; chmod +x /tmp/calls32; /tmp/calls32; status=$?; rm /tmp/calls32; exit $status")
    expect(said.split("\n")[1] == "right", f"system calls of a 32-bit program: {said}")
    return said.split("\n")[0]


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
