"""Rows of disks and networks, in Dom0's raw files on tmpfs and on a bridge in Dom0."""

import json
import re
import sys

import rows
from io_guest import DISK_RAMP, DISK_SECONDS, DISK_SIZE, FOLDER, NET_SECONDS, PINGS, IoGuest
from machines import MachineError

DISK_FILE = "/dev/shm/disk.img"
DOM0, LENGTH = "10.213.0.1", 20
IPERF3 = f"LD_LIBRARY_PATH={FOLDER}/iperf3 {FOLDER}/iperf3/iperf3"
PID_FILE = "/run/bench-iperf3.pid"
# What io-init measures in the guest that asks Dom0, and in the one that asks that guest.
FIRST_NAMES = ("ping_out", "out_1", "out_4", "in_1", "in_4", "packets_out", "packets_in")
PEER_NAMES = ("peer_1", "peer_4")


def address(number):
    return f"10.213.1.{number}"


def with_length(number):
    return f"{address(number)}/{LENGTH}"


def define(hypervisor, dom0, guest):
    """Writes a guest's definition in Dom0; returns its path."""
    path = f"/root/{guest.name}.io"
    dom0.run(f"cat >{path} <<'END'\n{hypervisor.definition(guest)}END")
    return path


def _outputs(hypervisor, dom0, guest, names, expected):
    """What the guest's measurements of these names have printed, when it has done them all, which takes the expected seconds."""
    # Looks take time from what is measured: none before it can be the end.
    dom0.run(f"sleep {expected}")
    text = dom0.until(hypervisor.console(guest.name), r"[\s\S]*IO-DONE", timeout=600)[0].replace("\r", "")
    found = dict(re.findall(r"IO-BEGIN (\w+)\n([\s\S]*?)IO-END\n", text))
    if set(found) != set(names):
        raise MachineError(f"{guest.name} measured {sorted(found)}, not {sorted(names)}: {text[-1000:]}")
    return found


def _parsed(name, text):
    try:
        found = json.loads(text[text.index("{"):])
    except ValueError as error:
        raise MachineError(f"{name} printed no JSON ({error}): {text[-1000:]}") from None
    if "error" in found:
        raise MachineError(f"{name}: {found['error']}")
    return found


def measure_disk(hypervisor, dom0, take):
    # Filled, so that no page of it is made while it is measured.
    dom0.run(f"dd if=/dev/urandom of={DISK_FILE} bs=1M count={DISK_SIZE} status=none")
    guest = IoGuest("disk", initrd="disk.initrd", memory=512, words="io=disk", disk=DISK_FILE)
    dom0.run(hypervisor.create_defined(define(hypervisor, dom0, guest), paused=False))
    output = _outputs(hypervisor, dom0, guest, ["fio"], len(rows.DISK) * (DISK_RAMP + DISK_SECONDS))
    jobs = {job["jobname"]: job for job in _parsed("fio", output["fio"])["jobs"]}
    for name, (_, pattern, _, _) in rows.DISK.items():
        done = jobs[name]["read" if "read" in pattern else "write"]
        if jobs[name]["error"] or not done["total_ios"]:
            raise MachineError(f"fio's job {name} failed: error {jobs[name]['error']}, {done['total_ios']} requests")
        take(f"disk.{name}", done["iops"] if pattern.startswith("rand") else done["bw_bytes"])
        take(f"disk.{name}_99", done["lat_ns"]["percentile"]["99.000000"])
    dom0.run(f"{hypervisor.destroy(guest.name)}; rm {DISK_FILE}")


def _take_iperf3(outputs, take):
    for name, text in outputs.items():
        if name.startswith("ping"):
            continue
        received = _parsed(name, text)["end"]["sum_received"]
        # Of packets, 18 bytes are the content of each; iperf3's own count of them is the sender's.
        take(f"net.{name}", received["bytes"] / (18 if name.startswith("packets") else 1) / received["seconds"])


def _ping(hypervisor, name, text):
    found = re.search(r"(\d+) packets received, (\d+)% packet loss\n.*= [\d.]+/([\d.]+)/", text)
    if not found or int(found[2]) > 10:
        raise MachineError(f"pings were lost: {text[-1000:]}")
    if int(found[1]) != PINGS:
        print(f"{hypervisor.name}: {name}: {found[1]} of {PINGS} pings were answered", file=sys.stderr, flush=True)
    return float(found[3]) * 1e6


def measure_net(hypervisor, dom0, take):
    hypervisor.make_bridge(dom0, f"{DOM0}/{LENGTH}")
    first = IoGuest("net", address=with_length(1),
                    words=f"io=net seconds={NET_SECONDS} pings={PINGS} address={with_length(1)} ask={DOM0}")
    second = IoGuest("peer", address=with_length(2), words=f"io=peer seconds={NET_SECONDS} address={with_length(2)} ask={address(1)}")
    dom0.run(f"{IPERF3} -s -D -I {PID_FILE}")
    dom0.run(hypervisor.create_defined(define(hypervisor, dom0, first), paused=False))
    outputs = _outputs(hypervisor, dom0, first, FIRST_NAMES, 6 * NET_SECONDS + 6)
    take("net.ping_out", _ping(hypervisor, "ping_out", outputs["ping_out"]))
    _take_iperf3(outputs, take)
    take("net.ping_in", _ping(hypervisor, "ping_in", dom0.run(f"busybox ping -q -c {PINGS} -i 0.01 {address(1)}")))
    dom0.run(hypervisor.create_defined(define(hypervisor, dom0, second), paused=False))
    _take_iperf3(_outputs(hypervisor, dom0, second, PEER_NAMES, 2 * NET_SECONDS), take)
    dom0.run(f"{hypervisor.destroy(second.name)}; {hypervisor.destroy(first.name)}; kill $(cat {PID_FILE})")


def measure_devices(hypervisor, dom0, take):
    """As the row create.paused, with a disk and a NIC."""
    hypervisor.make_bridge(dom0, f"{DOM0}/{LENGTH}")
    dom0.run(f"truncate -s 64M {DISK_FILE}")
    for number in range(5):
        guest = IoGuest(f"devices{number}", initrd="initrd", memory=128, vcpus=1, disk=DISK_FILE, address=with_length(10 + number))
        took = dom0.timed(hypervisor.create_defined(define(hypervisor, dom0, guest), paused=True))
        dom0.run(hypervisor.destroy(guest.name))
        if number > 0:  # the first one reads files from disk
            take("devices.create", took)
    dom0.run(f"rm {DISK_FILE}")
