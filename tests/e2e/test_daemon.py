"""hvctld: its store, seen by Debian's own clients, and its death."""

from framework import HELLO, expect, in_dom0
from test_life import start_hello


@in_dom0("store: Debian's xenstore clients work unchanged")
def store_clients(dom0):
    dom0.ok("xenstore-write /tool/test/a 1 /tool/test/b 'two words'")
    expect(dom0.ok("xenstore-read /tool/test/b") == "two words\n", "read did not return what was written")
    expect(dom0.ok("xenstore-list /tool/test") == "a\nb\n", "list: " + dom0.ok("xenstore-list /tool/test"))
    expect('b = "two words"' in dom0.ok("xenstore-ls /tool"), "ls: " + dom0.ok("xenstore-ls /tool"))
    dom0.ok("xenstore-chmod /tool/test/a n0 r1; xenstore-ls -p /tool/test | grep -q 'n0,r1'")
    dom0.ok("xenstore-exists /tool/test/a && ! xenstore-exists /tool/test/c")
    dom0.refused("xenstore-read /tool/test/c")
    dom0.ok("xenstore-rm /tool/test && ! xenstore-exists /tool/test")


@in_dom0("store: xenstore-watch sees a change")
def store_watch(dom0):
    seen = dom0.ok("xenstore-watch -n 2 /tool/watched >/tmp/seen & for i in $(seq 600); do grep -q watched /tmp/seen && break; sleep 0.2; "
                   "done; xenstore-write /tool/watched/deep x; timeout 300 tail --pid=$! -f /dev/null; cat /tmp/seen; xenstore-rm /tool/watched")
    expect(seen.split() == ["/tool/watched", "/tool/watched/deep"], f"watch printed: {seen}")


@in_dom0("store: a guest's own part is there while it runs and gone after it")
def store_of_guest(dom0):
    start_hello(dom0)
    path = "/local/domain/" + dom0.ok("hvctl domid hello").strip()
    expect(dom0.ok(f"xenstore-read {path}/name").strip() == "hello", "no name in the store")
    dom0.ok("hvctl destroy hello")
    dom0.refused(f"xenstore-read {path}/name")


@in_dom0("hvctld: kill -9 while a guest runs: guest, store, console and registry go on")
def kill_daemon(dom0):
    start_hello(dom0)
    dom0.ok("xenstore-write /tool/kept 'as it was'")
    identifier = dom0.ok("hvctl domid hello")
    old = dom0.ok("systemctl show -P MainPID hvctld")
    for _ in range(3):
        dom0.ok("systemctl kill -s KILL hvctld; hvctl list")  # a client that asks meanwhile waits
        dom0.until("systemctl show -P ActiveState hvctld; hvctl list", r"\Aactive\n[\s\S]*hello")
    expect(dom0.ok("systemctl show -P MainPID hvctld") != old, "it was not killed at all")
    expect(dom0.ok("hvctl domid hello") == identifier, "the guest is another one")
    expect(dom0.ok("xenstore-read /tool/kept") == "as it was\n", "the store forgot")
    expect("Hello: this is Linux" in dom0.ok("hvctl console --history hello"), "the console's log is gone")
    # The guest answers on its console, and to the store (it obeys a shutdown, which it watches for).
    answer = dom0.ask("hello", "echo $((6 * 7)) again", "42 again")
    expect("42 again" in answer, f"the guest did not answer:\n{answer}")
    dom0.ok("hvctl shutdown --wait hello")
    expect(dom0.guests() == [], f"still there: {dom0.guests()}")
    dom0.ok("xenstore-rm /tool/kept")


@in_dom0("hvctld: kill -9 in the middle of a create leaves either a guest or nothing")
def kill_in_create(dom0):
    before = dom0.host()["free_memory"]
    for delay in ("0.05", "0.15", "0.3", "0.6"):
        dom0.ok(f"hvctl create --no-wait --paused {HELLO}; sleep {delay}; systemctl kill -s KILL hvctld")
        dom0.until("systemctl show -P ActiveState hvctld; hvctl list", r"\Aactive\n[\s\S]*Dom")
        dom0.shell("hvctl destroy hello")
        expect(dom0.guests() == [], f"still there after {delay} s: {dom0.guests()}")
    after = dom0.host()["free_memory"]
    expect(after == before, f"free memory was {before}, is {after}: {before - after} bytes lost")


@in_dom0("hvctld: a full disk under the registry ends no guest and keeps none from ending; what happened is written later")
def full_disk(dom0):
    # The examples, hello's initrd among them, stay where they are: only the registry gets a small disk.
    # (A bind mount of the whole folder would get the small disk, too: mounts are shared.)
    dom0.ok("systemctl stop hvctld; mkdir /run/kept; mount --bind /var/lib/hvctl/examples /run/kept; "
            "mount -t tmpfs -o size=2m tmpfs /var/lib/hvctl; mkdir /var/lib/hvctl/examples; "
            "mount --bind /run/kept /var/lib/hvctl/examples; systemctl start hvctld")
    dom0.until("hvctl list", "Domain-0")
    start_hello(dom0)
    identifier = dom0.ok("hvctl domid hello")
    dom0.shell("cat /dev/zero >/var/lib/hvctl/filler")
    dom0.until(f"hvctl create --paused {HELLO} name=never; hvctl destroy never; hvctl info", "cannot be written")
    dom0.refused(f"hvctl create {HELLO} name=other", "HV-E0009", "make room")
    expect("cannot be written" in dom0.ok("systemctl status hvctld"), "systemctl does not say so")
    expect(dom0.ok("hvctl domid hello") == identifier, "the guest is another one")
    dom0.ok("hvctl destroy hello")
    expect(dom0.guests() == [], f"still there: {dom0.guests()}")
    dom0.ok("rm /var/lib/hvctl/filler")
    dom0.until("hvctl info", r"registry +ok")
    dom0.ok("systemctl kill -s KILL hvctld")
    dom0.until("systemctl show -P ActiveState hvctld; hvctl list", r"\Aactive\n[\s\S]*hello +- .*stopped")
    dom0.ok("hvctl start hello; hvctl destroy hello; hvctl forget hello")
    dom0.ok("systemctl stop hvctld; umount /var/lib/hvctl/examples /var/lib/hvctl /run/kept; systemctl start hvctld")


@in_dom0("hvctld: a registry that is damaged is put aside, and with it or without one the guests go on")
def damaged_registry(dom0):
    start_hello(dom0)
    identifier = dom0.ok("hvctl domid hello")
    for damage in ("head -c 9000 /dev/urandom >state.db", "rm state.db"):
        dom0.ok(f"systemctl stop hvctld; cd /var/lib/hvctl && rm -f state.db-* && {damage}; systemctl start hvctld")
        dom0.until("hvctl list", "hello")
        expect(dom0.ok("hvctl domid hello") == identifier, "the guest is another one")
    answer = dom0.ask("hello", "echo $((6 * 7)) again", "42 again")
    expect("42 again" in answer, f"the guest did not answer:\n{answer}")
    expect("state.db.damaged-" in dom0.ok("journalctl -u hvctld"), "the journal does not say where it is")
    dom0.ok("hvctl destroy hello; rm -f /var/lib/hvctl/state.db.damaged-*")
    expect(dom0.guests() == [], f"still there: {dom0.guests()}")
