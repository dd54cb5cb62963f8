"""Create and destroy, again and again: hv has every frame back after it, and Dom0 every resource."""

from framework import COMMAND_TIMEOUT, HELLO, expect, in_dom0

FILES = "ls -l /proc/$(systemctl show -P MainPID hvctld)/fd"
# sqlite may keep one more descriptor of a file that another connection has locked, for the next that opens it: those that move what is
# beside the registry into it. There it is 3 and, later, 4; everything else is counted.
REGISTRY_MOST = 4


def rounds(dom0, count):
    free = dom0.host()["free_memory"]
    # Libraries may open files that stay, with the first guest.
    dom0.ok(f"hvctl create --ephemeral {HELLO} && hvctl destroy hello")
    files = int(dom0.ok(f"for i in 1 2 3 4 5; do {FILES} | grep -vc state.db; sleep 1; done | sort -n | head -n 1"))
    dom0.ok(f"set -e; for i in $(seq {count}); do hvctl create --ephemeral {HELLO} >/dev/null; "
            "sleep 0.$((i % 10)); hvctl destroy hello; done", timeout=COMMAND_TIMEOUT * (1 + count // 10))
    expect(dom0.guests() == [], f"still there: {dom0.guests()}")
    after = dom0.host()["free_memory"]
    expect(after == free, f"after {count} rounds hv has {free - after} bytes less")
    # The daemon sees the end of the last client's connection when it gets to it.
    dom0.until(f"{FILES}; [ $({FILES} | grep -vc state.db) -le {files} ] && [ $({FILES} | grep -c state.db) -le {REGISTRY_MOST} ] && "
               "echo as many as before", r"\nas many as before")


@in_dom0("10 rounds of create and destroy leave nothing behind")
def ten(dom0):
    rounds(dom0, 10)


@in_dom0("200 rounds of create and destroy leave nothing behind", slow=True)
def two_hundred(dom0):
    rounds(dom0, 200)
