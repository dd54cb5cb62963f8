"""What the measured guests' initrds are made of: busybox, programs with their libraries, and modules of their kernel."""

import re
import shutil
import subprocess
from pathlib import Path


def kernel_modules(dom0, folder, paths):
    """Copies modules, by their paths below kernel/drivers, out of Dom0's image, whose kernel is the guests', too, to folder."""
    def debugfs(request):
        command = ["/sbin/debugfs", "-R", request, dom0 / "dom0.img"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    names = [line.split("/")[5] for line in debugfs("ls -p /usr/lib/modules").splitlines() if line.count("/") > 5]
    version = next(name for name in names if name[0].isdigit())
    for path in paths:
        debugfs(f"dump /usr/lib/modules/{version}/kernel/drivers/{path} {folder / Path(path).name}")


def libraries(program):
    """The files of the shared libraries that a program is linked with, its loader among them."""
    linked = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return [Path(path) for path in re.findall(r"(?:=> |^\s*)(/\S+)", linked, re.MULTILINE)]


def make_initrd(stage, init, applets, dom0, modules):
    """The bytes of an initrd with what is in the folder stage already, a static busybox, an init and kernel modules."""
    for name in ("bin", "dev", "modules", "proc", "sys", "tmp"):
        (stage / name).mkdir(parents=True, exist_ok=True)
    shutil.copy("/bin/busybox", stage / "bin/busybox")
    for applet in applets:
        (stage / "bin" / applet).symlink_to("busybox")
    shutil.copy(init, stage / "init")
    kernel_modules(dom0, stage / "modules", modules)
    return subprocess.run("find . | busybox cpio -o -H newc 2>/dev/null | gzip -9", cwd=stage, shell=True, check=True,
                          stdout=subprocess.PIPE).stdout
