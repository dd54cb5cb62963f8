"""What is left of a guest: core files, and what is done to one that runs on: SysRq letters, another name."""

import base64
import struct

from framework import HELLO, expect, in_dom0
from test_life import BANNER, start_hello

PAGE = 4096


class Core:
    """A core file in Dom0, read piece by piece."""

    def __init__(self, dom0, path):
        self.dom0, self.path = dom0, path
        header = self.unpack("<16sHHIQQQIHHHHHH", 0)
        expect(header[0][:7] == b"\x7fELF\x02\x01\x01" and header[1:3] == (4, 62), f"no ELF core of x86-64: {header}")
        # crash takes a core with more program headers for one of another kind.
        expect(header[10] == 1, f"{header[10]} program headers")
        self.program = self.unpack("<IIQQQQQQ", header[5])
        sections = [self.unpack("<IIQQQQIIQQ", header[6] + number * header[11]) for number in range(header[12])]
        names = self.read(sections[header[13]][4], sections[header[13]][5])
        self.sections = {names[each[0]:names.index(b"\0", each[0])].decode(): (each[4], each[5]) for each in sections}

    def read(self, at, size):
        command = f"dd if={self.path} iflag=skip_bytes,count_bytes skip={at} count={size} status=none | base64"
        return base64.b64decode(self.dom0.ok(command))

    def unpack(self, layout, at):
        return struct.unpack(layout, self.read(at, struct.calcsize(layout)))

    def notes(self, at, size):
        """[(type, contents)]"""
        data, found = self.read(at, size), []
        while data:
            name, length, kind = struct.unpack_from("<III", data)
            begin = 12 + (name + 3) // 4 * 4
            found.append((kind, data[begin:begin + length]))
            data = data[begin + (length + 3) // 4 * 4:]
        return found


def check_core(dom0, path, pages):
    core = Core(dom0, path)
    header = dict(core.notes(*core.sections[".note.Xen"]))[0x2000001]
    magic, vcpus, count, size = struct.unpack("<4Q", header)
    expect((magic, vcpus, size) == (0xf00febed, 1, PAGE), f"header note: {magic:#x} {vcpus} {size}")
    expect(pages - 64 <= count <= pages, f"{count} pages of a guest with {pages}")
    at, length = core.sections[".xen_p2m"]
    numbers = [pfn for pfn, _ in struct.iter_unpack("<QQ", core.read(at, length))]
    expect(numbers == sorted(set(numbers)) and len(numbers) == count, "the frames' numbers are not each there once")
    expect(core.sections[".xen_pages"][1] == count * PAGE, "not all pages")
    shared = core.read(*core.sections[".xen_shared_info"])
    expect(len(shared) == PAGE and any(shared), "no shared page")
    # What gdb looks at: registers, and what the guest has mapped.
    gdb = core.notes(core.program[2], core.program[5])
    status = next(contents for kind, contents in gdb if kind == 1)
    registers = struct.unpack_from("<27Q", status, 112)
    instruction, stack = registers[16], registers[19]
    files = next(contents for kind, contents in gdb if kind == 0x46494c45)
    mapped, = struct.unpack_from("<Q", files)
    ranges = [struct.unpack_from("<3Q", files, 16 + 24 * number) for number in range(mapped)]

    def place(address):
        for start, end, page in ranges:
            if start <= address < end:
                return page * PAGE + address - start
        return None

    context = core.read(core.sections[".xen_prstatus"][0], 5168)
    expect(struct.unpack_from("<Q", context, 520 + 128) == (instruction,), "the two kinds of registers differ")
    expect(place(instruction) is not None, f"no memory at {instruction:#x}, of {mapped} ranges")
    if instruction >> 63:
        expect(place(stack) is not None, f"no memory at the kernel's stack {stack:#x}")
    return core


@in_dom0("hello: dump-core writes a core of Xen's format whose registers and memory gdb finds, too; the guest goes on")
def dump_core(dom0):
    start_hello(dom0)
    dom0.ok("rm -f /var/tmp/hello.core")
    expect(dom0.ok("hvctl dump-core hello /var/tmp/hello.core").strip() == "/var/tmp/hello.core", "the file's name was not told")
    expect(dom0.ok("stat -c %a%u /var/tmp/hello.core").strip() == "6000", "others can read it")
    check_core(dom0, "/var/tmp/hello.core", 128 << 8)
    dom0.ok("grep -aq 'Hello: this is Linux' /var/tmp/hello.core")
    dom0.refused("hvctl dump-core hello /var/tmp/hello.core", "there already")
    answer = dom0.ask("hello", "echo $((6 * 7)) goes on", "42 goes on")
    expect("42 goes on" in answer, f"the guest does not go on:\n{answer}")
    dom0.ok("hvctl dump-core --live --crash hello /var/tmp/live.core")
    expect(dom0.guests() == [], f"--crash has left {dom0.guests()}")
    dom0.ok("rm /var/tmp/hello.core /var/tmp/live.core")


@in_dom0("hello: a guest that crashes leaves a core file before it is destroyed, as its definition says", slow=True)
def dump_at_crash(dom0):
    dom0.ok(f"hvctl create {HELLO} on_crash=coredump-destroy")
    dom0.until("hvctl console --history hello", BANNER)
    dom0.ask("hello", "echo c >/proc/sysrq-trigger", "Kernel panic")
    # Not before it has gone from hv: its file has no name until it is whole.
    dom0.until("hvctl list --json hello | grep -c domid", "^0")
    expect(dom0.domains()["hello"]["state"] == "crashed", f"not as it ended: {dom0.domains()['hello']}")
    path = dom0.ok("ls /var/lib/hvctl/dumps/hello-*.core").strip()
    check_core(dom0, path, 128 << 8)
    dom0.ok(f"grep -aq 'Kernel panic' {path}; hvctl forget hello; rm -r /var/lib/hvctl/dumps")


@in_dom0("hello: a guest that crashes is kept under another name while it runs again, as its definition says", slow=True)
def keep_at_crash(dom0):
    dom0.ok(f"hvctl create {HELLO} on_crash=rename-restart")
    dom0.until("hvctl console --history hello", BANNER)
    dom0.ask("hello", "echo c >/proc/sysrq-trigger", "Kernel panic")
    dom0.until("hvctl list --json | jq -r '.domains[] | select(.domid) | .name'", r"hello-\d{8}T\d{6}Z")
    dom0.until("hvctl console --history hello", r"(?s)Kernel panic.*Hello: this is Linux")
    kept = next(name for name in dom0.domains() if name.startswith("hello-"))
    expect(dom0.domains()[kept]["state"] == "crashed", f"not as it ended: {dom0.domains()[kept]}")
    expect(dom0.domains()["hello"]["state"] != "crashed", f"not started again: {dom0.domains()['hello']}")
    dom0.ok(f"hvctl dump-core {kept} /var/tmp/kept.core")
    check_core(dom0, "/var/tmp/kept.core", 128 << 8)
    dom0.ok("grep -aq 'Kernel panic' /var/tmp/kept.core; rm /var/tmp/kept.core")
    dom0.ok(f"systemctl kill -s KILL hvctld; hvctl list {kept}; hvctl destroy {kept} hello")
    expect(dom0.guests() == [], f"left: {dom0.guests()}")
    expect(not any(name.startswith("hello-") for name in dom0.domains()), f"listed: {dom0.domains()}")
    dom0.ok("hvctl forget hello")


@in_dom0("hello: takes a SysRq letter, and another name, under which its console and its log go on", slow=True)
def sysrq_and_rename(dom0):
    start_hello(dom0)
    dom0.ok("hvctl sysrq hello h")
    dom0.until("hvctl console --history hello", "sysrq: HELP")
    dom0.refused("hvctl sysrq hello hh", "letter")
    identifier = dom0.ok("hvctl domid hello").strip()
    dom0.ok("hvctl rename hello other")
    expect(dom0.ok("hvctl domid other").strip() == identifier, "another domain")
    expect(dom0.ok(f"xenstore-read /local/domain/{identifier}/name").strip() == "other", "the store has the old name")
    dom0.refused("hvctl domid hello")
    dom0.ok("systemctl kill -s KILL hvctld; hvctl list")
    dom0.until("hvctl console --history other", BANNER)
    answer = dom0.ask("other", "echo $((6 * 7)) renamed", "42 renamed")
    expect("42 renamed" in answer, f"no answer:\n{answer}")
    dom0.ok(f"hvctl create --paused {HELLO}")  # the old name is free
    expect(dom0.guests() == ["hello", "other"], f"running: {dom0.guests()}")
    dom0.ok("hvctl destroy hello other && hvctl forget hello other")


@in_dom0("hello: can be destroyed at any moment of its boot", slow=True)
def destroyed_while_it_boots(dom0):
    free = dom0.host()["free_memory"]
    for moment in ("Linux version", "Memory:", "clocksource", "Run /init"):
        dom0.ok(f"hvctl create {HELLO}")
        dom0.until("hvctl console --history hello", moment)
        dom0.ok("hvctl destroy hello")
        expect(dom0.guests() == [], f"still there after '{moment}': {dom0.guests()}")
    dom0.ok("for delay in 0 0.1 0.3; do hvctl create --no-wait " + HELLO + "; sleep $delay; hvctl destroy hello; done")
    dom0.until("hvctl list --json hello || true", '"state": *"stopped"|there is no domain')
    expect(dom0.host()["free_memory"] >= free, f"memory is missing: {free - dom0.host()['free_memory']} bytes")
