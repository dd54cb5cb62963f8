"""Volumes: disks that hvctld makes, and erases."""

import json
import re

from framework import expect, in_dom0

INITRD = "/var/lib/hvctl/examples/hello.initrd"
FOLDER = "/var/tmp/volumes"
POOL = "/var/lib/hvctl/volumes"
MIB = 1 << 20


def define(dom0, name, disks):
    path = f"{FOLDER}/{name}.yaml"
    dom0.ok(f"mkdir -p {FOLDER}")
    dom0.write(path, f"name: {name}\nmemory: 128MiB\nkernel: /vmlinuz\ninitrd: {INITRD}\ncmdline: console=hvc0\ndisks: {disks}\n")
    return path


def volumes(dom0):
    return {f"{one['pool']}/{one['name']}": one for one in json.loads(dom0.ok("hvctl volume-list --json"))["volumes"]}


def start(dom0, path, name):
    dom0.ok(f"hvctl create {path}")
    dom0.until(f"hvctl console --history {name}", "Hello: this is Linux")


def restart_daemon(dom0, how="restart hvctld"):
    dom0.ok(f"systemctl {how}; for i in $(seq 100); do hvctl list >/dev/null 2>&1 && break; sleep 0.2; done")


def audit(dom0, volume):
    return dom0.ok(f"journalctl -o cat HVCTL_VOLUME={volume}")


@in_dom0("volumes: a volume in a folder is made, used, enlarged, imported and erased")
def in_a_folder(dom0):
    dom0.ok("hvctl volume create vol1 64MiB")
    expect(volumes(dom0)["default/vol1"]["bytes"] == 64 * MIB, f"not as made: {volumes(dom0)}")
    expect(dom0.ok(f"stat -c %a {POOL} {POOL}/vol1").split() == ["700", "600"], "others may read it")
    dom0.refused("hvctl volume-create vol1 1MiB", "HV-E0707")
    dom0.refused("hvctl volume-create ../vol1 1MiB", "HV-E0002")
    dom0.refused("hvctl volume-create none/vol1 1MiB", "HV-E0708")
    start(dom0, define(dom0, "vola", "[{target: xvda, volume: vol1}]"), "vola")
    dom0.ask("vola", "tr -d '\\000' </dev/xvda | wc -c | sed s/^/left/", "left0")
    dom0.ask("vola", "echo payload | dd of=/dev/xvda conv=fsync 2>/dev/null && echo written$((40 + 2))", "written42")
    dom0.refused("hvctl volume-delete vol1", "HV-E0702", "vola")
    dom0.refused(f"hvctl volume-import copy {POOL}/vol1", "HV-E0702", "vola")
    dom0.ok("hvctl volume-resize vol1 80MiB")
    dom0.ask("vola", "head -c 512 /dev/xvda >/dev/null; sleep 1; cat /sys/block/xvda/size", "163840")
    dom0.ok("hvctl volume-create vol2 8MiB && hvctl block-attach vola vol2 --volume")
    expect(volumes(dom0)["default/vol2"]["domains"] == ["vola"], "nobody has what has been attached")
    dom0.ok("hvctl block-detach vola xvdb && hvctl volume-delete vol2")
    dom0.ok("hvctl destroy vola")
    dom0.refused("hvctl volume-delete vol1", "HV-E0702", "vola")
    dom0.ok("hvctl forget vola")
    # What it has been is in no file that is left, and the name is free.
    dom0.ok(f"hvctl volume-import vol2 {POOL}/vol1")
    expect(dom0.ok(f"head -c 7 {POOL}/vol2") == "payload", "the content was not imported")
    # The file outlives its name for as long as a process has it open.
    dom0.ok(f"exec 9<{POOL}/vol1; hvctl volume-delete vol1; head -c 7 <&9 | tr -d '\\000' | wc -c | grep -x 0")
    # What a killed daemon has left.
    dom0.ok(f"cp {POOL}/vol2 {POOL}/.new-1")
    restart_daemon(dom0, "kill -s KILL hvctld")
    dom0.until(f"ls -A {POOL}", r"^vol2\s*$")
    dom0.ok("hvctl volume-delete vol2")
    said = audit(dom0, "default/vol1")
    for pattern in ("created, 64MiB", "enlarged to 80MiB", r"deleted, \d+ bytes of it written over with zeros, by user 0"):
        expect(re.search(pattern, said), f"no '{pattern}' in the journal: {said}")
    expect(not volumes(dom0), f"still there: {volumes(dom0)}")
    dom0.ok(f"rm -rf {FOLDER}")


@in_dom0("volumes: an image of another format is converted, shut off from the host's files")
def converted(dom0):
    dom0.ok(f"mkdir -p {FOLDER} && printf payload >{FOLDER}/raw && truncate -s 8M {FOLDER}/raw && "
            f"qemu-img convert -O qcow2 {FOLDER}/raw {FOLDER}/good.qcow2 && chmod 600 {FOLDER}/good.qcow2")
    dom0.refused(f"hvctl volume-import vol1 {FOLDER}/good.qcow2", "HV-E0701", "--format qcow2")
    dom0.ok(f"hvctl volume-import vol1 {FOLDER}/good.qcow2 --format qcow2")
    dom0.ok(f"cmp {FOLDER}/raw {POOL}/vol1")
    dom0.ok(f"qemu-img create -q -f qcow2 -F raw -b {FOLDER}/raw {FOLDER}/based.qcow2")
    dom0.refused(f"hvctl volume-import vol2 {FOLDER}/based.qcow2 --format qcow2", "HV-E0701", "top of another image")
    dom0.ok(f"qemu-img create -q -f qcow2 -o data_file={FOLDER}/data,data_file_raw=on {FOLDER}/split.qcow2 8M")
    dom0.refused(f"hvctl volume-import vol2 {FOLDER}/split.qcow2 --format qcow2", "HV-E0701", "in another file")
    # Clusters of a size that there is not: for qemu-img to find.
    dom0.ok(f"printf '\\077' | dd of={FOLDER}/good.qcow2 bs=1 seek=23 conv=notrunc status=none")
    dom0.refused(f"hvctl volume-import vol2 {FOLDER}/good.qcow2 --format qcow2", "HV-E0701", "qemu-img")
    expect(list(volumes(dom0)) == ["default/vol1"], f"not only what was good: {volumes(dom0)}")
    dom0.ok("hvctl volume-delete vol1; test -z \"$(ls -A /var/lib/hvctl/scratch)\"")
    dom0.ok(f"rm -rf {FOLDER}")


@in_dom0("volumes: thick and thin volumes of LVM are zeroed before and erased after", slow=True)
def in_lvm(dom0):
    dom0.ok(f"mkdir -p {FOLDER} && truncate -s 160M {FOLDER}/disk")
    loop = dom0.ok(f"losetup -f --show {FOLDER}/disk").strip()
    # What was on the disk before.
    dom0.ok(f"tr '\\000' S </dev/zero | dd of={loop} bs=1M count=160 iflag=fullblock conv=fsync status=none")
    dom0.ok(f"vgcreate -q vgtest {loop} && lvcreate -q --yes -Wn -L 32M -n other vgtest && "
            "lvcreate -q --yes --type thin-pool -L 32M -n pool vgtest")
    dom0.ok("cp -p /etc/hvctl/hvctl.yaml /tmp/hvctl.yaml.before 2>/dev/null; "
            "printf 'volumes: {thick: {lvm: vgtest}, thin: {lvm: vgtest/pool}}\\n' >/etc/hvctl/hvctl.yaml")
    restart_daemon(dom0)
    for pool in ("thick", "thin"):
        dom0.ok(f"hvctl volume-create {pool}/{pool}1 16MiB")
        device = f"/dev/vgtest/{pool}1"
        dom0.ok(f"tr -d '\\000' <{device} | wc -c | grep -x 0")
        start(dom0, define(dom0, "vola", f"[{{target: xvda, volume: {pool}/{pool}1}}]"), "vola")
        dom0.ask("vola", "echo payload | dd of=/dev/xvda conv=fsync 2>/dev/null && echo written$((40 + 2))", "written42")
        dom0.refused(f"hvctl volume-delete {pool}/{pool}1", "HV-E0702", "vola")
        if pool == "thick":
            dom0.refused("hvctl volume-resize thick/thick1 24MiB", "HV-E0205", "shut the guest down")
        else:
            dom0.ok("hvctl volume-resize thin/thin1 24MiB")
            dom0.ask("vola", "head -c 512 /dev/xvda >/dev/null; sleep 1; cat /sys/block/xvda/size", "49152")
        dom0.ok("hvctl destroy vola && hvctl forget vola")
        dom0.ok(f"hvctl volume-resize {pool}/{pool}1 32MiB && head -c 7 {device} | grep -x payload")
        dom0.ok(f"tail -c +8 {device} | tr -d '\\000\\n' | wc -c | grep -x 0")
        dom0.ok(f"hvctl volume-delete {pool}/{pool}1")
    dom0.refused("hvctl volume-delete thick/other", "HV-E0706")
    dom0.refused("hvctl volume-create thick/large 1GiB", "HV-E0409", "free space")
    expect(dom0.ok(f"grep -c payload {loop} || true").strip() == "0", "what was deleted is on the disk")
    expect(dom0.ok("lvs --noheadings -o lv_name vgtest").split() == ["other", "pool"], "something is left of volumes")
    expect("zeroed" in audit(dom0, "thick/thick1") and "discarded" in audit(dom0, "thin/thin1"), "no audit")
    dom0.ok("vgremove -q -f vgtest && losetup -d " + loop)
    dom0.ok("rm -f /etc/hvctl/hvctl.yaml; mv /tmp/hvctl.yaml.before /etc/hvctl/hvctl.yaml 2>/dev/null || true")
    restart_daemon(dom0)
    dom0.ok(f"rm -rf {FOLDER}")
