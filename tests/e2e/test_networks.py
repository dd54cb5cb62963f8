"""Networks of guests: a guest has its address, reaches Dom0 and its neighbours, and sends as nobody else."""

import json

from framework import expect, in_dom0

INITRD = "/var/lib/hvctl/examples/hello.initrd"
FOLDER = "/var/tmp/networks"


def define(dom0, name, nics, more=""):
    """A domain file for a guest like hello, with network interfaces; returns its path."""
    path = f"{FOLDER}/{name}.yaml"
    dom0.ok(f"mkdir -p {FOLDER}")
    dom0.write(path, f"name: {name}\nmemory: 128MiB\nkernel: /vmlinuz\ninitrd: {INITRD}\ncmdline: console=hvc0\nnics: {nics}\n{more}")
    return path


def nics(dom0, name):
    domains = json.loads(dom0.ok(f"hvctl network-list --json {name}"))["domains"]
    return domains[0]["nics"]


def address(dom0, name, which=0):
    return nics(dom0, name)[which]["addresses"].split("/")[0]


def has_lease(dom0, name):
    """Until the guest has taken the address that it is told of, and Dom0 reaches it there."""
    dom0.until(f"busybox ping -c 1 -W 2 {address(dom0, name)}", "1 packets received")


def expect_nothing_left(dom0):
    dom0.until("ls /sys/bus/xen-backend/devices; echo end", r"^end")
    dom0.until("nft list tables netdev; echo end", r"^end")
    dom0.until("ls /run/hvctl-networks/*/hosts 2>/dev/null; echo end", r"^end")
    expect(dom0.guests() == [], f"still there: {dom0.guests()}")
    left = dom0.shell("xenstore-list /local/domain/0/backend/vif").text
    expect("ENOENT" in left or not left.strip(), f"left in the store: {left}")
    dom0.ok(f"hvctl list --json | jq -r '.domains[].name' | grep ^net | xargs -r -n 1 hvctl forget; rm -rf {FOLDER}")


@in_dom0("networks: a guest has an address of its own, reaches Dom0 and its neighbour, over a reboot and a kill of hvctld")
def reached(dom0):
    for name in ("neta", "netb"):
        dom0.ok(f"hvctl create {define(dom0, name, '[{}]')}")
    for name in ("neta", "netb"):
        has_lease(dom0, name)
    mine, other = address(dom0, "neta"), address(dom0, "netb")
    expect(mine != other, "two guests have one address")
    dom0.ask("neta", f"ping -c 2 {other} | sed s/packets/PACKETS/g", "2 PACKETS received")
    dom0.ask("neta", "ping -c 2 10.213.0.1 | sed s/packets/PACKETS/g; cat /etc/resolv.conf", "nameserver 10.213.0.1")
    nic = nics(dom0, "neta")[0]
    expect(nic["state"] == "connected" and nic["received_bytes"] > 0 and nic["sent_bytes"] > 0, f"not as expected: {nic}")
    dom0.ok("systemctl kill -s KILL hvctld; for i in $(seq 100); do hvctl list >/dev/null 2>&1 && break; sleep 0.2; done")
    expect(nics(dom0, "neta")[0]["state"] == "connected", "the next hvctld does not know it")
    dom0.ok("hvctl reboot --wait neta")
    has_lease(dom0, "neta")
    expect(address(dom0, "neta") == mine, "a reboot has changed the guest's address")
    dom0.ok("hvctl destroy neta netb")
    expect_nothing_left(dom0)


def checked(dom0, name, *tried):
    """Each of the NIC's frames does as it should, and these are among them."""
    check = json.loads(dom0.ok(f"hvctl network-check --json {name}"))["nics"][0]
    wrong = [trial["what"] for trial in check["trials"] if trial["allowed"] != trial["passed"]]
    expect(check["sound"] and not wrong, f"not as it should be: {wrong}, in force: {check['in_force']}")
    for what in tried:
        expect(any(what in trial["what"] for trial in check["trials"]), f"not tried: {what}")


@in_dom0("networks: attached, changed and detached while the guest runs; what it may not send does not pass")
def changed(dom0):
    dom0.ok(f"hvctl create {define(dom0, 'neta', '[]')}")
    dom0.until("hvctl console --history neta", "Hello: this is Linux")
    dom0.ok("hvctl network-attach neta addresses=10.213.7.7/20")
    up = "ip link set eth0 up; ip addr add 10.213.7.7/20 dev eth0; ip addr add 10.213.7.8/20 dev eth0; echo up$((40 + 2))"
    dom0.ask("neta", up, "up42")
    dom0.until("busybox ping -c 1 -W 2 10.213.7.7", "1 packets received")
    dom0.refused("busybox ping -c 2 -W 1 10.213.7.8", "0 packets received")
    checked(dom0, "neta", "IPv4 from its own 10.213.7.7", "ARP for 10.213.0.1", "router advertisements")
    dom0.ok("hvctl network-set neta 0 addresses=10.213.7.8/20 rate=10Mbit/s")
    checked(dom0, "neta", "IPv4 from its own 10.213.7.8")
    interface = nics(dom0, "neta")[0]["interface"]
    dom0.ok(f"nft insert rule netdev hvctl_{interface} frames accept")
    dom0.refused("hvctl network-check neta", "network interface 0")
    dom0.ok("systemctl restart hvctld")
    dom0.until("hvctl network-check neta >/dev/null 2>&1; echo status=$?", "status=0")
    dom0.until("busybox ping -c 1 -W 2 10.213.7.8", "1 packets received")
    dom0.refused("busybox ping -c 2 -W 1 10.213.7.7", "0 packets received")
    # A firewall that is loaded anew takes all tables with it.
    dom0.ok("nft flush ruleset")
    dom0.until("nft list tables", "(?s)(?=.*netdev hvctl_vif)(?=.*ip hvctl_hvbr0)")
    dom0.refused("busybox ping -c 2 -W 1 10.213.7.7", "0 packets received")
    # A month's quota: counted over a kill of hvctld.
    dom0.ok("hvctl network-set neta 0 rate=none transfer_quota=1MiB over_quota=stop")
    dom0.shell("busybox ping -c 10 -i 0.2 -s 30000 10.213.7.8")
    dom0.ok("systemctl kill -s KILL hvctld; for i in $(seq 100); do hvctl list >/dev/null 2>&1 && break; sleep 0.2; done")
    dom0.shell("busybox ping -c 20 -i 0.2 -s 30000 10.213.7.8")
    dom0.until("hvctl network-list neta", "over quota")
    dom0.refused("busybox ping -c 2 -W 1 10.213.7.8", "0 packets received")
    expect(nics(dom0, "neta")[0]["month_bytes"] > 1 << 20, "less than its quota is counted")
    dom0.ok("hvctl network-set neta 0 transfer_quota=none")
    dom0.until("busybox ping -c 1 -W 2 10.213.7.8", "1 packets received")
    # Another MAC address, although the address is its own.
    dom0.ask("neta", "ip link set eth0 down; ip link set eth0 address 00:16:3e:77:77:77; ip link set eth0 up; echo other$((40 + 3))", "other43")
    dom0.refused("ip neigh flush dev hvbr0; busybox ping -c 3 -W 1 10.213.7.8", "0 packets received")
    dom0.ok("hvctl network-set neta 0 link=down rate=none")
    expect(nics(dom0, "neta")[0]["link"] is False, "the link is not down")
    dom0.refused("hvctl network-set neta 0 rate=0Mbit/s", "HV-E0201|rate")
    dom0.refused("hvctl network-detach neta 1", "HV-E0803")
    dom0.ok("hvctl network-detach neta 0")
    dom0.ask("neta", "ls /sys/class/net | grep -c eth; echo gone$((40 + 2))", "gone42")
    dom0.ok("hvctl destroy neta")
    expect_nothing_left(dom0)


HOOK = """#!/bin/sh
echo "$1 $2 $HVCTL_DOMAIN $HVCTL_MAC $HVCTL_BRIDGE $HVCTL_ADDRESSES link=$(cat /sys/class/net/$2/operstate 2>/dev/null)" >>/run/hook.log
[ ! -e /run/hook.fails ] || { echo no such switch >&2; exit 3; }
[ ! -e /run/hook.hangs ] || exec sleep 1000
"""


@in_dom0("networks: a host's own program runs when an interface comes and goes, and what it refuses is undone")
def hooks(dom0):
    dom0.ok("mkdir -p /etc/hvctl/hooks; rm -f /run/hook.*")
    dom0.write("/etc/hvctl/hooks/route", HOOK)
    nic = "{hook: /etc/hvctl/hooks/route, mac: '00:16:3e:00:00:77', addresses: [10.213.7.9/20]}"
    path = define(dom0, "neta", f"[{nic}]")
    dom0.refused(f"hvctl create {path}", "HV-E0804", "not executable")
    dom0.ok("chmod 777 /etc/hvctl/hooks/route")
    dom0.refused(f"hvctl create {path}", "HV-E0804", "others than root may write")
    dom0.ok("chmod 755 /etc/hvctl/hooks/route; [ ! -e /run/hook.log ]; touch /run/hook.fails")
    dom0.refused(f"hvctl create {path}", "HV-E0804", "status 3: no such switch")
    dom0.until("cat /run/hook.log", "(?s)add vif.*remove vif")
    expect(dom0.guests() == [], f"still there: {dom0.guests()}")
    dom0.ok("rm /run/hook.*")
    dom0.ok(f"hvctl create {path}")
    interface = nics(dom0, "neta")[0]["interface"]
    told = dom0.ok("cat /run/hook.log")
    expect(told.startswith(f"add {interface} neta 00:16:3e:00:00:77 hvbr0 10.213.7.9/20 ") and told.count("\n") == 1, f"not as expected: {told}")
    has_lease(dom0, "neta")
    dom0.ok("systemctl kill -s KILL hvctld; for i in $(seq 100); do hvctl list >/dev/null 2>&1 && break; sleep 0.2; done")
    dom0.ok("hvctl network-attach neta mac=00:16:3e:00:00:78 addresses=10.213.7.10/20 hook=/etc/hvctl/hooks/route")
    dom0.ok("hvctl network-detach neta 00:16:3e:00:00:78")
    expect(dom0.ok("cut -d ' ' -f 1 /run/hook.log").split() == ["add", "add", "remove"], dom0.ok("cat /run/hook.log"))
    # Killed while it runs: the program goes with hvctld, and the next one undoes it.
    dom0.ok("touch /run/hook.hangs; hvctl network-attach --no-wait neta addresses=10.213.7.10/20 hook=/etc/hvctl/hooks/route")
    dom0.until("pgrep -fx 'sleep 1000'; echo end", r"^\d+")
    dom0.ok("rm /run/hook.hangs; systemctl kill -s KILL hvctld; for i in $(seq 100); do hvctl list >/dev/null 2>&1 && break; sleep 0.2; done")
    dom0.until("pgrep -fx 'sleep 1000'; echo end", r"^end")
    dom0.until("cut -d ' ' -f 1 /run/hook.log | xargs", "add add remove add remove$")
    expect(len(nics(dom0, "neta")) == 1, "the interface that came to nothing is still there")
    dom0.ok("hvctl destroy neta")
    dom0.until("tail -n 1 /run/hook.log", f"remove {interface} neta")
    dom0.until("xenstore-list /tool/hvctld/nic-hooks; echo end", r"^(xenstore-list: [^\n]*\n)?end")
    dom0.ok("rm -rf /etc/hvctl/hooks /run/hook.*")
    expect_nothing_left(dom0)


@in_dom0("networks: addresses of a provider are routed to the guest that has them, and to no other when they move")
def routed(dom0):
    path = define(dom0, "neta", '[{addresses: [203.0.113.5, "2001:db8:5::1", "2001:db8:5:1::/64"]}]')
    dom0.ok(f"hvctl create {path}")
    dom0.ask("neta", "ip address add 203.0.113.5/32 dev eth0; ip route add 10.213.0.1 dev eth0; ip route add default via 10.213.0.1;"
             " ip -6 address add 2001:db8:5::1/128 dev eth0; ip -6 address add 2001:db8:5:1::7/64 dev eth0; echo $((6 * 7)) set", "42 set")
    dom0.until("busybox ping -c 1 -W 2 203.0.113.5", "1 packets received")
    expect("203.0.113.5 dev hvbr0" in dom0.ok("ip route show proto 104"), "no route that says whose it is")
    dom0.until("busybox ping -6 -c 1 -W 2 2001:db8:5::1", "1 packets received")
    expect("2001:db8:5:1::/64 via 2001:db8:5::1" in dom0.ok("ip -6 route show proto 104"), "no way to the network behind it")
    dom0.ok("test $(cat /proc/sys/net/ipv4/ip_forward)$(cat /proc/sys/net/ipv6/conf/all/forwarding) = 11")
    dom0.ok("hvctl network-set neta 0 addresses=203.0.113.6")
    expect(dom0.ok("ip route show proto 104; ip -6 route show proto 104").split()[0] == "203.0.113.6", "routes of before")
    dom0.ok("systemctl kill -s KILL hvctld; for i in $(seq 100); do hvctl list >/dev/null 2>&1 && break; sleep 0.2; done")
    dom0.ok("hvctl destroy neta")
    dom0.until("ip route show proto 104; ip -6 route show proto 104; echo end", r"^end")
    expect_nothing_left(dom0)


@in_dom0("networks: what cannot be had is refused with a reason, and leaves nothing")
def refusals(dom0):
    dom0.refused(f"hvctl create -p {define(dom0, 'neta', '[{bridge: nowhere, addresses: any}]')}", "HV-E0801", "no bridge nowhere")
    dom0.refused(f"hvctl create -p {define(dom0, 'neta', '[{bridge: lo, addresses: any}]')}", "HV-E0801", "no bridge")
    dom0.ok("ip link add br7 type bridge && ip link set br7 up")
    dom0.refused(f"hvctl create -p {define(dom0, 'neta', '[{bridge: br7}]')}", "HV-E0801", "addresses")
    dom0.ok(f"hvctl create -p {define(dom0, 'neta', '[{bridge: br7, addresses: [192.0.2.7/24]}]')}")
    dom0.refused(f"hvctl create -p {define(dom0, 'netb', '[{bridge: br7, addresses: [192.0.2.0/24]}]')}", "HV-E0802", "neta")
    dom0.ok(f"hvctl create {define(dom0, 'netb', '[]')}")
    dom0.until("hvctl console --history netb", "Hello: this is Linux")
    dom0.refused("hvctl network-attach netb bridge=br7 vlan=30 addresses=192.0.2.8/24", "HV-E0801", "br7 does not know VLANs")
    dom0.ok("ip link set br7 type bridge vlan_filtering 1 vlan_default_pvid 10")
    dom0.ok("hvctl network-attach netb bridge=br7 vlan=30 offload=false addresses=192.0.2.8/24")
    nic = nics(dom0, "netb")[0]
    expect(nic["vlan"] == 30 and nic["offload"] is False and nic["state"] == "connected", f"not as expected: {nic}")
    vlans = dom0.ok(f"bridge vlan show dev {nic['interface']}")
    expect("30 PVID Egress Untagged" in vlans and " 10 " not in vlans, f"in the wrong VLAN: {vlans}")
    dom0.ok("hvctl destroy neta netb; ip link del br7")
    expect_nothing_left(dom0)
