"""What starts machines is ended by a signal: no machine and no file stays behind."""

import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from framework import TOP, boots, expect

ENDINGS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL]
PATIENCE = 120  # seconds; a host that is busy, never a measure


def processes():
    """{pid: (parent, name)} of all that live; a zombie does not."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = entry.read_text()
        except OSError:
            continue
        name, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
        if rest[0] != "Z":
            found[int(entry.parent.name)] = (int(rest[1]), name)
    return found


def machines_below(pid):
    """The QEMUs among the descendants of `pid`."""
    alive = processes()

    def is_below(each):
        while each in alive and each != pid:
            each = alive[each][0]
        return each == pid

    return {each for each, (_, name) in alive.items() if name.startswith("qemu-system") and is_below(each)}


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        expect(time.monotonic() < deadline, f"{what}: did not happen in {PATIENCE} s")
        time.sleep(0.1)
    return result


def default_signals():
    for number in ENDINGS[:-1]:
        signal.signal(number, signal.SIG_DFL)  # whoever runs the tests may ignore some


def ends_with_its_machine(command, ending, scratch, status=None):
    master, terminal = pty.openpty()
    with tempfile.TemporaryFile() as output:
        program = subprocess.Popen(command, stdin=terminal, stdout=output, stderr=output, preexec_fn=default_signals,
                                   env={**os.environ, "TMPDIR": str(scratch)})
        what = f"{' '.join(map(str, command))}, ended by {ending.name}"
        try:
            machines = wait_for(lambda: machines_below(program.pid) if program.poll() is None else {0}, f"{what}: its machine")
            output.seek(0)
            expect(program.poll() is None, f"{what}: ended by itself: {output.read()[-1000:]}")
            program.send_signal(ending)
            ended = program.wait(timeout=PATIENCE)
            wait_for(lambda: not machines & processes().keys(), f"{what}: the end of its machine")
        finally:
            program.kill()
            program.wait()
            os.close(master)
            os.close(terminal)
    expect(status is None or ended == status, f"{what}: status {ended} instead of {status}")
    if ending != signal.SIGKILL:
        expect(not list(scratch.iterdir()), f"{what}: left {list(scratch.iterdir())}")


@boots("quickstart: a signal that ends it, or its death, ends the machine, with --run and without")
def quickstart_endings(bench):
    with tempfile.TemporaryDirectory(prefix="hv-endings-") as folder:
        boot = [sys.executable, TOP / "tests/lib/boot", "--dom0", bench.setup.dom0, "--hypervisor", bench.setup.hypervisor]
        for number, arguments in enumerate(([], ["--run", "true"])):
            for ending in ENDINGS:
                scratch = Path(folder) / f"{number}-{ending.name}"
                scratch.mkdir()
                status = {signal.SIGKILL: -signal.SIGKILL}.get(ending, 128 + ending)
                ends_with_its_machine(boot + arguments, ending, scratch, status)


@boots("tests/guest/run: a signal that ends it, or its death, ends its machines")
def guest_endings(bench):
    with tempfile.TemporaryDirectory(prefix="hv-endings-") as folder:
        kernels = Path(folder) / "kernels"
        kernels.mkdir()
        shutil.copy(bench.setup.dom0 / "vmlinuz", kernels / "hello.elf")  # one that does not end at once
        command = [sys.executable, TOP / "tests/guest/run", "--image", bench.setup.hypervisor, "--kernels", kernels, "hello"]
        for ending in ENDINGS:
            scratch = Path(folder) / ending.name
            scratch.mkdir()
            ends_with_its_machine(command, ending, scratch)
