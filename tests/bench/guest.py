"""The measured guest's files, as a tar file that Dom0 gets as a disk."""

import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from initrd import make_initrd

TOP = Path(__file__).resolve().parents[2]


def guest_archive(folder, dom0, more=None):
    """Makes folder/bench.tar: pvbench, the guest's initrd, its definition for hvctl and for xl, and more files by their names."""
    subprocess.run(["cmake", "--build", TOP / "build/release", "--target", "pvbench"], check=True, stdout=sys.stderr)
    pvbench = TOP / "build/release/tests/bench/pvbench"
    stage = folder / "stage"
    (stage / "bin").mkdir(parents=True)
    shutil.copy(pvbench, stage / "bin/pvbench")
    applets = ("sh", "mount", "grep", "insmod", "sleep", "poweroff", "reboot", "echo")
    initrd = make_initrd(stage, Path(__file__).parent / "guest-init", applets, dom0, ("xen/xen-privcmd.ko", "xen/xen-evtchn.ko"))
    files = {
        "pvbench": pvbench.read_bytes(),
        "initrd": initrd,
        "guest.yaml": b"name: bench\ntype: pv\nmemory: 128MiB\nvcpus: 1\nkernel: /vmlinuz\ninitrd: /root/bench/initrd\n",
        "guest.cfg": b"name='NAME'\ntype='pv'\nkernel='/vmlinuz'\nramdisk='/root/bench/initrd'\nextra='WORDS'\nmemory=MEMORY\nvcpus=1\n",
    } | (more or {})
    archive = folder / "bench.tar"
    with tarfile.open(archive, "w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    return archive
