"""What is measured, and what it must be."""

from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024
CLIENTS = 60  # of the row clients.list
DEVICE_GUESTS, MANY_GUESTS = 100, 500  # of the group many
NEIGHBOURS = 5  # creations that a figure there is the median of


@dataclass(frozen=True)
class Row:
    name: str  # GROUP.WHAT
    what: str
    unit: str  # s, ns, B, %, x (times something else), or a rate: /s, B/s
    ratio: float | None = None  # at most this part of Xen's figure
    limit: float | None = None  # at most this
    more: bool = False  # is better: at least this part of Xen's figure, at least the limit

    @property
    def group(self):
        return self.name.split(".")[0]

    def best(self, figures):
        return max(figures) if self.more else min(figures)

    def keeps(self, value, bound):
        return value >= bound if self.more else value <= bound


PV = 0.9  # of Xen's figure, for what a PV kernel does; with everything at work against processors that leak at most Xen's
MICRO = {
    "compute": ("100,000 steps of arithmetic (the same on both, if the machine was quiet)", None),
    "getppid": ("getppid", PV),
    "clock_gettime": ("clock_gettime", 0.2),
    "sched_yield": ("sched_yield", PV),
    "fork_exit": ("fork, exit, wait", PV),
    "mmap_1mib": ("mmap, touch, munmap 1 MiB", PV),
    "mprotect": ("two mprotect", PV),
    "pipe": ("pipe round trip of two processes", PV),
    "hypercall": ("version hypercall through privcmd", PV),
    "event": ("event channel, notify to read on the same vCPU", PV),
    "event_other": ("event channel, notify to read, through another vCPU that sleeps", PV),
}

# The jobs of fio in a guest: what each is, its pattern for fio, the size of a request and how many are under way.
DISK = {
    "read_1": ("4k random read, depth 1", "randread", "4k", 1),
    "read_32": ("4k random read, depth 32", "randread", "4k", 32),
    "write_1": ("4k random write, depth 1", "randwrite", "4k", 1),
    "write_32": ("4k random write, depth 32", "randwrite", "4k", 32),
    "read_128k": ("128k sequential read, depth 4", "read", "128k", 4),
    "write_128k": ("128k sequential write, depth 4", "write", "128k", 4),
}

NET = {"out": "guest to Dom0", "in": "Dom0 to guest", "peer": "guest to guest"}

ROWS = [Row("entry.dom0", "hv entry to Dom0 kernel entry", "s", ratio=0.5)]
for group, where in (("dom0", "Dom0"), ("domu", "DomU")):
    ROWS += [Row(f"{group}.{name}", f"{where}: {what}", "ns", ratio=ratio) for name, (what, ratio) in MICRO.items()]
for name, (what, pattern, _, _) in DISK.items():
    unit = "/s" if pattern.startswith("rand") else "B/s"
    ROWS += [Row(f"disk.{name}", f"disk: {what}", unit, ratio=1, more=True),
             Row(f"disk.{name}_99", f"disk: {what}, latency, 99th percentile", "ns", ratio=1)]
for name, what in NET.items():
    ROWS += [Row(f"net.{name}_1", f"network: {what}, TCP, 1 stream", "B/s", ratio=1, more=True),
             Row(f"net.{name}_4", f"network: {what}, TCP, 4 streams", "B/s", ratio=1, more=True)]
ROWS += [
    Row("net.packets_out", "network: guest to Dom0, UDP in frames of 64 bytes, received", "/s", ratio=1, more=True),
    Row("net.packets_in", "network: Dom0 to guest, UDP in frames of 64 bytes, received", "/s", ratio=1, more=True),
    Row("net.ping_out", "network: ping from guest to Dom0, mean", "ns", ratio=1),
    Row("net.ping_in", "network: ping from Dom0 to guest, mean", "ns", ratio=1),
    Row("devices.create", "create a paused 128 MiB guest with a disk and a NIC, command start to return", "s", ratio=0.1),
    Row("many.devices_first", f"create a small guest with a disk and a NIC, the first {NEIGHBOURS}, median", "s"),
    Row("many.devices_last", f"the same when {DEVICE_GUESTS} are there", "s"),
    Row("many.devices", "the second of these, divided by the first", "x", limit=1.5),
    Row("many.first", f"create a small guest without devices, the second to the {NEIGHBOURS + 1}th, median", "s"),
    Row("many.last", f"the same when {MANY_GUESTS} are there", "s"),
    Row("many.create", "the second of these, divided by the first", "x", limit=1.5),
    Row("many.list", f"list {MANY_GUESTS} guests", "s"),
    Row("many.daemon", f"hvctld resident, {MANY_GUESTS} guests", "B", limit=60 * MIB),
    Row("create.paused", "create a paused 128 MiB guest, command start to return", "s", ratio=0.2),
    Row("guest.init", "guest's first instruction to its init", "s", ratio=1),
    Row("clients.list", f"{CLIENTS} clients list the domains at once, first start to last return", "s", ratio=1),
    Row("guest.behind", "guest's clock behind the hypervisor's when its init starts (ticks that its kernel lost)", "s", ratio=1),
    Row("hostile.interrupts_off", "longest time with interrupts off in the test kernels of tests/guest, by instructions", "ns", limit=1e6),
    Row("shares.weights", "8 spinning guests of weights 1 to 8 on 2 CPUs: the largest distance from a share", "%", limit=2),
    Row("shares.cap", "a spinning guest with a cap of 25%: how far it is off, alone or beside others", "%", limit=2),
    Row("shares.reservation", "a guest of the least weight with a reservation of 50% beside 7 spinning ones: what is missing", "%", limit=1),
    Row("shares.wake", "a guest that sleeps 5 ms at a time beside 8 spinning ones: how late it wakes, median", "ns", limit=1e6),
    Row("shares.wake_99", "the same, 99th percentile", "ns"),
    Row("loop.destroy", "destroy a guest that reboots in a loop", "s", ratio=1),
    Row("size.image", "hypervisor image", "B", limit=MIB),
    Row("size.hypervisor", "hypervisor's own memory, 2 GiB machine", "B", ratio=1),
    Row("size.domain", "hv's memory for a 1-vCPU 128 MiB guest, beside the guest's", "B", limit=64 * KIB),
    Row("size.daemon", "hvctld resident, 10 guests", "B", limit=20 * MIB),
]

BY_NAME = {row.name: row for row in ROWS}
USUAL = {row.group for row in ROWS} - {"many"}  # what is measured when nothing is asked for


def figure(value, unit):
    if value is None:
        return "-"
    if unit == "B":
        return f"{value / MIB:.2f} MiB" if value >= MIB else f"{value / KIB:.0f} KiB"
    if unit == "B/s":
        return f"{value / MIB:,.1f} MiB/s"
    if unit == "/s":
        return f"{value:,.0f}/s"
    if unit in ("%", "x"):
        return f"{value:.1f}%" if unit == "%" else f"{value:.2f} x"
    return f"{value:.3f} s" if unit == "s" else f"{value:,.0f} ns"


def verdict(row, ours, theirs, forced):
    """(what it must be, kept or not), as text."""
    ratio = 1 if forced and row.ratio == PV else row.ratio
    sign = ">=" if row.more else "<="
    if row.limit is not None:
        return f"{sign} {figure(row.limit, row.unit)}", "" if ours is None else "yes" if row.keeps(ours, row.limit) else "NO"
    if ratio is None:
        return "", ""
    return f"{sign} {ratio:g} x", "" if ours is None or not theirs else "yes" if row.keeps(ours, ratio * theirs) else "NO"


def table(results, names, forced=False):
    """A text table: a row each for what was measured; results: {"hv": {...}, "xen": {...}}."""
    lines = [("what", "hv", "Xen 4.17", "ratio", "must be", "is")] if "xen" in results else [("what", "hv", "", "", "must be", "is")]
    for row in ROWS:
        if row.name not in names:
            continue
        ours, theirs = results["hv"].get(row.name), results.get("xen", {}).get(row.name)
        ratio = f"{ours / theirs:.2f}" if ours is not None and theirs else ""
        lines.append((row.what, figure(ours, row.unit), figure(theirs, row.unit) if "xen" in results else "", ratio,
                      *verdict(row, ours, theirs, forced)))
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    return "\n".join("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                               for column, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines)
