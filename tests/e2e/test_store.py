"""Guests that misuse the store: the others go on being served."""

from framework import HELLO, expect, in_dom0
from test_life import start_hello

# One request on the kernel's own door to the store: type 11 (write), id 1, no transaction, and 9 bytes: "data/NNN" and its end.
FLOOD = r"""cd /dev; i=100; while [ $i -lt 220 ]; do printf '\013\0\0\0\001\0\0\0\0\0\0\0\011\0\0\0data/'$i'\0' >xen/xenbus; i=$((i+1)); done; echo flood is $((6*7))"""
# A type that there is not, one that only the store may send, a path that is none, a message to Dom0 only, and no message at all.
GARBAGE = r"""cd /dev; for m in '\377\0\0\0' '\017\0\0\0' '\020\0\0\0' '\010\0\0\0' '\0\0\0\0'; do printf $m'\001\0\0\0\0\0\0\0\004\0\0\0a\0b\0' >xen/xenbus; done; head -c 4000 /dev/urandom >xen/xenbus; echo garbage is $((6*7))"""


def type_into(dom0, name, line):
    # \035 is Ctrl-].
    dom0.write("/tmp/typed", line + "\n")
    dom0.ok(f"{{ cat /tmp/typed; sleep 1; printf '\\035'; }} | hvctl console {name} >/dev/null")


@in_dom0("store: a guest that floods it meets its quota, and nonsense is answered; Dom0 and other guests are served", slow=True)
def store_abuse(dom0):
    dom0.write("/tmp/abuse.yaml", dom0.ok(f"cat {HELLO}").replace("name: hello", "name: abuse") + "xenstore_quota: {nodes: 80}\n")
    dom0.ok("hvctl create /tmp/abuse.yaml")
    dom0.until("hvctl console --history abuse", "a guest with")
    path = "/local/domain/" + dom0.ok("hvctl domid abuse").strip()
    type_into(dom0, "abuse", FLOOD)
    dom0.until("hvctl console --history abuse", "flood is 42")
    nodes = len(dom0.ok(f"xenstore-list {path}/data").split())
    expect(30 < nodes <= 80, f"the guest owns {nodes} nodes below data")
    type_into(dom0, "abuse", GARBAGE)
    dom0.until("hvctl console --history abuse", "garbage is 42")
    dom0.ok("xenstore-write /tool/kept 1 && xenstore-read /tool/kept && xenstore-rm /tool/kept")
    start_hello(dom0)
    dom0.ok("hvctl shutdown --wait hello")
    # What it did is its own trouble: it still hears of a shutdown.
    dom0.ok("hvctl shutdown --wait abuse")
    expect(dom0.guests() == [], f"still there: {dom0.guests()}")
    dom0.ok("hvctl forget abuse")


@in_dom0("store: a guest that never reads its ring loses its connection, and nobody else notices", slow=True)
def store_deaf(dom0):
    quota = "xenstore_quota: {outstanding-bytes: 16384}\n"
    dom0.write("/tmp/deaf.yaml", dom0.ok(f"cat {HELLO}").replace("name: hello", "name: deaf") + quota)
    dom0.ok("hvctl create /tmp/deaf.yaml")
    dom0.until("hvctl console --history deaf", "a guest with")
    start_hello(dom0)
    path = "/local/domain/" + dom0.ok("hvctl domid deaf").strip()
    # A paused guest reads nothing; its kernel watches what is below "device".
    dom0.ok("hvctl pause deaf")
    dom0.ok(f"xenstore-write $(for i in $(seq 700); do echo {path}/device/none/$i x; done)")
    told = dom0.until("journalctl -u hvctld -o cat", "connection of domain .* closed: it does not take its output")
    expect(told.count("does not take its output") == 1, f"told more than once:\n{told}")
    expect(len(dom0.ok(f"xenstore-list {path}/device/none").split()) == 700, "Dom0's writes were lost")
    expect("hello" in dom0.ok("xenstore-ls /local/domain"), "the store does not answer")
    dom0.ok("hvctl shutdown --wait hello")
    dom0.ok("hvctl unpause deaf")
    answer = dom0.ask("deaf", "echo $((6 * 7)) still", "42 still")
    expect("42 still" in answer, f"the guest's console went with its store connection:\n{answer}")
    dom0.ok("hvctl destroy deaf && hvctl forget deaf")
    expect(dom0.guests() == [], f"still there: {dom0.guests()}")
