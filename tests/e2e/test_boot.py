"""Dom0 boots to its shell: on each CPU model, machine and number of CPUs; by GRUB; through examples/quickstart."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from framework import HELLO, TOP, Dom0, boots, expect
from forced import FORCED  # found by way of framework


def boot(bench, name, cpus, **changes):
    with bench.machine(name, cpus=cpus, **changes) as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        expect(dom0.ok("nproc").strip() == str(cpus), f"expected {cpus} CPUs: {dom0.ok('nproc')}")
        expect(dom0.ok("cat /proc/sys/kernel/tainted").strip() == "0", "the kernel is tainted: " + dom0.ok("dmesg | tail -50"))
        machine.power_off()


def matrix():
    default = {("max", "q35", 4), ("qemu64", "pc", 1)}  # max, q35 and 2 CPUs is what the shared Dom0 has
    for cpu in ("max", "qemu64", "EPYC"):
        for machine in ("pc", "q35"):
            for cpus in (1, 2, 4):
                name = f"boot: -cpu {cpu}, {machine}, {cpus} CPUs"
                boots(name, slow=(cpu, machine, cpus) not in default)(
                    lambda bench, cpu=cpu, machine=machine, cpus=cpus:
                    boot(bench, f"boot-{cpu}-{machine}-{cpus}", cpus, cpu=cpu, machine=machine))


matrix()


@boots("boot: 1 GiB", slow=True)
def small(bench):
    boot(bench, "boot-1g", 2, memory="1G")


@boots("boot: 16 GiB, memory above 4 GiB in Dom0", slow=True)
def large(bench):
    boot(bench, "boot-16g", 2, memory="16G", hv_args="dom0_mem=6G")


@boots("boot: 64 CPUs, of which Dom0 has 4", slow=True)
def many(bench):
    with bench.machine("boot-64-cpus", cpus=64, memory="4G", hv_args="dom0_max_vcpus=4") as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        expect(dom0.ok("nproc").strip() == "4", "Dom0 has not 4 vCPUs: " + dom0.ok("nproc"))
        expect(dom0.host()["cpus"] == 64, f"hv has not 64 CPUs: {dom0.host()}")
        dom0.ok(f"hvctl create {HELLO} vcpus=8 && hvctl vcpu-pin hello all 8-63")
        dom0.until("hvctl console --history hello", "a guest with 8 vCPU")
        dom0.ok("hvctl destroy hello")
        machine.power_off()


@boots("boot and a guest: everything at work against processors that leak", slow=True)
def forced(bench):
    with bench.machine("boot-forced", hv_args=FORCED) as machine:
        machine.wait_ready()
        dom0 = Dom0(machine)
        dom0.ok(f"hvctl create {HELLO} vcpus=2")
        dom0.until("hvctl console --history hello", "a guest with 2 vCPU")
        dom0.ok("hvctl destroy hello")
        machine.power_off()


def grub_image(bench, folder):
    """A rescue CD with menu entries of the form that 20_hv writes."""
    root = Path(folder) / "cd"
    (root / "boot/grub").mkdir(parents=True)
    for name, source in (("hv", bench.setup.hypervisor), ("vmlinuz", bench.setup.dom0 / "vmlinuz"),
                         ("initrd.img", bench.setup.dom0 / "initrd.img")):
        shutil.copy(source, root / "boot" / name)
    (root / "boot/grub/grub.cfg").write_text(
        "serial --unit=0 --speed=115200\nterminal_output serial\nset timeout=0\nmenuentry hv {\n"
        f"  multiboot2 /boot/hv hv {bench.setup.hypervisor_line()}\n"
        f"  module2 /boot/vmlinuz linux {bench.setup.kernel_line()}\n  module2 /boot/initrd.img\n}}\n")
    image = Path(folder) / "hv.iso"
    made = subprocess.run(["grub-mkrescue", "-o", image, root], capture_output=True, text=True, check=False)
    expect(made.returncode == 0, f"grub-mkrescue: {made.stderr[-1000:]}")
    return image


@boots("GRUB: 20_hv writes an entry for each kernel that can be Dom0, and GRUB can read it")
def grub_menu(bench):
    with tempfile.TemporaryDirectory(prefix="hv-grub-") as folder:
        root = Path(folder)
        shutil.copy(bench.setup.hypervisor, root / "hv")
        for version, config in (("6.1.0-9", "CONFIG_XEN_DOM0=y"), ("6.1.0-10", "CONFIG_XEN_DOM0=y"), ("5.0", "# CONFIG_XEN_DOM0 is not set")):
            shutil.copy(bench.setup.dom0 / "vmlinuz", root / f"vmlinuz-{version}")
            (root / f"config-{version}").write_text(config + "\n")
            (root / f"initrd.img-{version}").write_text("")
        made = subprocess.run([TOP / "hv/grub/20_hv"], capture_output=True, text=True, check=False, env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HV_BOOT_DIR": folder, "GRUB_DEVICE": "/dev/sda1", "GRUB_DEVICE_BOOT": "/dev/sda1",
            "GRUB_DISTRIBUTOR": "Debian", "GRUB_CMDLINE_HV": "dom0_mem=1G", "GRUB_CMDLINE_LINUX_DEFAULT": "quiet"})
        expect(made.returncode == 0, f"20_hv: {made.stderr}")
        read = subprocess.run(["grub-script-check"], input=made.stdout, capture_output=True, text=True, check=False)
        expect(read.returncode == 0, f"grub-script-check: {read.stderr}\n{made.stdout}")
        kernels = [line.split()[1].rsplit("vmlinuz-", 1)[1] for line in made.stdout.splitlines() if line.startswith("\tmodule2") and "vmlinuz" in line]
        expect(kernels == ["6.1.0-10", "6.1.0-10", "6.1.0-9", "6.1.0-9"], f"kernels, newest first, with recovery: {kernels}")
        expect(made.stdout.count("hv dom0_mem=1G") == 4 and made.stdout.count("quiet") == 2, made.stdout)


def grub(bench, name, uefi):
    with tempfile.TemporaryDirectory(prefix="hv-grub-") as folder:
        boot(bench, name, 2, iso=grub_image(bench, folder), uefi=uefi)


@boots("boot: GRUB's multiboot2 from a CD, SeaBIOS", slow=True)
def seabios(bench):
    grub(bench, "boot-seabios", False)


@boots("boot: GRUB's multiboot2 from a CD, OVMF (UEFI)")
def ovmf(bench):
    grub(bench, "boot-ovmf", True)


def quickstart(*arguments, **environment):
    return subprocess.run([TOP / "examples/quickstart", *arguments], capture_output=True, check=False, cwd="/",
                          stdin=subprocess.DEVNULL, env={**os.environ, **environment})


@boots("quickstart --run: exact output, CMD's status, a disk that keeps what is written")
def quickstart_run(bench):
    with tempfile.TemporaryDirectory(prefix="hv-disk-") as folder:
        disk = Path(folder) / "disk,1.img"
        disk.write_bytes(b"before".ljust(1 << 20, b"\0"))
        done = quickstart("--cpu", bench.setup.cpu, "--disk", str(disk), "--run",
                          r"head -c 6 /dev/vdb; printf '\r\n\0\377end'; printf after >/dev/vdb; echo err >&2; exit 42")
        expect(done.stdout == b"before\r\n\0\xffenderr\n", f"stdout is {done.stdout}; stderr:\n{done.stderr.decode(errors='replace')}")
        expect(done.returncode == 42, f"status {done.returncode} instead of 42")
        expect(disk.read_bytes().startswith(b"after"), "the disk did not keep what was written")


@boots("quickstart: a machine that does not boot is status 125 and says why")
def quickstart_failure(_):
    done = quickstart("--run", "true", HV_IMAGE=str(TOP / "README.md"))
    expect(done.returncode == 125 and b"quickstart:" in done.stderr, f"status {done.returncode}: {done.stderr[-500:]}")
    for size in ["lots", "100M"]:
        done = quickstart("--memory", size)
        expect(done.returncode == 2 and f"--memory {size}".encode() in done.stderr,
               f"status {done.returncode}: {done.stderr[-500:]}")
    done = quickstart("--disk", "/nowhere.img", "--run", "true")
    expect(done.returncode == 2 and b"/nowhere.img" in done.stderr, f"status {done.returncode}: {done.stderr[-500:]}")
