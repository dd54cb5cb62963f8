"""The life of a guest, as a user sees it."""

import re

from framework import HELLO, expect, in_dom0

BANNER = r"Hello: this is Linux \S+, a guest with 1 vCPU"


def start_hello(dom0, words=""):
    """hello, up to its greeting."""
    dom0.ok(f"hvctl create {words} {HELLO}")
    dom0.until("hvctl console --history hello", BANNER)


@in_dom0("Dom0: systemd is up, hvctld runs, no unit failed")
def dom0_is_up(dom0):
    dom0.ok("systemctl is-active hvctld")
    expect(dom0.ok("systemctl --failed --no-legend --plain").strip() == "", "failed units:\n" + dom0.ok("systemctl --failed"))
    expect(dom0.ok("cat /sys/hypervisor/type").strip() == "xen", "the kernel does not know that it runs on a hypervisor")
    expect("control_d" in dom0.ok("mount -t xenfs xenfs /mnt && cat /mnt/capabilities; umount /mnt"), "not the privileged domain")


@in_dom0("Dom0: hvctl info and dmesg tell what runs")
def host_info(dom0):
    host = dom0.host()
    expect(host["cpus"] == 2 and host["free_memory"] > 0 and host["memory"] <= 2 << 30, f"implausible: {host}")
    expect(host["kernel"].strip() in dom0.ok("uname -r") or dom0.ok("uname -r").strip() in host["kernel"], f"kernel: {host['kernel']}")
    expect(dom0.ok("hvctl dmesg").strip() != "", "hv's log is empty")


@in_dom0("Dom0: debug keys dump to hv's log")
def debug_keys(dom0):
    before = len(dom0.ok("hvctl dmesg"))
    dom0.ok("hvctl debug-keys h")
    expect(len(dom0.ok("hvctl dmesg")) > before, "the key h left no trace in hvctl dmesg")
    asked = dom0.ok("hvctl dmesg").count("debug key 'q'")
    dom0.refused("hvctl debug-keys qZ", "debug-keys h")
    expect(dom0.ok("hvctl dmesg").count("debug key 'q'") == asked, "a key before an unknown one has run")


@in_dom0("hello: create --console shows its boot from the first line to the shell, which obeys")
def create_console(dom0):
    output = dom0.ask("hello", "echo $((6 * 7)) is the answer", "42 is the answer", f"hvctl create --console {HELLO}", "a guest with")
    expect("Linux version 6." in output, f"the first lines are missing:\n{output}")
    expect("Hello: this is Linux" in output and "42 is the answer" in output, f"the guest's shell did not answer:\n{output}")
    dom0.ok("hvctl destroy hello")


@in_dom0("hello: listed, paused, unpaused, destroyed; its console log stays")
def list_and_destroy(dom0):
    start_hello(dom0)
    domain = dom0.domains()["hello"]
    expect(domain["vcpus"] == 1 and domain["memory"] >> 20 == 128, f"not what hello.yaml says: {domain}")
    identifier = dom0.ok("hvctl domid hello").strip()
    expect(identifier == str(domain["domid"]), f"domid says {identifier}, list says {domain['domid']}")
    expect(dom0.ok(f"hvctl domname {identifier}").strip() == "hello", "domname does not undo domid")
    dom0.ok("hvctl pause hello")
    expect(dom0.domains()["hello"]["state"] == "paused", "not paused")
    dom0.ok("hvctl unpause hello")
    dom0.until("hvctl list --json hello", '"state": *"(running|blocked)"')
    dom0.ok("hvctl vcpu-list hello")
    dom0.ok("hvctl destroy hello")
    expect(dom0.guests() == [], f"still there: {dom0.guests()}")
    expect("Hello: this is Linux" in dom0.ok("hvctl console --history hello"), "the console log went with the domain")


@in_dom0("hello: shutdown --wait and reboot --wait are obeyed by the guest")
def shutdown_and_reboot(dom0):
    start_hello(dom0)
    first = dom0.ok("hvctl domid hello")
    dom0.ok("hvctl reboot --wait hello")
    second = dom0.until("hvctl domid hello", r"\d")
    expect(first != second, f"the domain is the same after a reboot: {first}")
    dom0.ok("hvctl shutdown --wait hello")
    expect(dom0.guests() == [], f"still there: {dom0.guests()}")


@in_dom0("hello: poweroff inside ends the domain")
def poweroff_inside(dom0):
    start_hello(dom0)
    dom0.ok("printf 'poweroff\\n' | hvctl console hello")
    dom0.until("hvctl list --json", r'\A(?![\s\S]*"name": *"hello"[\s\S]*"domid")|"state": *"(stopped|shutdown)"')
    # A kernel without ACPI has no way to switch power off by itself: it says that it halts, and tells the hypervisor.
    last = dom0.ok("hvctl console --history hello")
    expect("reboot: System halted" in last or "reboot: Power down" in last, "the guest did not power down in order")
    dom0.shell("hvctl destroy hello")


@in_dom0("hello: a guest begins with Dom0's time of day, also after Dom0's clock was set")
def clock_was_set(dom0):
    hour, slack = 3600, 600  # a guest's kernel loses some ticks while it boots on a busy machine, and never an hour of them
    for name, step in (("ahead", hour), ("back", -hour)):
        dom0.ok(f"date -s @$(($(date +%s) + {step}))")
        before = int(dom0.ok("date +%s"))
        dom0.ok(f"hvctl create {HELLO} name={name}")
        dom0.until(f"hvctl console --history {name}", BANNER)
        dom0.ok(f"{{ printf 'echo it is $(date +%%s) now\\n'; sleep 2; printf '\\035'; }} | hvctl console {name}")
        said = dom0.until(f"hvctl console --history {name}", r"it is \d{9,} now")
        guest, after = int(re.search(r"it is (\d{9,}) now", said)[1]), int(dom0.ok("date +%s"))
        expect(before - slack <= guest <= after + 1, f"a guest that was started between {before} and {after} says {guest}")
        dom0.ok(f"hvctl destroy {name}")


@in_dom0("hello: overrides: two more of them at once, with more vCPUs and memory")
def overrides(dom0):
    dom0.ok(f"hvctl create {HELLO} name=one vcpus=2 memory=160MiB")
    dom0.ok(f"hvctl create {HELLO} name=two")
    dom0.until("hvctl console --history one", r"a guest with 2 vCPU")
    dom0.until("hvctl console --history two", r"a guest with 1 vCPU")
    expect(dom0.guests() == ["one", "two"], f"running: {dom0.guests()}")
    dom0.ok("hvctl vcpu-pin one 1 0")
    dom0.ok("hvctl destroy one && hvctl destroy two")


@in_dom0("create --dry-run and --paused")
def dry_run(dom0):
    expect('"name"' in dom0.ok(f"hvctl create --dry-run {HELLO}"), "no definition printed")
    expect(dom0.guests() == [], "a dry run created something")
    dom0.ok(f"hvctl create --paused {HELLO}")
    expect(dom0.domains()["hello"]["state"] == "paused", "not paused")
    expect("Linux version" not in dom0.ok("hvctl console --history hello"), "the guest ran although it was paused")
    dom0.ok("hvctl destroy hello")
