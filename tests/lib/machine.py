"""The emulated machine: QEMU with a hypervisor and Dom0, its serial line watched, commands run in Dom0.

A Setup says what the machine is; a Machine boots it, runs commands in Dom0 (through a virtio port, so that their output
comes back byte for byte) and powers it off. Each way in which it can fail raises MachineError with the reason and the last
lines of the serial line.
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

# Where a boot loader, a kernel or a hypervisor says that it is the end.
PANIC = re.compile(rb"Kernel panic - not syncing|Dom0 cannot start: |[Pp]anic on CPU \d+|\bPANIC\b|initrd: cannot mount|you need to load the kernel first")
SERIAL_TAIL_LINES = 40
# Generous: an emulated machine on a busy host is slow, and a machine that is dead is mostly noticed by other means.
BOOT_TIMEOUT = float(os.environ.get("HV_BOOT_TIMEOUT", "420"))
# A machine dies with the thread that started it, however that ends.
DIES_WITH_US = ["setpriv", "--pdeathsig", "KILL"]


class MachineError(Exception):
    """The machine did not do what was asked of it; the text says why."""


def mebibytes(size):
    """'2G', '512MiB' or '1024' (MiB) as a number of MiB."""
    match = re.fullmatch(r"(\d+)\s*([KMGT]?)(?:i?B)?", size.strip(), re.IGNORECASE)
    if not match:
        raise MachineError(f"memory size '{size}': expected a number with a unit, such as 2G or 1536M")
    value, unit = int(match[1]), match[2].upper() or "M"
    result = value // 1024 if unit == "K" else value * {"M": 1, "G": 1024, "T": 1024 * 1024}[unit]
    if result < 256:
        raise MachineError(f"memory size '{size}': Dom0 needs a machine of at least 256M")
    return result


@dataclass
class Setup:
    """What to boot and on which machine. `dom0` is the folder with dom0.img, vmlinuz and initrd.img."""

    hypervisor: Path
    dom0: Path
    cpus: int = 2
    memory: str = "2G"
    cpu: str = "max"
    machine: str = "q35"
    accel: str = "tcg"
    hv_args: str = ""
    kernel_args: str = ""
    disks: list = field(default_factory=list)
    iso: Path | None = None  # boots this CD instead of hypervisor + kernel
    bare: bool = False  # Dom0's kernel without any hypervisor
    uefi: bool = False
    qemu_args: list = field(default_factory=list)

    def hypervisor_line(self):
        """The hypervisor's command line: ours first, so that the user's words win."""
        line = "console=com1 com1=115200,8n1"
        if "dom0_mem=" not in self.hv_args:
            line += f" dom0_mem={min(1024, mebibytes(self.memory) // 2)}M"
        return f"{line} {self.hv_args}".strip()

    def kernel_line(self):
        return f"console=hvc0 root=/dev/vda loglevel=4 {self.kernel_args}".strip()

    def command(self):
        """QEMU's command line without the serial line and the command port."""
        line = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-machine", self.machine, "-cpu", self.cpu, "-smp", str(self.cpus), "-m", f"{mebibytes(self.memory)}M",
                "-accel", "tcg,thread=multi" if self.accel == "tcg" else self.accel]
        if self.iso:
            line += ["-cdrom", str(self.iso), "-boot", "d"]
        elif self.bare:
            line += ["-kernel", str(self.dom0 / "vmlinuz"), "-initrd", str(self.dom0 / "initrd.img"),
                     "-append", self.kernel_line().replace("console=hvc0", "console=ttyS0")]
        else:
            # A comma ends a module in QEMU's -initrd; two stand for one.
            module = f"{self.dom0 / 'vmlinuz'} {self.kernel_line()}".replace(",", ",,")
            line += ["-kernel", str(self.hypervisor), "-append", self.hypervisor_line(),
                     "-initrd", f"{module},{str(self.dom0 / 'initrd.img').replace(',', ',,')}"]
        if self.uefi:
            line += ["-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
                     "-drive", "if=pflash,format=raw,snapshot=on,file=/usr/share/OVMF/OVMF_VARS_4M.fd"]
        # Dom0's own disk is thrown away with the machine; a user's disk keeps what is written to it.
        line += _disk("dom0", self.dom0 / "dom0.img", "raw", "snapshot=on")
        for number, disk in enumerate(self.disks):
            line += _disk(f"disk{number}", disk, image_format(disk), "snapshot=off")
        return line + self.qemu_args


def _disk(name, path, image_format, options):
    escaped = str(path).replace(",", ",,")
    return ["-drive", f"if=none,id={name},file={escaped},format={image_format},{options}", "-device", f"virtio-blk-pci,drive={name}"]


def image_format(path):
    """qcow2 by its magic number, raw otherwise (guessing more would let a guest choose what its disk means)."""
    try:
        with open(path, "rb") as file:
            return "qcow2" if file.read(4) == b"QFI\xfb" else "raw"
    except OSError as error:
        raise MachineError(f"disk {path}: {error.strerror}") from error


def end_by_signals():
    """Has TERM and HUP end this program as INT does: through Python, so that machines, their files and the terminal are left in
    order. The status is a shell's, 128 + the signal's number."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, lambda caught, _: sys.exit(128 + caught))


def files_in(folder):
    """QEMU's environment: for a moment, until it has unlinked it, the file of a disk's snapshot has a name."""
    return {**os.environ, "TMPDIR": str(folder)}


def interactive(setup):
    """Boots with the terminal as the serial line; Ctrl-T x ends QEMU. Returns QEMU's exit status."""
    mode = termios.tcgetattr(sys.stdin) if sys.stdin.isatty() else None
    with (tempfile.TemporaryDirectory(prefix="hv-") as folder,
          subprocess.Popen(DIES_WITH_US + setup.command() +
                           ["-chardev", "stdio,id=serial,mux=on,signal=off", "-serial", "chardev:serial",
                            "-mon", "chardev=serial", "-echr", str(ord("T") - ord("@"))], env=files_in(folder)) as qemu):
        try:
            return qemu.wait()
        finally:
            qemu.kill()
            if mode:
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, mode)


class Serial(threading.Thread):
    """Reads the serial line to its end: all of it to a file, each line with the time at which it began."""

    def __init__(self, pipe, log):
        super().__init__(daemon=True)
        self.pipe, self.log = pipe, open(log, "wb", buffering=0)
        self.text = bytearray()
        self.lines = []  # (time.monotonic() of the first byte, offset in text)
        self.panic_at = None
        self.start()

    def run(self):
        at_start = True
        while data := os.read(self.pipe.fileno(), 65536):
            now = time.monotonic()
            self.log.write(data)
            for piece in data.splitlines(keepends=True):
                if at_start:
                    self.lines.append((now, len(self.text)))
                self.text += piece
                at_start = piece.endswith(b"\n")
            if self.panic_at is None and PANIC.search(self.text, max(0, len(self.text) - len(data) - 80)):
                self.panic_at = now

    def when(self, pattern):
        """The time at which the first line that matches `pattern` began, or None."""
        for index, (moment, start) in enumerate(self.lines):
            end = self.lines[index + 1][1] if index + 1 < len(self.lines) else len(self.text)
            if re.search(pattern, bytes(self.text[start:end])):
                return moment
        return None

    def tail(self):
        lines = bytes(self.text).decode(errors="replace").replace("\r", "").splitlines()
        return "\n".join("  | " + line for line in lines[-SERIAL_TAIL_LINES:]) or "  | (nothing)"


class Machine:
    """A machine from power-on to power-off. Use it as a context: whatever happens, QEMU is gone at the end."""

    def __init__(self, setup, log):
        self.setup, self.log = setup, Path(log)
        self.pending = b""
        self.link = self.errors = self.qemu = self.serial = None
        self.folder = Path(tempfile.mkdtemp(prefix="hv-"))
        try:  # a signal may end this program anywhere from here on
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.folder / "run"))
            listener.listen(1)
            listener.settimeout(0.2)
            self.errors = open(self.folder / "errors", "w+b")
            self.started = time.monotonic()
            self.qemu = subprocess.Popen(
                DIES_WITH_US + self.setup.command() +
                ["-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial", "-device", "virtio-serial-pci",
                 "-chardev", f"socket,id=run,path={self.folder / 'run'}", "-device", "virtserialport,chardev=run,name=hv.run"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=files_in(self.folder))
            self.serial = Serial(self.qemu.stdout, self.log)
            while self.link is None and self.qemu.poll() is None and time.monotonic() < self.started + 60:
                try:
                    self.link = listener.accept()[0]
                except TimeoutError:
                    pass
            if self.link is None:
                raise self.error("QEMU did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.qemu:
            if self.qemu.poll() is None:
                self.qemu.kill()
            self.qemu.wait()
        if self.serial:
            self.serial.join(timeout=10)
        if self.link:
            self.link.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def error(self, reason):
        """A MachineError with what QEMU said, whether it was QEMU that crashed, and the end of the serial line."""
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip()
        status = self.qemu.poll()
        if status is not None and status < 0:
            reason = f"QEMU itself was ended by {signal.Signals(-status).name}: {reason}"
        return MachineError(f"{reason}{f' (QEMU says: {said})' if said else ''}. The serial line ({self.log}) ended with:\n"
                            f"{self.serial.tail()}")

    def type(self, data):
        """Types bytes on the serial line."""
        self.qemu.stdin.write(data)
        self.qemu.stdin.flush()

    def _receive(self, deadline, doing):
        """The next bytes from Dom0's port; raises when the machine goes down, panics or is too slow."""
        while True:
            self.link.settimeout(0.5)
            try:
                data = self.link.recv(65536)
            except TimeoutError:
                data = None
            except ConnectionError:
                data = b""
            if data:
                return data
            if data == b"":
                try:
                    self.qemu.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    raise self.error(f"Dom0's port is closed, but the machine is still on, while {doing}") from None
                self.serial.join(timeout=5)
                raise self.error(f"the machine went down while {doing}")
            now = time.monotonic()
            if self.serial.panic_at is not None and now - self.serial.panic_at > 5:
                raise self.error(f"panic while {doing}")
            if deadline is not None and now > deadline:
                raise self.error(f"no end after {deadline - self.started:.0f} s from power-on while {doing}")

    def wait_ready(self, timeout=None):
        """Waits until Dom0 takes commands."""
        deadline = self.started + (timeout or BOOT_TIMEOUT)
        while b"ready\n" not in self.pending:
            self.pending += self._receive(deadline, "booting Dom0")
        self.pending = b""
        return time.monotonic() - self.started

    def wait_serial(self, pattern, timeout=None):
        """Waits until a line of the serial line matches `pattern` (bytes)."""
        deadline = time.monotonic() + (timeout or BOOT_TIMEOUT)
        while self.serial.when(pattern) is None:
            if self.qemu.poll() is not None:
                self.serial.join(timeout=5)
                if self.serial.when(pattern) is not None:
                    break
                raise self.error(f"the machine went down before '{pattern.decode()}' was seen")
            if self.serial.panic_at is not None and time.monotonic() - self.serial.panic_at > 5:
                raise self.error(f"panic before '{pattern.decode()}' was seen")
            if time.monotonic() > deadline:
                raise self.error(f"'{pattern.decode()}' was not seen in time")
            time.sleep(0.1)

    def run(self, command, sink, timeout=None):
        """Runs `command` with bash as root in Dom0, hands its output to sink(bytes) as it comes, returns its status."""
        token = secrets.token_hex(16).encode()
        end = re.compile(token + rb":(\d+)\n")
        self.link.settimeout(30)
        self.link.sendall(token + b"\0" + (command.encode() or b":") + b"\0")
        deadline = None if timeout is None else time.monotonic() + timeout
        keep = len(token) + 5
        held = self.pending
        while not (found := end.search(held)):
            if len(held) > keep:
                sink(held[:-keep])
                held = held[-keep:]
            held += self._receive(deadline, f"running '{command}'")
        sink(held[:found.start()])
        self.pending = held[found.end():]
        return int(found[1])

    def power_off(self, timeout=BOOT_TIMEOUT):
        """An orderly end: Dom0 and, before it, its guests shut down (which they have two minutes for); then the machine is off."""
        self.link.settimeout(30)
        self.link.sendall(b"end\0\0")
        try:
            self.qemu.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise self.error(f"the machine is still on {timeout} s after Dom0 was told to power off") from None
