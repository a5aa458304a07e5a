"""What runs in the guest: prepares the machine, does what /ground/manifest.json says, tells the host.

The host hears one JSON object a line on a port of its own; the console stays free for the kernel.
"""

import ctypes
import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

HOME = Path("/ground")
DISK = "/disk"
BUS = Path("/run/user/1000/bus")
PATH = "/ground/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Host:
    """The way to the host."""

    def __init__(self):
        for port in Path("/sys/class/virtio-ports").iterdir():
            if (port / "name").read_text().strip() == "ground.results":
                self._port = os.open(f"/dev/{port.name}", os.O_WRONLY | os.O_CLOEXEC)
                return
        raise FileNotFoundError("the port ground.results")

    def tell(self, kind, **message):
        line = json.dumps({"kind": kind, **message}).encode() + b"\n"
        while line:
            line = line[os.write(self._port, line):]


def as_child():
    """In a child: the agent must outlive a machine out of memory, what it starts need not."""
    os.setsid()
    Path("/proc/self/oom_score_adj").write_text("0")


def environment():
    return {"PATH": PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root", "LANG": "C.UTF-8",
            "SHELL": "/bin/bash", "JOBWARD_BINARY": "/ground/bin/jobward", "JOBWARD_TEST_DISK": DISK}


def find_disk(serial):
    for block in Path("/sys/block").glob("vd*"):
        if (block / "serial").read_text().strip() == serial:
            return f"/dev/{block.name}"
    raise FileNotFoundError(f"the disk {serial}")


def prepare():
    """The same in both grounds: the agent is safe, libraries are found, the disk and the swap are there."""
    Path("/proc/self/oom_score_adj").write_text("-1000")
    libraries = HOME / "libraries"
    for library in libraries.rglob("*"):
        wanted = Path("/") / library.relative_to(libraries)
        if library.is_file() and not wanted.exists():  # the machine's own comes first: it fits its loader
            wanted.parent.mkdir(parents=True, exist_ok=True)
            wanted.symlink_to(library)
    os.makedirs(DISK, exist_ok=True)
    subprocess.run(["mount", "-t", "ext4", find_disk("disk"), DISK], check=True)
    os.chmod(DISK, 0o1777)
    subprocess.run(["swapon", find_disk("swap")], check=True)
    # None comes twice: tests tell theirs from those that were there before.
    Path("/proc/sys/kernel/pid_max").write_text("4194304")
    os.chdir("/tmp")


def wait_for_user_manager(seconds=90):
    """systemd starts the lingering user's manager at its own pace; tests may count on it."""
    deadline = time.monotonic() + seconds
    while not BUS.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {BUS} after {seconds} s: user@1000.service did not start")
        time.sleep(0.05)


def run_script(host, path, seconds, more):
    """Runs the author's script, handing on what it prints as it comes; tells its exit status."""
    process = subprocess.Popen(["timeout", "-k", "5", str(seconds), "bash", path], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment() | more,
                               preexec_fn=as_child)
    while chunk := os.read(process.stdout.fileno(), 1 << 14):
        host.tell("output", text=chunk.decode(errors="surrogateescape"))
    host.tell("exit", status=process.wait())


def run_shell():
    """A shell on the console, with the job control that needs a terminal of its own."""
    with open("/dev/ttyS0", "r+b", buffering=0) as console:
        subprocess.run(["setsid", "--ctty", "--wait", "bash", "-l"], stdin=console, stdout=console,
                       stderr=console, env=environment() | {"TERM": "linux"}, cwd="/root")


def run_tests(host, manifest):
    # Not loaded for a script: every import takes time here.
    import test_process
    baseline = test_process.processes()
    # Under systemd apart from the agent's service, so that what holds for one cgroup spares the agent.
    place = ["/ground/bin/in-system"] if manifest["ground"] == "systemd" else []
    end = time.monotonic() + manifest["total_seconds"]
    for variant, tests in manifest["variants"].items():
        run = test_process.VariantRun(host, variant, tests, place,
                                      environment() | manifest["environment"], as_child,
                                      manifest["test_seconds"], end, baseline)
        run.run_all()


def main():
    host = Host()
    try:
        manifest = json.loads((HOME / "manifest.json").read_text())
        prepare()
        if manifest["ground"] == "systemd":
            wait_for_user_manager()
        host.tell("ready", seconds=float(Path("/proc/uptime").read_text().split()[0]))
        if manifest["mode"] == "script":
            run_script(host, manifest["script"], manifest["total_seconds"], manifest.get("environment", {}))
        elif manifest["mode"] == "shell":
            run_shell()
        else:
            run_tests(host, manifest)
        host.tell("done")
    except BaseException:
        host.tell("broken", text=traceback.format_exc())
    # Without a shutdown: the disks are thrown away, and qemu ends where a machine would start anew.
    ctypes.CDLL(None).reboot(0x01234567)


if __name__ == "__main__":
    sys.exit(main())
