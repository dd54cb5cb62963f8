"""Rows of many small guests on hv, on a machine of their own. They are paused: what counts is what each adds to the next."""

import statistics
import subprocess

from machines import TOP, Dom0, Machine, MachineError, Setup
from rows import DEVICE_GUESTS, MANY_GUESTS, NEIGHBOURS

MEMORY = "16G"
KERNEL = "hello"  # of tests/guest
NIC = "nics: [{bridge: hvbr0}]"
# create FIRST LAST LINE...: makes guests of these numbers, and prints the microseconds that each took. Lines are more of the
# definition, NUMBER in them the guest's.
CREATE = """
create() {
    local first=$1 last=$2 number t u
    shift 2
    for number in $(seq "$first" "$last"); do
        [[ "$*" != *NUMBER* ]] || truncate -s 1M "/dev/shm/small$number.img"
        printf '%s\\n' "name: small$number" 'memory: 16MiB' 'kernel: /root/bench/small.elf' "${@//NUMBER/$number}" >/run/small.yaml
        t=$EPOCHREALTIME
        hvctl create --ephemeral --paused /run/small.yaml >/dev/null || {
            echo "this was number $number of $last"
            return 1
        }
        u=$EPOCHREALTIME
        echo $((${u/./} - ${t/./}))
    done
}
"""
DISK = "disks: [{target: xvda, path: /dev/shm/smallNUMBER.img}]"


def kernel():
    """The file of the small kernel."""
    subprocess.run(["cmake", "--build", TOP / "build/release", "--target", "guest_tests"], check=True, stdout=subprocess.DEVNULL)
    return (TOP / f"build/release/tests/guest/{KERNEL}.elf").read_bytes()


def _create(dom0, count, *lines):
    """The seconds that each of so many guests took."""
    words = " ".join(f"'{line}'" for line in lines)
    return [float(took) / 1e6 for took in dom0.run(f"{CREATE} create 1 {count} {words}", timeout=3600).split()]


def _destroy(dom0, count):
    dom0.run(f"hvctl destroy $(seq -f small%g 1 {count}); rm -f /dev/shm/small*.img", timeout=3600)


def _take_devices(dom0, take):
    _create(dom0, 1, DISK, NIC)  # reads files from disk, loads modules, and makes the bridge
    _destroy(dom0, 1)
    times = _create(dom0, DEVICE_GUESTS, DISK, NIC)
    first, last = statistics.median(times[:NEIGHBOURS]), statistics.median(times[-NEIGHBOURS:])
    take("many.devices_first", first)
    take("many.devices_last", last)
    take("many.devices", last / first)
    _destroy(dom0, DEVICE_GUESTS)


def _take_plain(hypervisor, dom0, take):
    times = _create(dom0, MANY_GUESTS)
    first, last = statistics.median(times[1:1 + NEIGHBOURS]), statistics.median(times[-NEIGHBOURS:])
    take("many.first", first)
    take("many.last", last)
    take("many.create", last / first)
    for _ in range(3):
        take("many.list", dom0.timed(hypervisor.list()))
    take("many.daemon", hypervisor.daemon_resident(dom0))
    _destroy(dom0, MANY_GUESTS)


def measure_many(hypervisor, folder, archive, take):
    setup = Setup(hypervisor.image, hypervisor.dom0, cpu=hypervisor.cpu, memory=MEMORY,
                  qemu_args=["-drive", f"if=none,id=bench,format=raw,readonly=on,file={archive}",
                             "-device", "virtio-blk-pci,drive=bench"])
    with Machine(setup, folder / "many.log") as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        dom0.run("mkdir -p /root/bench && tar -xf /dev/vdb -C /root/bench")
        hypervisor.start(dom0)
        try:
            _take_devices(dom0, take)
            _take_plain(hypervisor, dom0, take)
        except MachineError as error:
            if machine.qemu.poll() is not None:
                raise
            raise MachineError(f"{error}\nhvctld says: {dom0.run('journalctl -u hvctld -o cat -n 20')}") from None
