"""Memory that grows and shrinks: Dom0 between what dom0_mem= says, a guest up to its max_memory."""

import re

from framework import HELLO, Dom0, boots, expect, in_dom0

MIB = 1 << 20
BALLOON = "/sys/devices/system/xen_memory/xen_memory0"
SETTLED = 4 * MIB  # a kernel's own count differs by the few frames that it shares


def memory(dom0, name):
    return dom0.domains()[name]["memory"]


def until_memory(dom0, name, wanted):
    """Waits until the domain has `wanted` bytes, as hv counts them."""
    low, high = (wanted - SETTLED) // 1024, (wanted + SETTLED) // 1024
    dom0.ok(f"for i in $(seq 600); do m=$(hvctl list --json {name} | tr ',{{}}' '\\n' | sed -n 's/.*\"memory\": *\\([0-9]*\\).*/\\1/p' | head -n 1); "
            f"m=$((m / 1024)); [ $m -ge {low} ] && [ $m -le {high} ] && exit 0; sleep 0.5; done; echo \"{name} has $m KiB, not {wanted // 1024}\"; exit 1")


def set_target(dom0, name, wanted):
    dom0.ok(f"xenstore-write /local/domain/$(hvctl domid {name})/memory/target {wanted // 1024}")


def expect_idle(dom0, name, doing):
    """A kernel that cannot reach its target tries again now and then; one that spins takes all of its vCPU."""
    before = dom0.domains()[name]["cpu_time"]
    start, end = (float(word) for word in dom0.ok("cut -d' ' -f1 /proc/uptime; sleep 20; cut -d' ' -f1 /proc/uptime").split())
    used = (dom0.domains()[name]["cpu_time"] - before) / 1e9
    expect(used < (end - start) / 2, f"{name} used {used:.1f} s of CPU time in {end - start:.1f} s while {doing}")


@in_dom0("memory: a guest grows to max_memory and shrinks, has vCPUs taken and given, and a target that it cannot reach costs nothing")
def guest_balloon(dom0):
    dom0.ok(f"hvctl create {HELLO} memory=160MiB max_memory=320MiB vcpus=2 max_vcpus=3 cpu_weight=300")
    dom0.until("hvctl console --history hello", "Hello: this is Linux")
    expect(dom0.domains()["hello"]["max_memory"] == 320 * MIB, f"not its maximum: {dom0.domains()['hello']}")
    dom0.until("hvctl list --json hello", r'"vcpus": 2\b')
    dom0.ok("hvctl vcpu-set hello 1")
    dom0.until("hvctl list --json hello", r'"vcpus": 1\b')
    dom0.ok("hvctl vcpu-set hello 2")
    # A driver of the guest's own does it where there is udev.
    dom0.ask("hello", "echo 1 >/sys/devices/system/cpu/cpu1/online; cat /sys/devices/system/cpu/online", "^0-1")
    dom0.until("hvctl list --json hello", r'"vcpus": 2\b')
    dom0.ok("hvctl sched hello cap=150% reservation=20%")
    expect(re.search(r"hello +\d+ +300 +150% +20%", dom0.ok("hvctl sched")), "not its shares: " + dom0.ok("hvctl sched"))
    dom0.refused("hvctl sched hello cap=none reservation=200%", "HV-E0306", status=None)
    for wanted in (320, 200):
        dom0.ok(f"hvctl mem-set --wait hello {wanted}MiB")
        until_memory(dom0, "hello", wanted * MIB)
    dom0.refused("hvctl mem-set hello 321MiB", "mem-max", status=None)
    for wanted in (320, 160):
        set_target(dom0, "hello", wanted * MIB)
        until_memory(dom0, "hello", wanted * MIB)
    dom0.ok("hvctl top --batch --iterations 1 --delay 0.5 | grep hello && hvctl guarantees | grep hello && hvctl uptime hello")
    set_target(dom0, "hello", 1024 * MIB)
    until_memory(dom0, "hello", 320 * MIB)
    expect_idle(dom0, "hello", "its target is beyond its maximum")
    set_target(dom0, "hello", 192 * MIB)
    until_memory(dom0, "hello", 192 * MIB)
    dom0.ok("hvctl destroy hello")


@boots("memory: dom0_mem=512M,max:768M: Dom0 grows to its maximum, not further, and shrinks again", slow=True)
def dom0_maximum(bench):
    with bench.machine("dom0-max", hv_args="dom0_mem=512M,max:768M") as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        domain = dom0.domains()["Domain-0"]
        expect(domain["max_memory"] == 768 * MIB, f"not what max: says: {domain}")
        expect(abs(domain["memory"] - 512 * MIB) < SETTLED, f"not what it should begin with: {domain}")
        expect(dom0.ok("xenstore-read /local/domain/0/memory/static-max").strip() == str(768 * 1024), "static-max in the store")
        # The kernel says how much it has page structures for: "Memory: 392940K/786036K available".
        known = re.search(r"Memory: \d+K/(\d+)K", dom0.ok("dmesg | grep Memory:"))
        expect(known and int(known[1]) <= 768 * 1024, f"Dom0's page structures are for more than its maximum: {known and known[0]}")
        for wanted, reached in ((640, 640), (1024, 768), (512, 512)):
            dom0.ok(f"echo {wanted * 1024} >{BALLOON}/target_kb")
            until_memory(dom0, "Domain-0", reached * MIB)
        expect("cut" not in dom0.ok("hvctl dmesg"), "hv says that it has cut something")
        machine.power_off()


def said_at_boot(bench, name, words):
    """What hv says about Dom0's memory, and how much it has, in MiB."""
    with bench.machine(name, hv_args=words) as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        said = "\n".join(re.findall(r".*dom0_mem.*", dom0.ok("hvctl dmesg")))
        have = memory(dom0, "Domain-0") // MIB
        machine.power_off()
    return said, have


@boots("memory: a dom0_mem= that is malformed, too large or too small is said on the console, and Dom0 has a sensible part", slow=True)
def dom0_mistakes(bench):
    usual = said_at_boot(bench, "dom0-default", "dom0_mem=")
    expect("malformed" in usual[0] and 1024 <= usual[1] <= 1200, f"an empty value: {usual}")
    for words, pattern in (("dom0_mem=1Q,max:1G", "malformed"), ("dom0_mem=1024", "gets the default")):
        said, have = said_at_boot(bench, "dom0-mistake", words)
        expect(re.search(pattern, said) and abs(have - usual[1]) < 8, f"{words}: {have} MiB instead of {usual[1]}: {said}")
    said, have = said_at_boot(bench, "dom0-large", "dom0_mem=64G")
    expect("asks for 65536 MiB" in said and 1700 < have < 2000, f"too much: {have} MiB: {said}")


@boots("memory: a machine that is too small for Dom0 stops with the reason, and stays", slow=True)
def dom0_refused(bench):
    with bench.machine("dom0-refused", memory="256M", hv_args="dom0_mem=max:100%", qemu_args=["-m", "96M"]) as machine:
        machine.wait_serial(rb"Dom0 cannot start: this machine has \d+ MiB")
        machine.wait_serial(rb"a reboot would not help")
