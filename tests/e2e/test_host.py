"""The host goes down and comes back: what becomes of its guests."""

from framework import HELLO, Dom0, boots, expect, in_dom0
from test_life import start_hello


@in_dom0("host: a restart of hvctld stops no guest; hvctl-guests.service stops all of them in order")
def guests_service(dom0):
    start_hello(dom0)
    identifier = dom0.ok("hvctl domid hello")
    dom0.ok(f"hvctl create --paused {HELLO} name=unborn")
    dom0.ok("systemctl restart hvctld && systemctl is-active hvctl-guests")
    expect(dom0.ok("hvctl domid hello") == identifier, "the guest is another one")
    dom0.ok("systemctl stop hvctl-guests")
    expect(dom0.guests() == [], f"still there: {dom0.guests()}")
    domains = dom0.domains()
    expect(domains["hello"]["shutdown_reason"] == "poweroff", f"not an orderly end: {domains['hello']}")
    expect(domains["unborn"]["shutdown_reason"] == "destroyed", f"not destroyed: {domains['unborn']}")
    expect("stop all guests: wait for 1 guest: hello" in dom0.ok("journalctl -u hvctl-guests -o cat"), "no word in the journal")
    dom0.ok("systemctl start hvctl-guests && hvctl forget unborn")
    expect(dom0.guests() == [], "starting the service started a guest")


@boots("host: a power-off of Dom0 lets its guests shut down first, and says on the console whom it waits for", slow=True)
def power_off(bench):
    with bench.machine("host-off") as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        # A guest that hears of the shutdown says so: its last words are in the console's log, which a disk would keep.
        start_hello(dom0)
        machine.power_off()
        machine.serial.join(timeout=10)
        expect(machine.serial.when(rb"stop all guests: wait for 1 guest: hello") is not None,
               f"the console does not tell of the guest:\n{machine.serial.tail()}")
