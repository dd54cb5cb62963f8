"""The two hypervisors under measurement, and what a guest is to each: how it is created, read and destroyed."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/lib"))
from machine import Machine, MachineError, Setup, end_by_signals  # noqa: E402

GUEST = "console=hvc0 loglevel=4"


class Dom0:
    def __init__(self, machine):
        self.machine = machine

    def run(self, command, timeout=600):
        parts = []
        status = self.machine.run(command, parts.append, timeout)
        text = b"".join(parts).decode(errors="replace")
        if status != 0:
            raise MachineError(f"'{command}' ended with status {status}: {text.strip()[-1000:]}")
        return text

    def timed(self, command):
        """The seconds that a command takes, by Dom0's clock."""
        return float(self.run(f"t=$EPOCHREALTIME; {command} >/dev/null || exit; u=$EPOCHREALTIME; "
                              "echo $(( ${u/./} - ${t/./} ))").split()[-1]) / 1e6

    def until(self, command, pattern, timeout=300):
        deadline = time.monotonic() + timeout
        while not (found := re.search(pattern, text := self.run(command + " || true"))):
            if time.monotonic() > deadline:
                raise MachineError(f"'{command}' did not print '{pattern}' in {timeout} s; it printed: {text[-1000:]}")
            time.sleep(5)  # each look takes time from what is measured
        return found


class Hv:
    name = "hv"
    has_daemon = True  # one that knows all guests

    def __init__(self):
        self.dom0 = Path(_prepare())
        self.image = TOP / "build/release/hv/hv"
        self.cpu = "max"

    def start(self, dom0):
        dom0.run("hvctl info")

    def create(self, name, memory, words, paused):
        # A guest that runs to its end stays known: its log is read afterwards.
        return (f"hvctl create {'--ephemeral --paused' if paused else ''} /root/bench/guest.yaml name={name} memory={memory}MiB "
                f"cmdline='{GUEST} {words}'")

    def definition(self, guest):
        """An IoGuest's, as the text of a file."""
        lines = [f"name: {guest.name}", f"memory: {guest.memory}MiB", f"vcpus: {guest.vcpus}", "kernel: /vmlinuz",
                 f"initrd: /root/bench/{guest.initrd}", f"cmdline: {GUEST} {guest.words}"]
        if guest.disk:
            lines.append(f"disks: [{{target: xvda, path: {guest.disk}}}]")
        if guest.address:
            lines.append(f"nics: [{{bridge: hvbr0, addresses: [{guest.address}]}}]")
        return "\n".join(lines) + "\n"

    def create_defined(self, path, paused):
        return f"hvctl create --ephemeral {'--paused' if paused else ''} {path}"

    def make_bridge(self, dom0, address):
        """hvctld makes hvbr0 with this address when the first guest needs it."""

    def destroy(self, name):
        return f"hvctl destroy {name}"

    def list(self):
        return "hvctl list"

    def console(self, name):
        return f"hvctl console --history {name}"

    def own_memory(self, dom0):
        return json.loads(dom0.run("hvctl info --json"))["host"]["hv_memory"]

    def free_memory(self, dom0):
        return json.loads(dom0.run("hvctl info --json"))["host"]["free_memory"]

    def daemon_resident(self, dom0):
        return int(dom0.run("awk '/VmRSS/ {print $2}' /proc/$(systemctl show -P MainPID hvctld)/status")) * 1024


class Xen:
    """Debian's Xen 4.17 with its own tools. Its Dom0 needs SMAP and RDTSCP hidden under QEMU's TCG."""

    name = "xen"
    has_daemon = False

    def __init__(self):
        self.dom0 = Path(_prepare("--xen"))
        self.image = self.dom0 / "xen"
        self.cpu = "max,-smap,-rdtscp"

    def start(self, dom0):
        # Debian's xenconsoled keeps no guest's log by default; hvctld always does.
        dom0.run("mkdir -p /var/log/xen/console; kill $(cat /run/xenconsoled.pid); "
                 "/usr/lib/xen-4.17/bin/xenconsoled --log=guest --pid-file /run/xenconsoled.pid && xl info >/dev/null")

    def create(self, name, memory, words, paused):
        return (f"sed -e 's/NAME/{name}/; s/MEMORY/{memory}/; s/WORDS/{GUEST} {words}/' /root/bench/guest.cfg >/root/{name}.cfg; "
                f"xl create -q {'-p' if paused else ''} /root/{name}.cfg")

    def definition(self, guest):
        """An IoGuest's, as the text of a file."""
        lines = [f"name='{guest.name}'", "type='pv'", f"memory={guest.memory}", f"vcpus={guest.vcpus}", "kernel='/vmlinuz'",
                 f"ramdisk='/root/bench/{guest.initrd}'", f"extra='{GUEST} {guest.words}'"]
        if guest.disk:
            lines.append(f"disk=['format=raw, vdev=xvda, access=rw, target={guest.disk}']")
        if guest.address:  # the guest gives itself that; nothing keeps it from others
            lines.append("vif=['bridge=xenbr0, script=vif-bridge']")
        return "\n".join(lines) + "\n"

    def create_defined(self, path, paused):
        return f"xl create -q {'-p' if paused else ''} {path}"

    def make_bridge(self, dom0, address):
        dom0.run("modprobe -a xen-netback xen-blkback loop; ip link show xenbr0 >/dev/null 2>&1 || "
                 f"{{ ip link add xenbr0 type bridge && ip addr add {address} dev xenbr0 && ip link set xenbr0 up; }}")

    def destroy(self, name):
        return f"xl destroy {name}"

    def list(self):
        return "xl list"

    def console(self, name):
        return f"cat /var/log/xen/console/guest-{name}.log"

    def _info(self, dom0, key):
        return int(re.search(rf"{key}\s*: (\d+)", dom0.run("xl info"))[1]) << 20

    def own_memory(self, dom0):
        dom0_memory = int(re.search(r"Domain-0\s+0\s+(\d+)", dom0.run("xl list"))[1]) << 20
        return self._info(dom0, "total_memory") - self._info(dom0, "free_memory") - dom0_memory

    def free_memory(self, dom0):
        return self._info(dom0, "free_memory")


def _prepare(*arguments):
    done = subprocess.run([TOP / "tests/lib/prepare", *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise MachineError("tests/lib/prepare failed")
    return done.stdout.strip()


class DebugPort(threading.Thread):
    """The time of the firmware's last word (SeaBIOS writes to port 0x402): right after it, the hypervisor is entered."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.path = Path(tempfile.mkdtemp(dir=folder)) / "debug"
        os.mkfifo(self.path)
        self.reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.qemu_args = ["-chardev", f"file,id=debug,path={self.path}", "-device", "isa-debugcon,iobase=0x402,chardev=debug"]
        self.last = None
        self.ended = False
        self.start()

    def run(self):
        while not self.ended:
            try:
                if os.read(self.reader, 65536):
                    self.last = time.monotonic()
            except BlockingIOError:
                pass
            time.sleep(0.001)

    def close(self):
        self.ended = True
        self.join()
        os.close(self.reader)
