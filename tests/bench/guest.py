"""The measured guest's files, as a tar file that Dom0 gets as a disk."""

import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def _modules(dom0, folder):
    """The guest's modules for /dev/xen/privcmd and evtchn: those of its kernel, out of Dom0's image."""
    def debugfs(request):
        return subprocess.run(["/sbin/debugfs", "-R", request, dom0 / "dom0.img"], check=True, capture_output=True, text=True).stdout

    names = [line.split("/")[5] for line in debugfs("ls -p /usr/lib/modules").splitlines() if line.count("/") > 5]
    version = next(name for name in names if name[0].isdigit())
    for name in ("xen-privcmd.ko", "xen-evtchn.ko"):
        debugfs(f"dump /usr/lib/modules/{version}/kernel/drivers/xen/{name} {folder / name}")
        yield name, (folder / name).read_bytes()


def guest_archive(folder, dom0):
    """Makes folder/bench.tar: pvbench, the guest's initrd, and its definition for hvctl and for xl."""
    subprocess.run(["cmake", "--build", TOP / "build/release", "--target", "pvbench"], check=True, stdout=sys.stderr)
    pvbench = TOP / "build/release/tests/bench/pvbench"
    stage = folder / "stage"
    for name in ("bin", "dev", "modules", "proc", "sys"):
        (stage / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", stage / "bin/busybox")
    for applet in ("sh", "mount", "grep", "insmod", "sleep", "poweroff", "reboot", "echo"):
        (stage / "bin" / applet).symlink_to("busybox")
    shutil.copy(pvbench, stage / "bin/pvbench")
    shutil.copy(Path(__file__).parent / "guest-init", stage / "init")
    for name, data in _modules(dom0, folder):
        (stage / "modules" / name).write_bytes(data)
    initrd = subprocess.run("find . | busybox cpio -o -H newc 2>/dev/null | gzip -9", cwd=stage, shell=True, check=True,
                            stdout=subprocess.PIPE).stdout
    files = {
        "pvbench": pvbench.read_bytes(),
        "initrd": initrd,
        "guest.yaml": b"name: bench\ntype: pv\nmemory: 128MiB\nvcpus: 1\nkernel: /vmlinuz\ninitrd: /root/bench/initrd\n",
        "guest.cfg": b"name='NAME'\ntype='pv'\nkernel='/vmlinuz'\nramdisk='/root/bench/initrd'\nextra='WORDS'\nmemory=MEMORY\nvcpus=1\n",
    }
    archive = folder / "bench.tar"
    with tarfile.open(archive, "w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    return archive
