"""What each variant needs around jobward: another user, a subtree, a scope, a mount namespace.

run.py is root on every ground. A command is put in its place by enter() and gives up root by drop(),
both called in the child between fork and exec.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import uuid

import system
from system import CGROUP_ROOT, MIB, read_text, wait_until, write


class Ground:
    """Root, in the cgroup that run.py was started in."""

    uid = 0
    slow = False  # emulated, 10 to 20 times slower
    backend = None  # what doctor must call it
    environment = {}

    def open(self):
        """Once, before the first test."""

    def close(self):
        """Once, after the last."""

    def prepare(self, case):
        """Before each test."""

    def enter(self):
        """In the child, as root."""

    def drop(self):
        if self.uid:
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
            os.setresuid(self.uid, self.uid, self.uid)


class Hybrid(Ground):
    backend = "hybrid"


class V1(Ground):
    backend = "v1"

    def open(self):
        system.unshare(system.CLONE_NEWNS)
        system.unmount(f"{CGROUP_ROOT}/unified")


class Cage:
    """A cgroup of the test's own with a memory limit, and a leaf to put a process in."""

    def __init__(self, memory_bytes, processes=None):
        name = f"jobward-cases-{uuid.uuid4().hex[:12]}"
        self.tops, self.leaves = [], []
        mine = system.cgroups_of()
        if "memory" in mine:  # v1: what holds the limit may hold processes, too
            self._make(f"{mine['memory']}/{name}", {"memory.limit_in_bytes": memory_bytes,
                                                     "memory.memsw.limit_in_bytes": memory_bytes}, "")
            if processes:
                self._make(f"{mine['pids']}/{name}", {"pids.max": processes}, "")
        else:
            controllers = enable_controllers(CGROUP_ROOT)
            self._make(f"{CGROUP_ROOT}/{name}", {"memory.max": memory_bytes}, "/leaf")
            enable_controllers(f"{CGROUP_ROOT}/{name}", controllers)

    def _make(self, top, values, leaf):
        os.mkdir(top)
        self.tops.append(top)
        for name, value in values.items():
            write(f"{top}/{name}", str(value))
        if leaf:
            os.mkdir(top + leaf)
        self.leaves.append(top + leaf)

    def enter(self):
        for leaf in self.leaves:
            write(f"{leaf}/cgroup.procs", "0")

    def remove(self):
        for top in self.tops:
            system.remove_cgroup_tree(top)


def enable_controllers(directory, wanted=None):
    """Passes controllers on to the children of a v2 cgroup (all it has, if not told); returns them."""
    wanted = wanted if wanted is not None else read_text(f"{directory}/cgroup.controllers").split()
    write(f"{directory}/cgroup.subtree_control", " ".join(f"+{name}" for name in wanted))
    return wanted


class NoCgroups(Ground):
    """An ordinary user of this machine. What fills memory sits in a cgroup of ours, hence under a limit."""

    uid = 65534
    backend = "none"

    def open(self):
        self.cage = Cage(1024 * MIB, processes=600)

    def close(self):
        self.cage.remove()

    def enter(self):
        self.cage.enter()


class Unified(Ground):
    slow = True
    backend = "unified"

    def open(self):
        if not os.path.ismount("/dev/shm"):
            os.makedirs("/dev/shm", exist_ok=True)
            system.mount("tmpfs", "/dev/shm", "tmpfs", 0)
            os.chmod("/dev/shm", 0o1777)


class Delegated(Unified):
    """A user to whom a subtree was handed, as a container manager or an administrator does it."""

    uid = 1000

    def prepare(self, case):
        self.delegate(case)

    def delegate(self, case, controllers=None):
        """Makes a subtree with these controllers (all, if not told), owned by the user, and its leaf."""
        outer = f"{CGROUP_ROOT}/deleg-{uuid.uuid4().hex[:12]}"  # root's: decides what there is to pass on
        os.mkdir(outer)
        case.addCleanup(system.remove_cgroup_tree, outer)
        case.addCleanup(case.sweep)
        enable_controllers(outer, controllers or enable_controllers(CGROUP_ROOT))
        self.top, self.leaf = f"{outer}/user", f"{outer}/user/leaf"
        for directory in (self.top, self.leaf):
            os.mkdir(directory)
            for name in ("", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
                os.chown(f"{directory}/{name}", self.uid, self.uid)

    def enter(self):
        write(f"{self.leaf}/cgroup.procs", "0")


class Scope(Unified):
    """An ordinary user's session under systemd, with a user manager (lingering) to ask for more."""

    uid = 1000
    backend = "systemd-scope"
    environment = {"XDG_RUNTIME_DIR": "/run/user/1000",
                   "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1000/bus"}

    def open(self):
        super().open()
        wait_until(lambda: os.path.exists("/run/user/1000/bus"), "the user manager's bus", 120)
        self.unit = f"jobward-cases-{uuid.uuid4().hex[:12]}.scope"
        self.holder = subprocess.Popen(  # keeps the scope alive; commands join it by enter()
            [shutil.which("systemd-run"), "--quiet", "--scope", "--slice=user-1000.slice", "--uid=1000",
             f"--unit={self.unit}", "sleep", "100000"],
            env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL)
        self.directory = wait_until(self._directory, "systemd made the scope", 60)

    def _directory(self):
        with contextlib.suppress(FileNotFoundError):
            directory = system.cgroups_of(self.holder.pid).get("")
            return directory if directory.endswith(self.unit) else None

    def close(self):
        self.holder.send_signal(signal.SIGKILL)
        self.holder.wait(30)

    def enter(self):
        write(f"{self.directory}/cgroup.procs", "0")


class System(Unified):
    """Root under systemd: each run in a scope of the system's manager."""

    backend = "systemd-scope"


GROUNDS = {"hybrid": Hybrid, "v1": V1, "none": NoCgroups, "unified": Unified, "delegated": Delegated,
           "scope": Scope, "system": System}
