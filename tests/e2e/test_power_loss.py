"""The machine loses its power while a guest writes: what the guest was told to be on its disk is there afterwards.

QEMU's blklogwrites writes down what reaches the machine's disk, and each flush. Of a log that ends at any moment, a disk
with a volatile cache may have lost all that came after the last flush: the disk is made anew without it.
"""

import re
import shlex
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from framework import Dom0, boots, expect

ENOUGH = 10  # numbers that the guest has seen through on each of its disks
SIZE = 256 << 20
FLUSH, DISCARD = 1, 4
# The log's format is that of Linux' dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst).
MAGIC = 0x6A736677736872
# Each number has a block of its own: an image that is sparse gets a new part with it.
LOOP = ("i=0; while :; do i=$((i + 1)); for d in xvda xvdb; do printf 'number%08d' $i | "
        "dd of=/dev/$d bs=512 seek=$((i * 160)) conv=fsync,notrunc 2>/dev/null && echo safe-$d-$i-; done; done")


class Enough(Exception):
    """The guest has written what it should."""


def logged_disk(folder):
    """QEMU's arguments for a disk whose writes and flushes are in a log."""
    return ["-blockdev", f"driver=blklogwrites,node-name=logged,log-super-update-interval=1,file.driver=file,file.filename={folder}/disk,"
            f"log.driver=file,log.filename={folder}/log", "-device", "virtio-blk-pci,drive=logged"]


def replay(log, before, after):
    """Makes `after` from `before` and what was flushed."""
    shutil.copyfile(before, after)
    with open(log, "rb") as source, open(after, "r+b") as disk:
        magic, version, entries, sector = struct.unpack("<QQQI", source.read(28))
        expect(magic == MAGIC and version == 1, "this is no log of writes")
        offset, cached, flushes = sector, [], 0
        for _ in range(entries):
            source.seek(offset)
            at, sectors, flags, _length = struct.unpack("<QQQQ", source.read(32))
            offset += sector
            if flags & FLUSH:
                flushes += 1
                for place, start, size in cached:
                    source.seek(start)
                    disk.seek(place)
                    disk.write(source.read(size))
                cached.clear()
            elif flags & DISCARD:
                pass  # has no data in the log, and what it leaves is anybody's guess
            elif sectors:
                cached.append((at * sector, offset, sectors * sector))
                offset += sectors * sector
    expect(flushes > ENOUGH, f"{flushes} flushes have reached the disk, for {2 * ENOUGH} that the guest has asked for")


def write_until_off(bench, folder):
    """The last number that the guest has seen through, by disk. The machine is off at once after that."""
    safe = {}
    with bench.machine("power-loss-1", qemu_args=logged_disk(folder)) as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        dom0.ok("mount /dev/vdb /mnt && truncate -s 64M /mnt/a.img && qemu-img create -q -f qcow2 /mnt/b.qcow2 64M && sync")
        dom0.write("/run/writer.yaml", "name: writer\nmemory: 128MiB\nkernel: /vmlinuz\ninitrd: /var/lib/hvctl/examples/hello.initrd\n"
                   "cmdline: console=hvc0\ndisks: [{target: xvda, path: /mnt/a.img}, {target: xvdb, path: /mnt/b.qcow2, format: qcow2}]\n")
        dom0.ok("hvctl create /run/writer.yaml")
        dom0.until("hvctl console --history writer", "Hello: this is Linux")
        said = bytearray()

        def heard(data):
            said.extend(data)
            for disk, number in re.findall(rb"safe-(xvd[ab])-(\d+)-", said):
                safe[disk.decode()] = int(number)
            if len(safe) == 2 and min(safe.values()) >= ENOUGH:
                raise Enough

        try:
            machine.run(f"{{ sleep 1; printf '%s\\n' {shlex.quote(LOOP)}; sleep 600; }} | hvctl console writer", heard, 600)
        except Enough:
            pass  # and the machine is killed
    expect(len(safe) == 2, f"the guest has not written: {bytes(said)[-500:]}")
    return safe


def numbers(dom0, image):
    """The numbers in an image, in the order of their blocks, up to the first block without one."""
    text = dom0.ok(f"for i in $(seq 1 400); do dd if={image} bs=512 skip=$((i * 160)) count=1 status=none | head -c 14; echo; done | tr -d '\\0'")
    found = []
    for line in text.splitlines():
        if not (match := re.fullmatch(r"number(\d{8})", line)):
            break
        found.append(int(match[1]))
    return found


@boots("power loss: what a guest was told to be on its disk is there, raw and qcow2")
def power_loss(bench):
    with tempfile.TemporaryDirectory(prefix="hv-power-") as name:
        folder = Path(name)
        for file in ("disk", "log"):
            with open(folder / file, "wb") as made:
                made.truncate(SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-F", folder / "disk"], check=True)
        shutil.copyfile(folder / "disk", folder / "before")
        safe = write_until_off(bench, folder)
        replay(folder / "log", folder / "before", folder / "after")
        with bench.machine("power-loss-2", disks=[folder / "after"]) as machine:
            machine.wait_ready()
            dom0 = Dom0(machine)
            dom0.ok("mount /dev/vdb /mnt && qemu-img check -q /mnt/b.qcow2 && qemu-img convert -O raw /mnt/b.qcow2 /run/b.img")
            for disk, image in (("xvda", "/mnt/a.img"), ("xvdb", "/run/b.img")):
                found = numbers(dom0, image)
                expect(found == list(range(1, len(found) + 1)) and len(found) >= safe[disk],
                       f"{disk}: {safe[disk]} numbers were safe, {len(found)} are there")
