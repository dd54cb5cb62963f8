"""Kernels in Dom0 and in guests have what they need against leaks: none calls itself vulnerable. An emulated processor leaks nothing; with
msr-sc on hv's command line its guests can try all the same."""

from framework import HELLO, Dom0, boots, expect

VULNERABILITIES = "grep . /sys/devices/system/cpu/vulnerabilities/*"


def expect_protected(whose, text):
    lines = [line.split("/vulnerabilities/", 1)[1] for line in text.splitlines() if "/vulnerabilities/" in line and ":" in line]
    expect(len(lines) >= 8, f"{whose} says nothing: {text}")
    for line in lines:
        name, status = line.split(":", 1)
        expect(not status.startswith("Vulnerable"), f"{whose}: {name}: {status}\n{text}")
    return {name: status for name, status in (line.split(":", 1) for line in lines)}


def check(bench, cpu, **promised):
    with bench.machine(f"speculation-{cpu}", cpu=cpu, hv_args="spec-ctrl=msr-sc") as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        host = dom0.host()
        expect(host["leaks"] == [] and host["open_leaks"] == [], f"an emulated processor that leaks: {host}")
        expect("SPEC_CTRL for guests" in host["mitigations"], f"no SPEC_CTRL: {host}")
        in_dom0 = expect_protected("Dom0", dom0.ok(VULNERABILITIES))
        for name, words in promised.items():
            for word in words:
                expect(word in in_dom0[name], f"Dom0: {name}: {in_dom0[name]}, without {word}")
        dom0.ok(f"hvctl create {HELLO}")
        dom0.until("hvctl console --history hello", "a guest with 1 vCPU")
        expect_protected("the guest", dom0.ask("hello", f"{VULNERABILITIES}; echo that was $((40 + 2))", "that was 42"))
        dom0.ok("hvctl destroy hello")
        machine.power_off()


@boots("speculation: kernels in guests protect themselves, on an Intel processor", slow=True)
def intel(bench):
    check(bench, "Skylake-Server", spectre_v2=["Mitigation", "IBPB"], meltdown=["Not affected"], mds=["Not affected"])


@boots("speculation: kernels in guests protect themselves, on an AMD processor", slow=True)
def amd(bench):
    check(bench, "EPYC", spectre_v2=["Mitigation", "IBPB"], retbleed=["Not affected"], spec_store_bypass=["Not affected"])
