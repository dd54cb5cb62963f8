"""The filter of a guest's NIC in Dom0's kernel: frames are sent through one to a bridge, and a neighbour there says which came."""

import base64
import gzip
import subprocess

from framework import TOP, expect, in_dom0

BUILD = TOP / "build/release"
MAC = "00:16:3e:00:00:01"
# As of a guest: what leaves fs0 arrives at fs1 as a guest's frames do at its vif.
UP = """ip link add fsb type bridge mcast_snooping 0 && ip link add fs0 type veth peer name fs1 && ip link add fn0 type veth peer name fn1
for d in fsb fs0 fs1 fn0 fn1; do echo 1 >/proc/sys/net/ipv6/conf/$d/disable_ipv6; ip link set $d up; done
ip link set fs1 master fsb && ip link set fn0 master fsb"""
DOWN = "ip link del fs0; ip link del fn0; ip link del fsb; rm /tmp/spoof_frames /tmp/filter.nft /tmp/came"
TRY = f"""/tmp/spoof_frames receive fn1 60 >/tmp/came & until grep -q ready /tmp/came; do sleep 0.1; done
/tmp/spoof_frames send fs0 {MAC} 192.0.2.10 2001:db8:1::10 192.0.2.20 2001:db8:1::20 all && wait && cat /tmp/came"""


def copy(dom0, program, path):
    text = base64.b64encode(gzip.compress(program.read_bytes())).decode()
    # In pieces: one command is one argument, which is not to be longer than 128 KiB.
    for start in range(0, len(text), 65536):
        dom0.ok(f"echo {text[start:start + 65536]} >>{path}.text")
    dom0.ok(f"base64 -d <{path}.text | gzip -d >{path} && rm {path}.text && chmod +x {path}")


def names(kind):
    """The frames of a kind, and those of them that are wrong for their addresses alone."""
    lines = subprocess.run([BUILD / "tests/e2e/spoof_frames", "list", kind], capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.removeprefix("address ") for line in lines}, {line.split()[1] for line in lines if line.startswith("address ")}


def put(dom0, *addresses):
    rules = subprocess.run([BUILD / "tests/e2e/show_filter", "fs1", MAC, *addresses], capture_output=True, text=True, check=True).stdout
    dom0.write("/tmp/filter.nft", rules)
    dom0.ok("nft -f /tmp/filter.nft")


def came(dom0):
    lines = dom0.ok(TRY).split()
    expect("end" in lines, f"the last frame did not come: {lines}")
    return set(lines) - {"ready", "end"}


def right(what, found, wanted):
    expect(found == wanted, f"{what}: came, and should not: {sorted(found - wanted)}; did not come: {sorted(wanted - found)}")


@in_dom0("filter: of a guest's frames nothing spoofed and no server's passes, and all that a guest needs does")
def spoofed_frames(dom0):
    subprocess.run(["cmake", "--build", BUILD, "--target", "spoof_frames", "show_filter"], stdout=subprocess.DEVNULL, check=True)
    copy(dom0, BUILD / "tests/e2e/spoof_frames", "/tmp/spoof_frames")
    spoofed, addresses_alone = names("spoofed")
    legitimate, _ = names("legitimate")
    dom0.ok(UP)
    right("without a filter", came(dom0), spoofed | legitimate)
    put(dom0, "192.0.2.10/24", "2001:db8:1::10/64")
    right("one address", came(dom0), legitimate)
    put(dom0, "192.0.2.11", "192.0.2.8/30", "2001:db8:9::/48", "2001:db8:1::10")
    right("networks", came(dom0), legitimate)
    put(dom0, "any")
    right("any address", came(dom0), legitimate | addresses_alone)
    put(dom0, "192.0.2.10")
    right("IPv4 alone", {name for name in came(dom0) if "6" in name or name.startswith(("dad", "mld", "neighbour", "router"))}, set())
    put(dom0)
    dom0.ok(f"/tmp/spoof_frames send fs0 {MAC} 192.0.2.10 2001:db8:1::10 192.0.2.20 2001:db8:1::20 all")
    refused = dom0.ok("nft list counter netdev hvctl_fs1 refused_type")
    expect(f"packets {len(spoofed | legitimate) + 1 - 2} " in refused, f"something passes a NIC without addresses: {refused}")
    dom0.ok(DOWN + " && nft delete table netdev hvctl_fs1")
