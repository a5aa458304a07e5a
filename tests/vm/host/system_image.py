"""The systemd ground's root disk: Debian made with mmdebstrap, kept in the cache as an ext4 image."""

import hashlib
import os
import platform
import time

from . import cache
from .cache import GroundError
from .initramfs import GUEST

# What runs in it, beyond what is essential in Debian. No kernel and no udev: the modules that are needed are
# loaded before systemd starts, which halves the time to boot.
PACKAGES = ["systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd", "python3", "procps",
            "util-linux", "bubblewrap", "cgroup-tools", "bash", "mount"]
KERNEL_ARGUMENTS = "systemd.show_status=0 systemd.log_target=console loglevel=3 random.trust_cpu=on"
# Other images for other purposes, each in the cache under its own name: more packages, and more set-up after the
# usual one. Tests never use them. `peers`: the other watchdogs, installed and off, for bench/watchdog_peers.py.
FLAVOURS = {"systemd": ([], None),
            "peers": (["earlyoom", "nohang", "systemd-oomd"], "peers-setup")}
TOOLS = {"mmdebstrap": "mmdebstrap", "tar": "tar", "mke2fs": "e2fsprogs"}
SIZE_MIB = 2048  # sparse; about 300 MiB of it used
RECIPE = 1  # to be raised when the code below changes what is in the image


def cached(flavour="systemd"):
    """The image's path; made if there is none for this list of packages and these set-up scripts."""
    more, more_setup = FLAVOURS[flavour]
    packages = PACKAGES + more
    setups = [GUEST / name for name in ("systemd-setup", more_setup) if name]
    release = _release()
    text = "\n".join([release, *packages, *(setup.read_text() for setup in setups), str(SIZE_MIB), str(RECIPE)])
    name = f"{flavour}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.ext4"
    with cache.building(flavour) as making:
        final = cache.directory() / name
        if not final.exists():
            _make(release, packages, setups, making)
            for old in cache.directory().glob(f"{flavour}-*.ext4"):
                old.unlink()
            (making / "root.ext4").rename(final)
        return final


def _release():
    """The one that runs here: with its C library the binary was linked."""
    release = platform.freedesktop_os_release()
    if release.get("ID") != "debian" or "VERSION_CODENAME" not in release:
        raise GroundError("the systemd ground needs a Debian to build on: the program was linked here, and "
                          "must find the same C library there")
    return release["VERSION_CODENAME"]


def _make(release, packages, setups, making):
    cache.need_tools(TOOLS)
    print(f"making the systemd image, Debian {release} (about 100 MB to download, once)", flush=True)
    started = time.monotonic()
    options = [f"--include={','.join(packages)}", *(f"--customize-hook={setup} \"$1\"" for setup in setups),
               "--variant=minbase",
               *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale", "info"))]
    cache.run(["mmdebstrap", "--quiet", *options, "--format=tar", release, making / "root.tar"],
              f"is the network up? To see more: mmdebstrap --variant=minbase {release} /tmp/root.tar")
    # Devices are left out: who is not root cannot make them, and /dev comes from the kernel.
    script = ('mkdir "$1/root" && tar -xf "$1/root.tar" -C "$1/root" --exclude="./dev/*" --numeric-owner && '
              'mke2fs -q -F -t ext4 -m 0 -d "$1/root" "$1/root.ext4" "$2" && rm -rf "$1/root" "$1/root.tar"')
    as_root = [] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--map-auto"]
    cache.run([*as_root, "sh", "-c", script, "sh", making, f"{SIZE_MIB}M"],
              "is the disk full? It needs about 1.5 GiB below the cache directory")
    print(f"made the systemd image in {time.monotonic() - started:.0f} s", flush=True)
