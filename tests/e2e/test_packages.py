"""Our packages on an administrator's machine: installed, upgraded and removed under guests, and on hosts that are not hv's."""

import subprocess
import tarfile

from framework import TOP, Dom0, boots, expect
from test_life import start_hello

XENSTORED = "[Service]\nExecStart=/bin/sleep infinity\n"


def with_packages(bench, name, **changes):
    """A machine whose second disk is a tar file of our packages."""
    archive = bench.folder / f"{name}.tar"
    with tarfile.open(archive, "w") as tar:
        for package in sorted((TOP / "build/release/packages").glob("*.deb")):
            tar.add(package, package.name)
    return bench.machine(name, qemu_args=["-drive", f"if=none,id=packages,format=raw,readonly=on,file={archive}",
                                          "-device", "virtio-blk-pci,drive=packages"], **changes)


def unpack(dom0):
    dom0.ok("mkdir -p /packages && tar -xf /dev/vdb -C /packages && ls /packages/hvctl_*.deb")


@boots("packages: hvctl is installed on a host that is not hv's without touching Xen's services, and removed again", slow=True)
def foreign_host(bench):
    library, = (TOP / "build/release/packages").glob("libhvctl-dev_*.deb")
    needs = subprocess.run(["dpkg-deb", "-f", library, "Depends"], capture_output=True, text=True, check=True).stdout
    expect("libarchive-dev" in needs and "libfmt-dev" in needs, f"libhvctl-dev needs only '{needs.strip()}'")
    with with_packages(bench, "packages-bare", bare=True) as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        unpack(dom0)
        dom0.write("/etc/systemd/system/xenstored.service", XENSTORED)
        dom0.ok("systemctl daemon-reload && systemctl start xenstored")
        process = dom0.ok("systemctl show -P MainPID xenstored")
        dom0.ok("dpkg -i /packages/hvctl_*.deb && systemctl restart hvctld")
        expect(dom0.ok("systemctl show -P MainPID xenstored") == process, "Xen's store was stopped")
        dom0.ok("dpkg -r hvctl")
        expect(dom0.ok("systemctl show -P MainPID xenstored") == process, "Xen's store was stopped by the removal")
        dom0.ok("dpkg -i /packages/hvctl_*.deb && dpkg -P hvctl && ! ls /usr/bin/hvctl /lib/systemd/system/hvctld.service")
        machine.power_off()


@boots("packages: an upgrade leaves guests running; a removal under guests is refused, unless they are to be left", slow=True)
def under_guests(bench):
    with with_packages(bench, "packages-hv") as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        unpack(dom0)
        dom0.ok("test -d /etc/hvctl/domains && dpkg -S /etc/hvctl/domains")
        dom0.write("/etc/systemd/system/xenstored.service", XENSTORED)
        dom0.ok("systemctl daemon-reload && systemctl start xenstored && systemctl restart hvctld && ! systemctl is-active xenstored")
        dom0.ok("rm /etc/systemd/system/xenstored.service && systemctl daemon-reload")
        start_hello(dom0)
        identifier = dom0.ok("hvctl domid hello")

        process = dom0.ok("systemctl show -P MainPID hvctld")
        dom0.ok("dpkg -i /packages/hvctl_*.deb")
        expect(dom0.ok("systemctl show -P MainPID hvctld") != process, "the upgrade did not restart hvctld")
        dom0.until("hvctl domid hello", rf"^{identifier.strip()}$")

        dom0.refused("dpkg -r hvctl", "guests are running: hello", "hvctl stop-all", "leave-guests")
        expect(dom0.ok("hvctl domid hello") == identifier, "the refused removal cost the guest")
        dom0.ok("systemctl is-active hvctld hvctl-guests")
        dom0.ok("systemctl stop hvctld")
        dom0.refused("dpkg -r hvctl", "does not say whether guests run")
        dom0.ok("touch /run/hvctl/leave-guests && dpkg -r hvctl && ! test -e /run/hvctl/leave-guests")
        dom0.ok("dpkg -i /packages/hvctl_*.deb")
        dom0.until("hvctl domid hello", rf"^{identifier.strip()}$")
        dom0.ok("hvctl stop-all && dpkg -r hvctl && ! systemctl is-active hvctld")
        machine.power_off()
