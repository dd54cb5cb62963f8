"""Create and destroy, again and again: hv has every frame back after it, and Dom0 every resource."""

from framework import COMMAND_TIMEOUT, HELLO, expect, in_dom0

FILES = "ls -l /proc/$(systemctl show -P MainPID hvctld)/fd"
# sqlite may keep one more descriptor of a file that another connection has locked, for the next that opens it: those that move what is
# beside the registry into it. There it is 3 and, later, 4; everything else is counted.
REGISTRY_MOST = 4


FOLDER = "/var/tmp/leaks"
FILE = f"{FOLDER}/leak.yaml"
DEFINITION = f"""name: leak
memory: 128MiB
kernel: /vmlinuz
initrd: /var/lib/hvctl/examples/hello.initrd
cmdline: console=hvc0
disks:
  - {{target: xvda, path: {FOLDER}/a.img}}
nics: [{{}}]
"""
# Served by a process of its own, whose start is most of a round's time: fewer rounds.
OF_ANOTHER_FORMAT = DEFINITION.replace("nics:", f"  - {{target: xvdb, path: {FOLDER}/b.qcow2, format: qcow2}}\nnics:")
# What of Dom0 a guest with devices has a part of.
PARTS = ("losetup -l -n -O BACK-FILE; ls -d /sys/block/nbd*/pid; ip -o link | cut -d: -f2 | grep vif; nft list tables | grep vif; "
         "tc qdisc show | grep vif; ls /sys/bus/xen-backend/devices /run/hvctl-disks /run/hvctl-networks/*/hosts; ls -d /run/hvctl-disk-?*[0-9a-f]; "
         "systemctl list-units --all --plain --no-legend 'hvctl-disk@*'; find /sys/fs/cgroup -name 'hvctl-disk@*'; "
         "xenstore-list /local/domain/0/backend/vbd; xenstore-list /local/domain/0/backend/vif; xenstore-list /tool/hvctld/images; echo end")


def rounds(dom0, count, file, name):
    create = f"hvctl create --ephemeral {file}"
    free = dom0.host()["free_memory"]
    # Libraries may open files that stay, and the host its network, with the first guest.
    dom0.ok(f"{create} && hvctl destroy {name}")
    files = int(dom0.ok(f"for i in 1 2 3 4 5; do {FILES} | grep -vc state.db; sleep 1; done | sort -n | head -n 1"))
    parts = dom0.ok(f"sleep 3; ({PARTS}) 2>&1 | sort")
    dom0.ok(f"set -e; for i in $(seq {count}); do {create} >/dev/null; "
            f"sleep 0.$((i % 10)); hvctl destroy {name}; done", timeout=COMMAND_TIMEOUT * (1 + count // 10))
    expect(dom0.guests() == [], f"still there: {dom0.guests()}")
    after = dom0.host()["free_memory"]
    expect(after == free, f"after {count} rounds hv has {free - after} bytes less")
    # The daemon sees the end of the last client's connection when it gets to it.
    dom0.until(f"{FILES}; [ $({FILES} | grep -vc state.db) -le {files} ] && [ $({FILES} | grep -c state.db) -le {REGISTRY_MOST} ] && "
               "echo as many as before", r"\nas many as before")
    dom0.write(f"{FOLDER}.parts", parts)
    dom0.until(f"({PARTS}) 2>&1 | sort | diff {FOLDER}.parts - && echo nothing left", "nothing left")


@in_dom0("10 rounds of create and destroy leave nothing behind")
def ten(dom0):
    rounds(dom0, 10, HELLO, "hello")


@in_dom0("200 rounds of create and destroy, with disks and a network interface, leave nothing behind", slow=True)
def two_hundred(dom0):
    dom0.ok(f"mkdir -p {FOLDER} && truncate -s 64M {FOLDER}/a.img && qemu-img create -q -f qcow2 {FOLDER}/b.qcow2 64M")
    for count, definition in ((200, DEFINITION), (20, OF_ANOTHER_FORMAT)):
        dom0.write(FILE, definition)
        rounds(dom0, count, FILE, "leak")
    dom0.ok(f"rm -rf {FOLDER}")
