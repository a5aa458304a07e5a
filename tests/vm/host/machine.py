"""One virtual machine: qemu, its disks, its console's log, and the messages of the agent inside."""

import collections
import ctypes
import json
import os
import selectors
import signal
import subprocess
import time
from pathlib import Path

from .cache import GroundError, run

MEMORY_MIB = 1024
DISK_MIB = 512
SWAP_MIB = 128
TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "mke2fs": "e2fsprogs", "mkswap": "util-linux",
         "busybox": "busybox-static"}

# pristine: what is written is thrown away. flushes: what the guest flushes is handed on; else nothing is.
Disk = collections.namedtuple("Disk", "serial path pristine flushes", defaults=[False])


def _die_with_parent():
    """In the child: it ends with ground.py, however that ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() == 1:  # the parent was gone already; it cannot be process 1
        os._exit(1)


def scratch_disks(directory):
    """A file system to write on and swap space, both sparse and new for each boot."""
    disk, swap = directory / "disk.ext4", directory / "swap"
    for path, mebibytes in ((disk, DISK_MIB), (swap, SWAP_MIB)):
        with open(path, "wb") as file:
            file.truncate(mebibytes << 20)
        path.chmod(0o600)
    run(["mke2fs", "-q", "-F", "-t", "ext4", disk], "install e2fsprogs")
    run(["mkswap", "-q", swap], "install util-linux")
    return [Disk("disk", disk, False), Disk("swap", swap, False)]


def _command(console_log, kernel, initramfs, disks, kernel_arguments, console, memory_mib):
    serial = ["-chardev", "stdio,id=console,signal=off,mux=on", "-mon", "chardev=console"] if console \
        else ["-chardev", f"file,id=console,path={_quoted(console_log)}"]
    # A file: with `stdio` or `null` nobody counts as connected, and the guest's writing waits for ever.
    results = "/dev/null" if console else "/dev/stdout"
    command = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi",
               # Emulated, `rep stosb` and `rep movsb` go byte by byte: without them the kernel clears pages (and
               # programs fill memory) twelve times faster.
               "-cpu", "max,-erms,-fsrm",
               "-smp", "2", "-m", str(memory_mib), "-nodefaults", "-no-user-config", "-display", "none",
               "-no-reboot", "-kernel", str(kernel), "-initrd", str(initramfs),
               # norandmaps: qemu before 8 keeps translated code by its virtual address, so that each start of
               # a program at another one is translated anew: five times slower.
               # no_timer_check: on a host with too much to do the kernel's check that the timer ticks fails: it panics.
               "-append", f"console=ttyS0 quiet panic=-1 psi=1 norandmaps no_timer_check {kernel_arguments}",
               *serial, "-serial", "chardev:console", "-device", "virtio-serial-pci",
               "-chardev", f"file,id=results,path={results}",
               "-device", "virtserialport,chardev=results,name=ground.results"]
    for disk in disks:
        snapshot = ",snapshot=on" if disk.pristine else ""
        command += ["-drive", f"id={disk.serial},file={_quoted(disk.path)},format=raw,if=none,"
                              f"cache={'writeback' if disk.flushes else 'unsafe'}{snapshot}",
                    "-device", f"virtio-blk-pci,drive={disk.serial},serial={disk.serial}"]
    return command


def _quoted(path):
    return str(path).replace(",", ",,")


class Machine:
    """A running VM. A context manager: leaving it ends qemu."""

    def __init__(self, directory, kernel, initramfs, disks, kernel_arguments="", console=None,
                 memory_mib=MEMORY_MIB):
        """With `console`, the machine's console is this terminal; otherwise a file in `directory`."""
        self.console_log = Path(directory) / "console.log"
        command = _command(self.console_log, kernel, initramfs, disks, kernel_arguments, console, memory_mib)
        self._errors = open(Path(directory) / "qemu.log", "w+")
        streams = {"stdin": None, "stdout": None} if console else \
            {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": self._errors}
        # TMPDIR: the changes to pristine disks, which may be many, go where everything is removed afterwards.
        self.process = subprocess.Popen(command, preexec_fn=_die_with_parent,
                                        env=dict(os.environ, TMPDIR=str(directory)), **streams)
        self.started = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self._errors.close()

    def messages(self, boot_seconds, silence_seconds, total_seconds):
        """Yields what the agent says until it says that it is done; GroundError if it never does.

        The first message must come within boot_seconds, each other within silence_seconds of the one before.
        """
        total_end = self.started + total_seconds
        bound, pending = boot_seconds, b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while True:
                end = min(time.monotonic() + bound, total_end)
                while b"\n" not in pending:
                    if not selector.select(max(0, end - time.monotonic())):
                        what = f"all of {total_seconds:.0f} s" if end == total_end else f"{bound:.0f} s"
                        raise self.broken(f"the machine said nothing more within {what}")
                    chunk = os.read(self.process.stdout.fileno(), 1 << 16)
                    if not chunk:
                        raise self.broken("the machine ended too early (did its kernel panic?)")
                    pending += chunk
                line, pending = pending.split(b"\n", 1)
                message = json.loads(line)
                if message["kind"] == "broken":
                    raise self.broken(message["text"])
                yield message
                if message["kind"] == "done":
                    return
                bound = silence_seconds

    def broken(self, what):
        """A GroundError with the end of the console and of what qemu said."""
        time.sleep(0.2)  # qemu writes the console's last words on its way out
        console = self.console_log.read_text(errors="replace") if self.console_log.exists() else ""
        self._errors.seek(0)
        return GroundError(f"{what}\n--- end of the console ---\n{console[-4000:]}\n"
                           f"--- qemu ---\n{self._errors.read()[-2000:]}")
