"""The files of the guests whose disks and networks are measured, and what such a guest is."""

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from initrd import libraries, make_initrd
from machines import TOP, MachineError
from rows import DISK

PACKAGES = TOP / "tests/bench/packages.txt"
APPLETS = ("sh", "mount", "insmod", "sleep", "cat", "echo", "ip", "ping")
FOLDER = "/root/bench"  # in Dom0
NET_SECONDS = 3  # of each measurement
PINGS = 500
DISK_SECONDS, DISK_RAMP = 4, 1  # of each job
DISK_SIZE = 256  # MiB


@dataclass(frozen=True)
class IoGuest:
    name: str
    initrd: str = "net.initrd"
    memory: int = 192  # MiB
    vcpus: int = 2
    words: str = ""
    disk: str | None = None  # a raw file in Dom0
    address: str | None = None  # with the length of its network's prefix


def install_packages():
    script = f". {shlex.quote(str(TOP / 'tests/lib/packages.sh'))} && install_missing {shlex.quote(str(PACKAGES))}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MachineError(f"fio and iperf3 cannot be installed: {done.stderr[-1000:]}")


def _jobs():
    """fio's job file: the jobs of rows.DISK, one after the other."""
    # Latencies from the submission on: what a guest's program waits for.
    lines = ["[global]", "filename=/dev/xvda", "direct=1", "ioengine=libaio", "thread", "time_based", f"runtime={DISK_SECONDS}",
             f"ramp_time={DISK_RAMP}", "clocksource=clock_gettime", "disk_util=0", "lat_percentiles=1", "clat_percentiles=0",
             "percentile_list=99", "norandommap", "stonewall"]
    for name, (_, pattern, size, depth) in DISK.items():
        lines += [f"[{name}]", f"rw={pattern}", f"bs={size}", f"iodepth={depth}"]
    return "\n".join(lines) + "\n"


def _with_program(stage, name):
    program = Path(shutil.which(name))
    (stage / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy(program, stage / "bin" / name)
    for library in libraries(program):
        target = stage / library.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)  # what a link leads to


def io_files(folder, dom0):
    """Files for the archive that Dom0 gets: an initrd for disks and one for networks, and iperf3 for Dom0 itself."""
    init = Path(__file__).parent / "io-init"
    disk, net = folder / "disk-stage", folder / "net-stage"
    _with_program(disk, "fio")
    (disk / "fio.jobs").write_text(_jobs())
    _with_program(net, "iperf3")
    iperf3 = shutil.which("iperf3")
    # Dom0 has a C library of its own.
    own = [library for library in libraries(iperf3) if re.match(r"lib(iperf|sctp|crypto)\.", library.name)]
    return {
        "disk.initrd": make_initrd(disk, init, APPLETS, dom0, ("block/xen-blkfront.ko",)),
        "net.initrd": make_initrd(net, init, APPLETS, dom0, ("net/xen-netfront.ko",)),
        "iperf3/iperf3": Path(iperf3).read_bytes(),
    } | {f"iperf3/{library.name}": Path(os.path.realpath(library)).read_bytes() for library in own}
