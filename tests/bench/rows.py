"""What is measured, and what it must be."""

from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024
CLIENTS = 60  # of the row clients.list


@dataclass(frozen=True)
class Row:
    name: str  # GROUP.WHAT
    what: str
    unit: str  # s, ns, B or %
    ratio: float | None = None  # at most this part of Xen's figure
    limit: float | None = None  # at most this

    @property
    def group(self):
        return self.name.split(".")[0]


MICRO = {
    "compute": ("100,000 steps of arithmetic (the same on both, if the machine was quiet)", None),
    "getppid": ("getppid", 1),
    "clock_gettime": ("clock_gettime", 0.2),
    "sched_yield": ("sched_yield", None),
    "fork_exit": ("fork, exit, wait", 1),
    "mmap_1mib": ("mmap, touch, munmap 1 MiB", 1),
    "mprotect": ("two mprotect", 1),
    "pipe": ("pipe round trip of two processes", 1),
    "hypercall": ("version hypercall through privcmd", 1),
    "event": ("event channel, notify to read on the same vCPU", 1),
    "event_other": ("event channel, notify to read, through another vCPU that sleeps", 1),
}

ROWS = [Row("entry.dom0", "hv entry to Dom0 kernel entry", "s", ratio=0.5)]
for group, where in (("dom0", "Dom0"), ("domu", "DomU")):
    ROWS += [Row(f"{group}.{name}", f"{where}: {what}", "ns", ratio=ratio) for name, (what, ratio) in MICRO.items()]
ROWS += [
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


def figure(value, unit):
    if value is None:
        return "-"
    if unit == "B":
        return f"{value / MIB:.2f} MiB" if value >= MIB else f"{value / KIB:.0f} KiB"
    if unit == "%":
        return f"{value:.1f}%"
    return f"{value:.3f} s" if unit == "s" else f"{value:,.0f} ns"


def verdict(row, ours, theirs):
    """(what it must be, kept or not), as text."""
    if row.limit is not None:
        return f"<= {figure(row.limit, row.unit)}", "" if ours is None else "yes" if ours <= row.limit else "NO"
    if row.ratio is None:
        return "", ""
    return f"<= {row.ratio:g} x", "" if ours is None or not theirs else "yes" if ours <= row.ratio * theirs else "NO"


def table(results, names):
    """A text table: a row each for what was measured; results: {"hv": {...}, "xen": {...}}."""
    lines = [("what", "hv", "Xen 4.17", "ratio", "must be", "is")] if "xen" in results else [("what", "hv", "", "", "must be", "is")]
    for row in ROWS:
        if row.name not in names:
            continue
        ours, theirs = results["hv"].get(row.name), results.get("xen", {}).get(row.name)
        ratio = f"{ours / theirs:.2f}" if ours is not None and theirs else ""
        lines.append((row.what, figure(ours, row.unit), figure(theirs, row.unit) if "xen" in results else "", ratio,
                      *verdict(row, ours, theirs)))
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    return "\n".join("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                               for column, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines)
