"""The initial file systems: a whole small Linux, and the few files that start the systemd image."""

import glob
import os
from pathlib import Path

from .cache import run
from .files import Cpio, libraries

GUEST = Path(__file__).resolve().parent.parent / "guest"
PYTHON = Path("/usr/bin/python3").resolve()  # Debian's: its modules lie in known places
STDLIB = Path("/usr/lib") / PYTHON.name

# In the order in which they must be loaded. The last four are for programs: I/O weights, bwrap and mounts.
MODULES = ["drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_pci_modern_dev",
           "drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci", "drivers/block/virtio_blk",
           "drivers/char/virtio_console", "block/bfq", "fs/fuse/fuse", "fs/overlayfs/overlay",
           "fs/autofs/autofs4"]

# The real programs where tests look at behaviour or memory; all other commands are busybox.
PROGRAMS = ["/usr/bin/bash", "/usr/bin/dash", "/usr/bin/setpriv", "/usr/bin/unshare", "/usr/bin/nsenter",
            "/usr/bin/setsid", "/usr/bin/prlimit", "/usr/bin/dd", "/usr/bin/sort", "/usr/bin/cat",
            "/usr/bin/sleep", "/usr/bin/true", "/usr/bin/false", "/usr/bin/env", "/usr/bin/timeout",
            "/usr/bin/head", "/usr/bin/tail", "/usr/bin/stat", "/usr/bin/ls", "/usr/bin/cp", "/usr/bin/rm",
            "/usr/bin/mkdir", "/usr/bin/tar", "/usr/bin/mount", "/usr/bin/umount", "/usr/bin/nohup"]

# Left out of Python: what no test uses and takes room and time to unpack.
STDLIB_WITHOUT = {"test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data",
                  "distutils", "venv", "dbm", "curses", "wsgiref", "xmlrpc", "site-packages", "dist-packages"}
LIB_DYNLOAD_WITHOUT = ("_codecs_", "_test", "_xx", "xx", "nis", "ossaudiodev", "_dbm", "_curses", "_tkinter",
                       "_ssl", "audioop", "readline", "_crypt")

ETC = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000:user:/home/user:/bin/bash\n"
                  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost ground\n::1 localhost\n",
    "etc/hostname": "ground\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


def write_boot(path, kernel):
    """An initramfs that can do no more than start the systemd image (or be the base of the small ground)."""
    with open(path, "wb") as file:
        archive = Cpio(file)
        _base(archive, kernel)
        archive.close()


def write_small(path, kernel):
    """The whole small ground: busybox, a few real programs, Python. The tests come by a disk of their own."""
    with open(path, "wb") as file:
        archive = Cpio(file)
        _base(archive, kernel)
        for name, content in ETC.items():
            archive.text(name, content)
        archive.copy("etc/os-release", "/etc/os-release")
        archive.directory("home/user", 0o755, owner=1000)
        archive.directory("root", 0o700)
        for name in ("var/lib", "var/tmp", "disk", "ground"):
            archive.directory(name)
        programs = {program: Path(program) for program in PROGRAMS if os.path.exists(program)}
        _busybox_links(archive, {os.path.basename(name) for name in programs} | {"sh", "python3"})
        archive.symlink("usr/bin/sh", "dash")
        archive.symlink("usr/bin/python3", PYTHON.name)
        stdlib = dict(_stdlib_files())
        programs[f"/usr/bin/{PYTHON.name}"] = PYTHON
        elf_files = [*programs.values(), *(source for source in stdlib.values() if source.suffix == ".so")]
        # libgcc_s is loaded by name when a thread ends, so no program lists it.
        wanted = programs | stdlib | libraries(elf_files) | _by_name("libgcc_s.so.1")
        for name, source in sorted(wanted.items()):
            archive.copy(name, source)
        archive.close()


def _base(archive, kernel):
    for name in ("bin", "sbin", "lib", "lib64"):
        archive.directory(f"usr/{name}")
        archive.symlink(name, f"usr/{name}")
    for name in ("dev", "proc", "sys", "run", "tmp", "root-disk"):
        archive.directory(name)
    archive.device("dev/console", 0o600, 5, 1)  # the kernel opens it for /init, before devtmpfs is mounted
    archive.device("dev/null", 0o666, 1, 3)
    archive.copy("usr/bin/busybox", "/usr/bin/busybox")
    for name, source in libraries(["/usr/bin/busybox"]).items():
        archive.copy(name, source)
    for number, module in enumerate(MODULES):
        source = kernel / "modules/kernel" / f"{module}.ko"
        archive.copy(f"modules/{number:02}-{source.name}", source)
    archive.text("ground-init", (GUEST / "ground-init").read_text(), 0o755)
    archive.text("init", (GUEST / "init").read_text(), 0o755)


def _busybox_links(archive, taken):
    names = run(["/usr/bin/busybox", "--list"], "install busybox-static").split()
    for name in names:
        if name not in taken | {"busybox"}:
            archive.symlink(f"usr/bin/{name}", "busybox")


def _stdlib_files():
    """The pruned standard library, with its compiled modules: compiling takes seconds under emulation."""
    for folder, folders, names in os.walk(STDLIB):
        relative = os.path.relpath(folder, STDLIB)
        if relative == ".":
            folders[:] = [name for name in folders
                          if name not in STDLIB_WITHOUT and not name.startswith("config-")]
        for name in names:
            dynload_unused = relative == "lib-dynload" and name.startswith(LIB_DYNLOAD_WITHOUT)
            if not dynload_unused and not name.endswith((".opt-1.pyc", ".opt-2.pyc")):
                path = Path(folder) / name
                if path.exists():  # Debian links sitecustomize.py into /etc
                    yield str(path), path


def _by_name(name):
    found = glob.glob(f"/usr/lib/*-linux-gnu/{name}")
    return {found[0]: Path(found[0]).resolve()} if found else {}
