"""Disks of guests: what a guest writes is in the image, and the image is one guest's."""

import json
import re

from framework import expect, in_dom0

INITRD = "/var/lib/hvctl/examples/hello.initrd"
FOLDER = "/var/tmp/disks"


def define(dom0, name, disks):
    """A domain file for a guest like hello, with disks; returns its path."""
    path = f"{FOLDER}/{name}.yaml"
    dom0.write(path, f"name: {name}\nmemory: 128MiB\nkernel: /vmlinuz\ninitrd: {INITRD}\ncmdline: console=hvc0\ndisks: {disks}\n")
    return path


def image(dom0, name, size="64M"):
    dom0.ok(f"mkdir -p {FOLDER} && rm -f {FOLDER}/{name} && truncate -s {size} {FOLDER}/{name}")
    return f"{FOLDER}/{name}"


def start(dom0, path, name):
    dom0.ok(f"hvctl create {path}")
    dom0.until(f"hvctl console --history {name}", "Hello: this is Linux")


def in_guest(dom0, name, command, answer):
    """Runs `command` in the guest's shell; it must print `answer`, which the line itself must not contain."""
    return dom0.ask(name, command, answer)


def disks(dom0, name):
    domains = json.loads(dom0.ok(f"hvctl block-list --json {name}"))["domains"]
    return {disk["target"]: disk for disk in domains[0]["disks"]}


def expect_nothing_left(dom0):
    dom0.until("losetup -l -n -O BACK-FILE; echo end", rf"^(?![\s\S]*{FOLDER})[\s\S]*end")
    dom0.until("ls /sys/bus/xen-backend/devices; echo end", r"^end")
    expect(dom0.guests() == [], f"still there: {dom0.guests()}")
    dom0.until("ls /run/hvctl-disks; echo end", r"^end")
    left = dom0.shell("xenstore-list /local/domain/0/backend/vbd; xenstore-list /tool/hvctld/images").text
    expect("ENOENT" in left or not any(line.strip().isdigit() for line in left.splitlines()), f"left in the store: {left}")
    dom0.ok(f"for name in $(hvctl list --json | grep -o '\"name\": *\"disk[a-z]*\"' | cut -d'\"' -f4); do hvctl forget $name; done; "
            f"rm -rf {FOLDER}")


@in_dom0("disks: what a guest writes is in the file, over a kill of hvctld and a reboot of the guest")
def written_and_found(dom0):
    file = image(dom0, "a.img")
    start(dom0, define(dom0, "diska", f"[{{target: xvda, path: {file}}}]"), "diska")
    in_guest(dom0, "diska", "echo payload | dd of=/dev/xvda conv=fsync 2>/dev/null && echo written$((40 + 2))", "written42")
    expect(dom0.ok(f"head -c 7 {file}") == "payload", "what the guest has written and synced is not in its image")
    disk = disks(dom0, "diska")["xvda"]
    expect(disk["state"] == "connected" and disk["device"].startswith("7:"), f"not as expected: {disk}")
    dom0.ok("systemctl kill -s KILL hvctld; for i in $(seq 100); do hvctl list >/dev/null 2>&1 && break; sleep 0.2; done")
    expect(disks(dom0, "diska")["xvda"]["state"] == "connected", "the next hvctld does not know the disk")
    in_guest(dom0, "diska", "dd if=/dev/xvda bs=7 count=1 2>/dev/null; echo read$((40 + 2))", "read42")
    dom0.ok("hvctl reboot --wait diska")
    in_guest(dom0, "diska", "dd if=/dev/xvda bs=7 count=1 2>/dev/null | sed s/pay/PAY/; echo read$((40 + 3))", "PAYload")
    dom0.ok("hvctl destroy diska")
    expect_nothing_left(dom0)


@in_dom0("disks: an image has one writer, by whatever path and for as long as its guest is there")
def one_writer(dom0):
    file = image(dom0, "a.img")
    dom0.ok(f"ln {file} {FOLDER}/hard.img; ln -s {file} {FOLDER}/soft.img")
    dom0.ok(f"hvctl create -p {define(dom0, 'diska', f'[{{target: xvda, path: {file}}}]')}")
    for other in ("a.img", "hard.img", "soft.img"):
        for mode in ("rw", "ro"):
            path = define(dom0, "diskb", f"[{{target: xvda, path: {FOLDER}/{other}, mode: {mode}}}]")
            dom0.refused(f"hvctl create -p {path}", "HV-E0702", "xvda of diska")
    loop = "/dev/" + dom0.ok(f"losetup -n -O NAME -j {file}").strip().split("/")[-1]
    dom0.refused(f"hvctl create -p {define(dom0, 'diskb', f'[{{target: xvda, path: {loop}}}]')}", "HV-E0702", "xvda of diska")
    dom0.ok("systemctl kill -s KILL hvctld; for i in $(seq 100); do hvctl list >/dev/null 2>&1 && break; sleep 0.2; done")
    path = define(dom0, "diskb", f"[{{target: xvda, path: {FOLDER}/hard.img}}]")
    dom0.refused(f"hvctl create -p {path}", "HV-E0702", "xvda of diska")
    dom0.ok("hvctl destroy diska")
    dom0.ok(f"hvctl create -p {path}")
    dom0.ok("hvctl destroy diskb")
    # What Dom0 itself uses.
    dom0.ok(f"mkfs.ext4 -q -F {file} && mkdir -p {FOLDER}/mnt && mount -o loop {file} {FOLDER}/mnt")
    dom0.refused(f"hvctl create -p {path}", "HV-E0702", "/dev/loop")
    mounted = dom0.ok(f"findmnt -n -o SOURCE {FOLDER}/mnt").strip()
    dom0.refused(f"hvctl create -p {define(dom0, 'diskb', f'[{{target: xvda, path: {mounted}}}]')}", "HV-E0702", "mounted")
    dom0.ok(f"umount {FOLDER}/mnt")
    dom0.refused(f"hvctl create -p {define(dom0, 'diskb', '[{target: xvda, path: /dev/vda}]')}", "HV-E0702", "mounted")
    expect_nothing_left(dom0)


@in_dom0("disks: attached to a guest that runs, read-only, and detached")
def hotplug(dom0):
    start(dom0, define(dom0, "diska", f"[{{target: xvda, path: {image(dom0, 'a.img')}}}]"), "diska")
    other = image(dom0, "b.img")
    dom0.ok(f"printf secret >{FOLDER}/head && dd if={FOLDER}/head of={other} conv=notrunc status=none")
    dom0.ok(f"cd {FOLDER} && hvctl block-attach diska b.img --read-only")
    expect(disks(dom0, "diska")["xvdb"]["state"] == "connected", "the guest has not taken it")
    in_guest(dom0, "diska", "dd if=/dev/xvdb bs=6 count=1 2>/dev/null | sed s/sec/SEC/", "SECret")
    in_guest(dom0, "diska", "echo x | dd of=/dev/xvdb conv=fsync 2>&1 || echo refused$((40 + 2))", "refused42")
    expect(dom0.ok(f"head -c 6 {other}") == "secret", "a disk that the guest may only read has changed")
    dom0.refused(f"hvctl block-attach diska {other} xvdb", "HV-E07")
    dom0.refused("hvctl block-detach diska xvdc", "HV-E0704")
    dom0.ok("hvctl block-detach diska xvdb")
    in_guest(dom0, "diska", "grep -c xvdb /proc/partitions; echo gone$((40 + 2))", "gone42")
    expect(list(disks(dom0, "diska")) == ["xvda"], "still listed")
    dom0.ok(f"hvctl block-attach diska {other}")
    in_guest(dom0, "diska", "echo loud | dd of=/dev/xvdb conv=fsync 2>/dev/null && echo written$((40 + 3))", "written43")
    expect(dom0.ok(f"head -c 4 {other}") == "loud", "what the guest has written and synced is not in its image")
    dom0.ok("hvctl block-resize diska xvdb 80MiB")
    in_guest(dom0, "diska", "head -c 512 /dev/xvdb >/dev/null; sleep 1; cat /sys/block/xvdb/size", "163840")
    dom0.refused("hvctl block-resize diska xvdb 8MiB", "only grow")
    dom0.ok("hvctl block-detach --force diska xvdb")
    # What a guest writes to is not mounted in Dom0, also when a loop device is between; a loop device of Dom0's own stays.
    dom0.ok(f"mkfs.ext4 -q -F {other} && hvctl block-attach diska {other} && mkdir -p {FOLDER}/mnt")
    device = disks(dom0, "diska")["xvdb"]["device"]
    dom0.refused(f"mount -o loop {other} {FOLDER}/mnt", "mount")
    dom0.refused(f"mount /dev/block/{device} {FOLDER}/mnt", "mount")
    dom0.ok("systemctl kill -s KILL hvctld; for i in $(seq 100); do hvctl list >/dev/null 2>&1 && break; sleep 0.2; done")
    dom0.until(f"ls -l /proc/$(pidof hvctld)/fd | grep -c /dev/$(basename $(readlink /sys/dev/block/{device}))$", "^[1-9]")
    dom0.refused(f"mount /dev/block/{device} {FOLDER}/mnt", "mount")
    dom0.ok("hvctl block-detach diska xvdb")
    loop = dom0.ok(f"losetup -f --show {other}").strip().split()[-1]
    dom0.ok(f"hvctl block-attach diska {loop} && hvctl block-detach diska xvdb && hvctl block-attach diska {loop}")
    dom0.ok("hvctl block-detach diska xvdb")
    dom0.ok(f"losetup -d {loop}")
    dom0.ok("hvctl destroy diska")
    expect_nothing_left(dom0)


def moved(dom0, seconds):
    """MiB per second that guests read and write on all disks, as xen-blkback counts."""
    sectors = "cat /sys/bus/xen-backend/devices/vbd-*/statistics/??_sect | awk '{s += $1} END {print s}'"
    text = dom0.ok(f"a=$({sectors}); t=$(date +%s%N); sleep {seconds}; b=$({sectors}); echo $(( (b - a) * 512000 / (($(date +%s%N) - t) / 1000000) ))",
                   timeout=seconds + 60)
    return int(text) / (1 << 20)


@in_dom0("disks: a limit is one for all disks of a guest, and changes while it runs")
def limits(dom0):
    path = define(dom0, "diska", f"[{{target: xvda, path: {image(dom0, 'a.img')}}}, {{target: xvdb, path: {image(dom0, 'b.img')}}}]")
    dom0.ok(f"hvctl create {path} disk_limits.bandwidth=4MiB/s")
    dom0.until("hvctl console --history diska", "Hello: this is Linux")
    expect("4 MiB/s" in dom0.ok("hvctl block-limits diska"), "the limit of the definition is not shown")
    in_guest(dom0, "diska", "(while :; do dd if=/dev/xvda of=/dev/null bs=256k iflag=direct; done) >/dev/null 2>&1 & echo reads$((40 + 2))", "reads42")
    one = moved(dom0, 8)
    expect(0.1 < one < 6, f"one disk moves {one:.1f} MiB/s under a limit of 4")
    in_guest(dom0, "diska", "(while :; do dd if=/dev/zero of=/dev/xvdb bs=256k oflag=direct; done) >/dev/null 2>&1 & echo writes$((40 + 2))", "writes42")
    both = moved(dom0, 8)
    expect(0.1 < both < 6, f"two disks move {both:.1f} MiB/s under a limit of 4")
    dom0.ok("systemctl kill -s KILL hvctld; for i in $(seq 100); do hvctl list >/dev/null 2>&1 && break; sleep 0.2; done")
    dom0.ok("hvctl block-limits diska bandwidth=1MiB/s iops=1000")
    dom0.until("cat /sys/fs/cgroup/hvctl-disks/*/disks/io.max", r"riops=\d+")
    # Shares come down by half at each look.
    dom0.until("grep -ohE '[rw]bps=[0-9]+' /sys/fs/cgroup/hvctl-disks/*/disks/io.max | cut -d= -f2 | "
               "awk '{s += $1} END {print (s > 0 && s < 1500000) ? \"low\" : s}'", "^low")
    slower = moved(dom0, 8)
    expect(0.1 < slower < 1.5, f"{slower:.1f} MiB/s under a limit of 1")
    dom0.ok("hvctl block-limits diska bandwidth=none iops=none")
    dom0.until("cat /sys/fs/cgroup/hvctl-disks/*/io.max /sys/fs/cgroup/hvctl-disks/*/disks/io.max 2>/dev/null; echo end", r"^end")
    expect(moved(dom0, 3) > 0.1, "nothing moves without a limit")
    dom0.refused("hvctl block-limits diska iops=1", "10 to")
    dom0.ok("hvctl destroy diska")
    dom0.until("ls /sys/fs/cgroup/hvctl-disks | grep -v '[.]'; echo end", r"^end")
    expect_nothing_left(dom0)


def image_blocks(dom0, file):
    return int(dom0.ok(f"stat -c %b {file}"))


@in_dom0("disks: before a file system is full its guests stand still, and go on when there is room, over a kill of hvctld")
def full_file_system(dom0):
    blocks = 150
    room = f"{FOLDER}/room"
    dom0.ok(f"mkdir -p {room} && truncate -s 200M {FOLDER}/room.img && mkfs.ext4 -q -F -m 0 {FOLDER}/room.img && mount -o loop {FOLDER}/room.img {room}")
    file = image(dom0, "room/a.img")
    start(dom0, define(dom0, "diska", f"[{{target: xvda, path: {file}}}]"), "diska")
    start(dom0, define(dom0, "diskb", f"[{{target: xvda, path: {image(dom0, 'room/b.img')}, on_full: error}}]"), "diskb")
    expect((disks(dom0, "diska")["xvda"]["on_full"], disks(dom0, "diskb")["xvda"]["on_full"]) == ("pause", "error"), "on_full is not shown")
    # So slowly that what is left below lasts for many looks. Each block has its number.
    write = "printf '%-65535d\\n' $i >/root/b && dd if=/root/b of=/dev/xvda bs=64k seek=$i oflag=direct 2>/dev/null || echo broken$((40 + 2))"
    loop = f"i=0; while [ $i -lt {blocks} ]; do {write}; i=$((i + 1)); sleep 0.1; done; echo all$((40 + 2))"
    # The line may be typed twice.
    in_guest(dom0, "diska", f"[ -e /root/b ] || {{ : >/root/b; ({loop}) & }}; echo writes$((40 + 2))", "writes42")
    dom0.until(f"stat -c %b {file}", r"^[1-9]\d{2}")
    dom0.ok(f"fallocate -l $(( $(df -B1 --output=avail {room} | tail -n 1) - (6 << 20) )) {room}/other")

    dom0.until("hvctl list diska", "disk-full")
    reason = dom0.domains()["diska"]["disk_full"]
    expect(f"{room} has " in reason, f"it is not said where room is needed: {reason}")
    expect(dom0.domains()["diskb"]["state"] in ("running", "blocked"), "a guest with on_full: error does not run")
    dom0.until("journalctl -u hvctld -o cat", "is paused because a disk of it cannot grow")
    # What was on its way has come when nothing changes any more.
    dom0.until(f"a=$(stat -c %b {file}); sleep 1; [ $a = $(stat -c %b {file}) ] && echo still", "^still")
    before = image_blocks(dom0, file)
    dom0.refused("hvctl unpause diska", "HV-E0205", f"{room} has ")
    dom0.refused("hvctl shutdown diska", "HV-E0205", "hvctl destroy diska")
    dom0.ok("systemctl kill -s KILL hvctld; for i in $(seq 100); do hvctl list >/dev/null 2>&1 && break; sleep 0.2; done")
    expect(dom0.domains()["diska"]["state"] == "disk-full", "the next hvctld does not know why the guest is paused")
    # It has looked by itself once it says how much there is now.
    said = dom0.domains()["diska"]["disk_full"]
    dom0.ok(f"fallocate -p -l 1M {room}/other")
    dom0.until("hvctl list --json | jq -r '.domains[] | select(.name == \"diska\") | .disk_full'", rf"^(?!{re.escape(said)})\S")
    expect(dom0.domains()["diska"]["state"] == "disk-full", "the next hvctld has let it go")
    expect(image_blocks(dom0, file) == before, "a guest that stands still has written")
    expect(int(dom0.ok(f"df -B1 --output=avail {room} | tail -n 1")) > 0, "nothing is left")
    # An administrator's pause is one of its own.
    dom0.ok("hvctl pause diska && hvctl unpause diska")
    expect(dom0.domains()["diska"]["state"] == "disk-full", "unpausing has set it going without room")

    dom0.ok(f"rm {room}/other")
    dom0.until("hvctl list diska", "running|blocked")
    shown = dom0.until("hvctl console --history diska", "all42")
    expect("broken42" not in shown and "I/O error" not in shown, f"the guest has seen errors:\n{shown[-2000:]}")
    dom0.ok(f"sync; seq 0 {blocks - 1} >{FOLDER}/expected; head -c $(({blocks} * 65536)) {file} | tr -d ' ' | cmp - {FOLDER}/expected")

    # Where the host goes down it does not wait: it ends in order with what is left.
    dom0.ok(f"fallocate -l $(( $(df -B1 --output=avail {room} | tail -n 1) - (6 << 20) )) {room}/other")
    dom0.until("hvctl list diska", "disk-full")
    dom0.ok("hvctl stop-all")
    expect(dom0.domains()["diska"]["shutdown_reason"] == "poweroff", f"not an end in order: {dom0.domains()['diska']}")
    dom0.until(f"umount {room} && echo gone$((40 + 2))", "gone42")
    expect_nothing_left(dom0)


@in_dom0("disks: what cannot be a disk is refused with a reason, and leaves nothing")
def refusals(dom0):
    file = image(dom0, "a.img")
    dom0.ok(f"printf 'QFI\\373' | dd of={file} conv=notrunc status=none; : >{FOLDER}/empty; printf x >{FOLDER}/odd")
    for path, code, words in ((f"{FOLDER}/none", "HV-E0401", "No such file"), (f"{FOLDER}/empty", "HV-E0701", "empty"),
                              (f"{FOLDER}/odd", "HV-E0701", "sectors"), (file, "HV-E0701", "qcow2"),
                              ("/dev/null", "HV-E0701", "neither"), (FOLDER, "HV-E0402", "directory")):
        domain = define(dom0, "diska", f"[{{target: xvda, path: {path}}}]")
        dom0.refused(f"hvctl create -p {domain}", code, words)
        dom0.refused(f"hvctl validate --host {domain}", code, words)
    expect_nothing_left(dom0)


@in_dom0("disks: a guest boots the kernel on its own disk, and finds its cloud-init seed", slow=True)
def own_kernel(dom0):
    root = f"{FOLDER}/root"
    config = "set timeout=0\nmenuentry own {\n  linux /vmlinuz console=hvc0 from=disk\n  initrd /hello.initrd\n}\n"
    dom0.ok(f"mkdir -p {root}/boot/grub && cp -L /vmlinuz {INITRD} {root}/")
    dom0.write(f"{root}/boot/grub/grub.cfg", config)
    dom0.ok(f"truncate -s 96M {FOLDER}/a.img && mkfs.ext4 -q -F -d {root} {FOLDER}/a.img")
    path = f"{FOLDER}/diska.yaml"
    dom0.write(path, f"name: diska\nmemory: 192MiB\nboot: disk\ndisks: [{{target: xvda, path: {FOLDER}/a.img}}]\nnics: [{{}}]\n"
                     "cloud_init: {ssh_authorized_keys: [ssh-ed25519 AAAA me]}\n")
    dom0.ok(f"hvctl create {path}")
    dom0.until("hvctl console --history diska", "Hello: this is Linux")
    in_guest(dom0, "diska", "grep -c from=disk /proc/cmdline; echo booted$((40 + 2))", "booted42")
    in_guest(dom0, "diska", "grep -a local-hostname /dev/xvdz | tr -d ' \"'", "local-hostname:diska")
    dom0.ok("hvctl reboot --wait diska")
    in_guest(dom0, "diska", "grep -o from=disk /proc/cmdline | tr a-z A-Z", "FROM=DISK")
    dom0.ok("hvctl destroy diska")
    dom0.refused(f"hvctl create {define(dom0, 'diskb', '[]')} boot=disk", "boot")
    expect_nothing_left(dom0)


@in_dom0("disks: an image is encrypted with a key of Dom0's, and the guest sees none of that", slow=True)
def encrypted(dom0):
    image, key = f"{FOLDER}/a.luks", f"{FOLDER}/key"
    dom0.ok(f"mkdir -p {FOLDER} && printf secret >{key} && chmod 600 {key} && "
            f"qemu-img create -q -f luks --object secret,id=k,file={key} -o key-secret=k,iter-time=10 {image} 32M")
    path = define(dom0, "diska", f"[{{target: xvda, path: {image}, format: luks, key_file: {key}}}]")
    start(dom0, path, "diska")
    in_guest(dom0, "diska", "yes payload | dd of=/dev/xvda bs=1M count=1 conv=fsync 2>/dev/null; echo written$((40 + 2))", "written42")
    dom0.ok(f"! grep -q payload {image}")
    dom0.ok("systemctl kill -s KILL 'hvctl-disk@*'")
    in_guest(dom0, "diska", "dd if=/dev/xvda bs=7 count=1 iflag=fullblock 2>/dev/null | sed s/load/LOAD/; echo", "payLOAD")
    dom0.ok("hvctl block-resize diska xvda 48MiB")
    in_guest(dom0, "diska", "head -c 512 /dev/xvda >/dev/null; echo size$(($(cat /sys/block/xvda/size) / 2048))", "size48")
    dom0.ok(f"qemu-img create -q -f luks --object secret,id=k,file={key} -o key-secret=k,iter-time=10 {FOLDER}/b.luks 32M && "
            f"hvctl block-attach diska {FOLDER}/b.luks xvdb --format luks --key-file {key} && hvctl block-detach diska xvdb && hvctl destroy diska")
    dom0.refused(f"mv {key} {key}.away && hvctl start diska", "key_file")
    dom0.ok(f"printf wrong >{key}")
    dom0.refused("hvctl start diska", "journalctl")
    dom0.refused(f"hvctl create {define(dom0, 'diskb', f'[{{target: xvda, path: {image}, format: luks}}]')}", "key_file")
    expect_nothing_left(dom0)


@in_dom0("disks: a qcow2 image is served, outlives the death of what serves it, and grows")
def other_format(dom0):
    file = f"{FOLDER}/a.qcow2"
    dom0.ok(f"mkdir -p {FOLDER} && qemu-img create -q -f qcow2 {file} 64M")
    start(dom0, define(dom0, "diska", f"[{{target: xvda, path: {file}, format: qcow2}}]"), "diska")
    in_guest(dom0, "diska", "echo payload | dd of=/dev/xvda conv=fsync 2>/dev/null && echo written$((40 + 2))", "written42")
    disk = disks(dom0, "diska")["xvda"]
    expect(disk["state"] == "connected" and disk["device"].startswith("43:"), f"not as expected: {disk}")
    dom0.refused(f"hvctl block-attach diska {file} --format qcow2", "HV-E0702", "xvda of this guest")

    dom0.ok("systemctl kill -s KILL 'hvctl-disk@*'")
    in_guest(dom0, "diska", "echo PAY | dd of=/dev/xvda bs=3 count=1 conv=fsync,notrunc 2>/dev/null && echo written$((40 + 3))", "written43")
    dom0.ok("systemctl kill -s KILL hvctld; systemctl kill -s KILL 'hvctl-disk@*'; "
            "for i in $(seq 100); do hvctl list >/dev/null 2>&1 && break; sleep 0.2; done")
    in_guest(dom0, "diska", "dd if=/dev/xvda bs=7 count=1 iflag=direct 2>/dev/null; dd if=/dev/xvda bs=512 count=1 2>/dev/null | head -c 7 | "
             "sed s/load/LOAD/; echo", "PAYLOAD")
    # What the guest has been told to be written outlives what had written it, also without a sync of the guest's.
    in_guest(dom0, "diska", "printf unsynced | dd of=/dev/xvda bs=512 seek=100000 oflag=direct 2>/dev/null; echo written$((40 + 4))", "written44")
    dom0.ok("systemctl kill -s KILL 'hvctl-disk@*'")
    in_guest(dom0, "diska", "sync; dd if=/dev/xvda bs=512 skip=100000 count=1 iflag=direct 2>/dev/null | head -c 8 | sed s/syn/SYN/; echo", "unSYNced")
    dom0.ok("hvctl block-resize diska xvda 128MiB")
    in_guest(dom0, "diska", "head -c 512 /dev/xvda >/dev/null; echo size$(($(cat /sys/block/xvda/size) / 2048))", "size128")
    dom0.refused("hvctl block-resize diska xvda 64MiB", "can only grow")

    # No program in Dom0 looks into it, and no other guest is given it by its device's name.
    dom0.until("udevadm info --query=property /dev/nbd0", "UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG=1")
    dom0.refused("hvctl block-attach diska /dev/nbd0", "HV-E0702")
    # An image on a block device, and one that the guest may only read.
    dom0.ok(f"qemu-img create -q -f qcow2 {FOLDER}/b.qcow2 64M && cp {FOLDER}/b.qcow2 {FOLDER}/device && truncate -s 128M {FOLDER}/device && "
            f"losetup /dev/loop7 {FOLDER}/device && hvctl block-attach diska /dev/loop7 xvdb --format qcow2 && "
            f"hvctl block-attach diska {FOLDER}/b.qcow2 xvdc --format qcow2 --read-only")
    in_guest(dom0, "diska", "echo payload | dd of=/dev/xvdb conv=fsync 2>/dev/null && echo written$((40 + 5))", "written45")
    in_guest(dom0, "diska", "echo x | dd of=/dev/xvdc conv=fsync 2>&1 || echo refused$((40 + 6))", "refused46")
    dom0.ok("hvctl block-detach diska xvdb xvdc && losetup -d /dev/loop7")

    dom0.ok("hvctl reboot --wait diska")
    in_guest(dom0, "diska", "head -c 7 /dev/xvda | sed s/load/TOAD/; echo", "PAYTOAD")
    dom0.ok("hvctl destroy diska")
    dom0.until(f"qemu-img check -q {file} && qemu-img convert -O raw {file} {FOLDER}/raw && head -c 7 {FOLDER}/raw; echo", "PAYload")
    dom0.refused(f"hvctl create --dry-run {define(dom0, 'diskb', f'[{{target: xvda, path: {file}}}]')}", "format: qcow2")
    dom0.ok(f"qemu-img create -q -f qcow2 -b {file} -F qcow2 {FOLDER}/top.qcow2")
    dom0.refused(f"hvctl create {define(dom0, 'diskb', f'[{{target: xvda, path: {FOLDER}/top.qcow2, format: qcow2}}]')}", "top of another image")
    expect_nothing_left(dom0)
