"""The filter of a guest's NIC in Dom0's kernel: frames are sent through one to a bridge, and a neighbour there says which came."""

import base64
import gzip
import re
import subprocess

from framework import TOP, expect, in_dom0

BUILD = TOP / "build/release"
SIX = re.compile(r"6|^(dad|mld|neighbour|router|packet-too-big)")
MAC = "00:16:3e:00:00:01"
# As of a guest: what leaves fs0 arrives at fs1 as a guest's frames do at its vif.
UP = """ip link add fsb type bridge mcast_snooping 0 && ip link add fs0 type veth peer name fs1 && ip link add fn0 type veth peer name fn1
for d in fsb fs0 fs1 fn0 fn1; do echo 1 >/proc/sys/net/ipv6/conf/$d/disable_ipv6; ip link set $d up; done
ip link set fs1 master fsb && ip link set fn0 master fsb"""
DOWN = "ip link del fs0; ip link del fn0; ip link del fsb; rm /tmp/spoof_frames /tmp/came"
SEND = f"/tmp/spoof_frames send fs0 {MAC} 192.0.2.10 2001:db8:1::10 192.0.2.20 2001:db8:1::20 all"
TRY = f""": >/tmp/came; /tmp/spoof_frames receive fn1 60 >/tmp/came & until grep -q ready /tmp/came; do sleep 0.1; done
{SEND} && wait && cat /tmp/came"""


def copy(dom0, program, path):
    text = base64.b64encode(gzip.compress(program.read_bytes())).decode()
    # In pieces: one command is one argument, which is not to be longer than 128 KiB.
    for start in range(0, len(text), 65536):
        dom0.ok(f"echo {text[start:start + 65536]} >>{path}.text")
    dom0.ok(f"base64 -d <{path}.text | gzip -d >{path} && rm {path}.text && chmod +x {path}")


def names(kind):
    """The frames of a kind, and those of them that are wrong for their addresses alone."""
    lines = subprocess.run([BUILD / "tests/e2e/spoof_frames_dynamic", "list", kind], capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.removeprefix("address ") for line in lines}, {line.split()[1] for line in lines if line.startswith("address ")}


def put(*addresses):
    """The command that puts the filter of such a NIC in place."""
    rules = subprocess.run([BUILD / "tests/e2e/show_filter", "fs1", MAC, *addresses], capture_output=True, text=True, check=True).stdout
    return f"nft -f - >/dev/null <<'rules' || exit 1\n{rules}rules\n"


def right(what, found, wanted):
    expect(found == wanted, f"{what}: came, and should not: {sorted(found - wanted)}; did not come: {sorted(wanted - found)}")


@in_dom0("filter: of a guest's frames nothing spoofed and no server's passes, and all that a guest needs does", slow=True)
def spoofed_frames(dom0):
    subprocess.run(["cmake", "--build", BUILD, "--target", "spoof_frames_dynamic", "show_filter"], stdout=subprocess.DEVNULL, check=True)
    copy(dom0, BUILD / "tests/e2e/spoof_frames_dynamic", "/tmp/spoof_frames")
    spoofed, addresses_alone = names("spoofed")
    legitimate, _ = names("legitimate")
    four = {name for name in legitimate if not SIX.search(name)}
    rounds = [
        ("without a filter", "", spoofed | legitimate),
        ("one address", put("192.0.2.10/24", "2001:db8:1::10/64"), legitimate),
        ("networks", put("192.0.2.11", "192.0.2.8/30", "2001:db8:9::/48", "2001:db8:1::10"), legitimate),
        ("any address", put("any"), legitimate | addresses_alone),
        ("IPv4 alone", put("192.0.2.10"), four),
    ]
    # In one command: each is a while on an emulated machine.
    said = dom0.ok(UP + "\n" + "\necho ---\n".join(rules + TRY for _, rules, _ in rounds) + "\n" + put() + SEND +
                   " && nft list counter netdev hvctl_fs1 refused_type && nft delete table netdev hvctl_fs1\n" + DOWN)
    for (what, _, wanted), found in zip(rounds, said.split("---")):
        lines = found.split("table netdev")[0].split()
        expect("end" in lines, f"{what}: the last frame did not come: {lines}")
        right(what, set(lines) - {"ready", "end"}, wanted)
    # A NIC without addresses: all but the two with another MAC, which have a counter of their own.
    expect(f"packets {len(spoofed | legitimate) + 1 - 2} " in said, f"something passes a NIC without addresses: {said}")
