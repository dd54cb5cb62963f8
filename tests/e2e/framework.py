"""Ring 3's framework: tests with names and verdicts, and a Dom0 that many of them share.

A test is a function with one of two decorators:
  @in_dom0("name")    gets a Dom0 that is up; the next test gets the same one, so a test leaves nothing behind
  @boots("name")      gets a Bench and boots machines of its own
`slow=True` keeps a test for `tests/run --slow`. A test fails by raising; it has no other way to pass than to return. One that
cannot be run here, because something outside the tree is missing, raises Skipped with the reason, which is printed and counted.
"""

import json
import multiprocessing
import re
import shlex
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/lib"))
from machine import BOOT_TIMEOUT, Machine, MachineError, Setup, end_by_signals  # noqa: E402

TESTS = []
# No test is about speed: a command that hangs is meant, on a host that may be very busy.
COMMAND_TIMEOUT = max(600, BOOT_TIMEOUT)
HELLO = "/usr/share/hvctl/examples/hello.yaml"


class Failure(Exception):
    """A promise that was not kept."""


class Skipped(Exception):
    """A test that this place cannot run; the text says what is missing."""


@dataclass
class Test:
    name: str
    function: object
    slow: bool
    shares_dom0: bool


def in_dom0(name, slow=False):
    return lambda function: TESTS.append(Test(name, function, slow, True)) or function


def boots(name, slow=False):
    return lambda function: TESTS.append(Test(name, function, slow, False)) or function


def expect(condition, message):
    if not condition:
        raise Failure(message)


@dataclass
class Output:
    command: str
    status: int
    text: str

    def __str__(self):
        shown = "\n".join("  | " + line for line in self.text.splitlines()[-30:]) or "  | (nothing)"
        return f"'{self.command}' ended with status {self.status} and said:\n{shown}"


class Dom0:
    """The shell of a Dom0 that is up."""

    def __init__(self, machine):
        self.machine = machine

    def shell(self, command, timeout=COMMAND_TIMEOUT):
        parts = []
        status = self.machine.run(command, parts.append, timeout)
        return Output(command, status, b"".join(parts).decode(errors="replace"))

    def ok(self, command, timeout=COMMAND_TIMEOUT):
        """Runs what must succeed; returns what it printed."""
        output = self.shell(command, timeout)
        expect(output.status == 0, f"expected success: {output}")
        return output.text

    def refused(self, command, *patterns, status=None):
        """Runs what must be refused: with `status` (any but 0 otherwise), and a text that each pattern is found in."""
        output = self.shell(command)
        expect(output.status != 0, f"expected a refusal: {output}")
        expect(status is None or output.status == status, f"expected status {status}: {output}")
        for pattern in patterns:
            expect(re.search(pattern, output.text), f"expected '{pattern}' in the message: {output}")
        return output.text

    def until(self, command, pattern, timeout=COMMAND_TIMEOUT):
        """Repeats `command` until its output matches `pattern`."""
        deadline = time.monotonic() + timeout
        while True:
            output = self.shell(command)
            if re.search(pattern, output.text):
                return output.text
            expect(time.monotonic() < deadline, f"'{pattern}' did not come: {output}")
            time.sleep(0.5)

    def ask(self, name, line, answer, attach=None, after=None):
        """Types `line` on the domain's console and leaves when that shows `answer`, however long it takes; returns what it showed.
        `attach` is another command that gives the console; nothing is typed before that has shown `after`."""
        shown = "/tmp/console.shown"
        # Again after a while: a shell that starts may throw away what was typed before. \035 is Ctrl-].
        may = f"grep -aq {shlex.quote(after)} {shown} && " if after else ""
        typing = (f"for i in $(seq {2 * int(COMMAND_TIMEOUT)}); do {may}[ $((++asked % 60)) = 1 ] && "
                  f"printf '%s\\n' {shlex.quote(line)}; sleep 0.5; grep -aq {shlex.quote(answer)} {shown} && break; done; printf '\\035'")
        return self.ok(f": >{shown}; asked=0; {{ {typing}; }} | {attach or f'hvctl console {name}'} >>{shown}; status=$?; cat {shown}; "
                       "exit $status", 2 * COMMAND_TIMEOUT)

    def write(self, path, text):
        self.ok(f"printf %s {shlex.quote(text)} >{shlex.quote(path)}")

    def host(self):
        return json.loads(self.ok("hvctl info --json"))["host"]

    def domains(self):
        return {domain["name"]: domain for domain in json.loads(self.ok("hvctl list --json"))["domains"]}

    def guests(self):
        """The names of the domains that exist in hv, Dom0 aside."""
        return sorted(name for name, domain in self.domains().items() if domain.get("domid", 0) != 0)


class Bench:
    """Makes machines."""

    def __init__(self, setup, folder, slow):
        self.setup, self.folder, self.slow = setup, Path(folder), slow

    def machine(self, name, **changes):
        return Machine(replace(self.setup, **changes), self.folder / f"{name}.log")


class Runner:
    """Runs tests one by one, in a process of its own: several share the tests. Each has its own Dom0 that its tests share."""

    def __init__(self, bench, number):
        self.bench, self.number = bench, number
        self.shared = None
        self.passed = self.failed = self.skipped = 0

    def work(self, tests, taken, counts):
        """Runs those of `tests` that nobody has taken; `taken` counts them over all runners."""
        end_by_signals()
        try:
            while True:
                with taken.get_lock():
                    index = taken.value
                    taken.value += 1
                if index >= len(tests):
                    break
                if not tests[index].shares_dom0:
                    self.drop_dom0()
                self.run(tests[index])
        finally:
            self.drop_dom0()
            counts.put((self.passed, self.failed, self.skipped))

    def dom0(self):
        if self.shared is None:
            machine = self.bench.machine(f"dom0-{self.number}")
            try:
                machine.wait_ready()
            except BaseException:
                machine.close()
                raise
            self.shared = Dom0(machine)
        return self.shared

    def drop_dom0(self):
        if self.shared:
            self.shared.machine.close()
            self.shared = None

    def run(self, test):
        started = time.monotonic()
        try:
            test.function(self.dom0() if test.shares_dom0 else self.bench)
            reason = None
        except Skipped as missing:
            self.skipped += 1
            print(f"SKIP {test.name}: {missing}", flush=True)
            return
        except Exception as error:  # one that a test did not expect is its failure, and the next one's turn
            reason = str(error) if isinstance(error, (Failure, MachineError)) else f"{type(error).__name__}: {error}"
            # What a failed test left behind must not fail the next one.
            if test.shares_dom0:
                self.drop_dom0()
        took = f"({time.monotonic() - started:.1f} s)"
        if reason is None:
            self.passed += 1
            print(f"PASS {test.name} {took}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL {test.name} {took}: {reason}", flush=True)


def main(setup, names, slow, keep, jobs):
    known = {test.name for test in TESTS}
    if unknown := [name for name in names if name not in known]:
        print(f"unknown tests: {', '.join(unknown)}; there are:\n  " + "\n  ".join(sorted(known)), file=sys.stderr)
        return 2
    chosen = [test for test in TESTS if (test.name in names if names else slow or not test.slow)]
    left_out = 0 if names else len(TESTS) - len(chosen)
    folder = tempfile.mkdtemp(prefix="hv-e2e-") if keep is None else keep
    Path(folder).mkdir(parents=True, exist_ok=True)
    # The tests of a shared Dom0 first, so that it is booted once.
    chosen.sort(key=lambda test: not test.shares_dom0)
    taken, counts = multiprocessing.Value("i", 0), multiprocessing.SimpleQueue()
    runners = [multiprocessing.Process(target=Runner(Bench(setup, folder, slow), number + 1).work, args=(chosen, taken, counts))
               for number in range(min(jobs, len(chosen)))]
    passed = failed = 0
    try:
        for runner in runners:
            runner.start()
        for runner in runners:
            runner.join()
            if runner.exitcode != 0:
                print(f"a process that runs tests ended with status {runner.exitcode}")
                failed += 1
        while not counts.empty():
            each = counts.get()
            passed, failed, left_out = passed + each[0], failed + each[1], left_out + each[2]
    finally:
        for runner in runners:
            if runner.pid is not None:  # it was started
                runner.terminate()
                runner.join()
        if keep is None and not any(Path(folder).iterdir()):  # no log to look at
            Path(folder).rmdir()
    print(f"{passed} passed, {failed} failed" + (f", {left_out} skipped" if left_out else ""))
    return 1 if failed or not passed else 0
