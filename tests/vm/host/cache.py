"""What is kept between runs: the kernel and the systemd image. Also how a command is run and fails."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

KERNEL_METAPACKAGE = "linux-image-cloud-amd64"


class GroundError(Exception):
    """The ground could not be built or booted, or broke down. The text says what is missing and the cure."""


def need_tools(tools):
    """Fails, naming all that is missing at once, unless each of {command: Debian package} is installed."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # mke2fs and mkswap, for those who are not root
    missing = {package for command, package in tools.items() if not shutil.which(command, path=path)}
    if missing:
        raise GroundError("missing: " + ", ".join(sorted(missing)) +
                          "\ninstall: apt-get install --no-install-recommends " + " ".join(sorted(missing)))


def run(command, cure, **options):
    """Runs a command quietly; its output is shown with `cure` if it fails. Returns what it printed."""
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin", LC_ALL="C.UTF-8")
    result = subprocess.run([str(word) for word in command], env=environment, text=True, errors="replace",
                            stdin=subprocess.DEVNULL, capture_output=True, **options)
    if result.returncode != 0:
        raise GroundError(f"failed ({result.returncode}): {' '.join(map(str, command))}\n"
                          f"{result.stdout[-2000:]}{result.stderr[-4000:]}\n{cure}")
    return result.stdout


def directory():
    """The cache, made if need be: $JOBWARD_VM_CACHE, or jobward-vm in the user's cache directory."""
    path = os.environ.get("JOBWARD_VM_CACHE")
    if not path:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        path = os.path.join(base, "jobward-vm")
    cache = Path(path).absolute()
    cache.mkdir(parents=True, exist_ok=True)
    return cache


@contextlib.contextmanager
def building(name):
    """Holds the lock of one cached thing, and gives a directory for making it that is removed afterwards."""
    cache = directory()
    with open(cache / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in cache.glob(f"{name}.making-*"):  # by one that was killed: we hold the lock now
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix=f"{name}.making-", dir=cache) as making:
            yield Path(making)


def kernel():
    """A directory with `vmlinuz` and `modules`, downloaded if none is cached.

    The cached one is used for as long as it is there, so results stay comparable and no network is needed.
    """
    cache = directory()
    with building("kernel") as making:
        cached = sorted(cache.glob("kernel/*/vmlinuz"))
        if cached:
            return cached[-1].parent
        print(f"downloading {KERNEL_METAPACKAGE} (27 MB, once)", flush=True)
        package = _download_kernel(making)
        run(["dpkg", "-x", package, making / "unpacked"], "is the disk full?")
        made = making / "made"
        made.mkdir()
        for image in (making / "unpacked/boot").glob("vmlinuz-*"):
            image.rename(made / "vmlinuz")
        for modules in (making / "unpacked/lib/modules").glob("*"):
            modules.rename(made / "modules")
        final = cache / "kernel" / package.name.split("_")[0]
        final.parent.mkdir(exist_ok=True)
        made.rename(final)
        return final


def _download_kernel(making):
    """Fetches the package that the metapackage stands for; apt checks its signature and digest.

    With package lists of our own: those of the machine may be missing (containers), stale, or another's.
    """
    for part in ("lists/partial", "archives/partial"):
        (making / "apt" / part).mkdir(parents=True)
    apt = ["-q", "-o", f"Dir::State::Lists={making}/apt/lists", "-o", f"Dir::Cache={making}/apt",
           "-o", "APT::Sandbox::User="]
    cure = f"is the network up? To see more: apt-get update && apt-get download {KERNEL_METAPACKAGE}"
    run(["apt-get", *apt, "update"], cure)
    depends = run(["apt-cache", *apt, "depends", KERNEL_METAPACKAGE], cure).split()
    if "Depends:" not in depends:
        raise GroundError(f"apt knows no {KERNEL_METAPACKAGE}: has it Debian's amd64 sources?\n{cure}")
    name = depends[depends.index("Depends:") + 1]
    run(["apt-get", *apt, "download", name], cure, cwd=making)
    return next(making.glob("*.deb"))
