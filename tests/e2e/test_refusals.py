"""Bad input, as a user would meet it: refused with a clear error, and nothing left behind."""

from framework import HELLO, Dom0, boots, expect, in_dom0

USAGE, NOT_FOUND, UNREACHABLE, PERMISSION, NOT_ON_HV, BUSY, NO_RESOURCES = 2, 3, 4, 5, 6, 7, 9


def nothing_left(dom0, before):
    expect(dom0.guests() == [], f"domains left behind: {dom0.guests()}")
    after = dom0.host()["free_memory"]
    expect(after == before, f"free memory was {before}, is {after}: {before - after} bytes lost")


@in_dom0("refused: kernels that are none, truncated, foreign, missing, unreadable or too large")
def kernels(dom0):
    before = dom0.host()["free_memory"]

    def refused(override, *words, status=None):
        """A dry run refuses what the creation refuses, in the same words."""
        for verb in ("create -n", "create"):
            dom0.refused(f"hvctl {verb} {HELLO} {override}", *words, status=status)

    refused("kernel=/etc/passwd", "/etc/passwd", "kernel", status=USAGE)
    dom0.ok("head -c 1000000 /vmlinuz >/tmp/short; : >/tmp/empty")
    refused("kernel=/tmp/short", "/tmp/short", "trunc|short|ends", status=USAGE)
    refused("kernel=/tmp/empty", "/tmp/empty", status=USAGE)
    # The header of an arm64 Image, and of an ELF file for another machine (AArch64, 183).
    dom0.ok(r"{ printf 'MZ\0\0\0\0\0\0'; head -c 48 /dev/zero; printf 'ARM\x64'; head -c 100000 /dev/zero; } >/tmp/arm64")
    refused("kernel=/tmp/arm64", "/tmp/arm64", status=USAGE)
    dom0.ok(r"{ printf '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0\x01\0\0\0'; head -c 100000 /dev/zero; } >/tmp/elf-arm64")
    refused("kernel=/tmp/elf-arm64", "/tmp/elf-arm64", "x86|architecture|machine", status=USAGE)
    refused("kernel=/nowhere/vmlinuz", "/nowhere/vmlinuz", status=USAGE)
    refused("kernel=/etc", "/etc", "regular file|directory", status=USAGE)
    dom0.ok("ln -sf /nowhere/at/all /tmp/dangling; rm -f /tmp/fifo; mkfifo /tmp/fifo; ln -sf loop-b /tmp/loop-a; ln -sf loop-a /tmp/loop-b")
    refused("kernel=/tmp/dangling", "/tmp/dangling", "No such file", status=USAGE)
    refused("kernel=/tmp/loop-a", "/tmp/loop-a", "symbolic links", status=USAGE)
    for special in ("/tmp/fifo", "/dev/zero"):
        refused("kernel=" + special, special, "kernel", status=None)
        refused("initrd=" + special, special, status=None)
    refused("initrd=/nowhere/initrd", "/nowhere/initrd", status=USAGE)
    refused("memory=16MiB", "16|memory")
    nothing_left(dom0, before)


@in_dom0("refused: domain files with unknown or duplicate keys, wrong values, no YAML; with file:line:column")
def files(dom0):
    before = dom0.host()["free_memory"]
    good = "name: bad\ntype: pv\nmemory: 128MiB\nkernel: /vmlinuz\n"
    dom0.write("/tmp/unknown.yaml", good + "memmory: 1GiB\n")
    dom0.refused("hvctl create /tmp/unknown.yaml", r"unknown\.yaml:5:1", "memmory", "memory", status=USAGE)
    dom0.write("/tmp/twice.yaml", good + "memory: 64MiB\n")
    dom0.refused("hvctl create /tmp/twice.yaml", r"twice\.yaml:5:1", "memory", status=USAGE)
    dom0.write("/tmp/unit.yaml", good.replace("128MiB", "128"))
    dom0.refused("hvctl create /tmp/unit.yaml", r"unit\.yaml:3:9", "unit|MiB", status=USAGE)
    dom0.write("/tmp/broken.yaml", "name: [bad\n")
    dom0.refused("hvctl create /tmp/broken.yaml", r"broken\.yaml:\d+:\d+", status=USAGE)
    dom0.write("/tmp/list.yaml", "- name: bad\n")
    dom0.refused("hvctl validate /tmp/list.yaml", r"list\.yaml:1:1", status=USAGE)
    dom0.refused("hvctl validate /tmp/nothing.yaml", "nothing.yaml", status=USAGE)
    dom0.refused("hvctl create /dev/null", "name|empty", status=USAGE)
    dom0.ok(f"hvctl validate {HELLO}")
    # Neither root nor hvctld is needed to check a file.
    dom0.ok(f"setpriv --reuid=65534 --regid=65534 --clear-groups hvctl --bus /nowhere validate {HELLO}")
    nothing_left(dom0, before)


@in_dom0("refused: more memory or vCPUs than there are")
def resources(dom0):
    before = dom0.host()["free_memory"]
    dom0.refused(f"hvctl create {HELLO} memory=64GiB", "64|memory", "free|available", status=NO_RESOURCES)
    dom0.refused(f"hvctl create {HELLO} vcpus=4096", "4096", status=None)
    dom0.refused(f"hvctl create {HELLO} vcpus=0", status=USAGE)
    nothing_left(dom0, before)


@in_dom0("refused: a name that is taken, two operations on one domain, domains that do not exist")
def names(dom0):
    dom0.ok(f"hvctl create --paused {HELLO}")
    dom0.refused(f"hvctl create {HELLO}", "hello", status=BUSY)
    # Both at once: one of them wins, the other is refused or finds nothing; neither hangs, nothing is left.
    dom0.ok("hvctl destroy hello & first=$!; hvctl destroy hello; second=$?; wait $first; first=$?; "
            "echo $first $second; [ $first -eq 0 ] || [ $second -eq 0 ]")
    expect(dom0.guests() == [], f"still there: {dom0.guests()}")
    for verb in ("console", "pause", "unpause", "shutdown", "destroy", "domid"):
        dom0.refused(f"hvctl {verb} nobody </dev/null", "nobody", status=NOT_FOUND)
    dom0.refused("hvctl destroy 0", "Domain-0 is the host")
    dom0.refused("hvctl frobnicate", "frobnicate", status=USAGE)


@in_dom0("refused: hvctld not running, not root")
def daemon_and_rights(dom0):
    dom0.ok("systemctl stop hvctld")
    try:
        dom0.refused("hvctl list", "hvctld", "systemctl start hvctld", status=UNREACHABLE)
    finally:
        dom0.ok("systemctl start hvctld")
    dom0.ok("hvctl list")
    said = dom0.refused("setpriv --reuid=65534 --regid=65534 --clear-groups hvctl list", "sudo", status=PERMISSION)
    expect("Rejected" not in said, f"the broker's words instead of ours: {said}")


@boots("refused: not on hv at all, and hvctld stays down without being a failed unit")
def not_on_hv(bench):
    with bench.machine("bare", bare=True) as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        dom0.refused("hvctl list", "not booted on hv|not on hv", status=NOT_ON_HV)
        expect(dom0.shell("systemctl is-failed hvctld").text.strip() != "failed", "hvctld is a failed unit on a machine without hv")
        machine.power_off()
