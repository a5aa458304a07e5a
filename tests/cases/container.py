"""Runs a command in a place that only root can make: container.py UID WAY -- COMMAND...

    pid1        as pid 1 of a pid namespace with its own /proc, as in a container
    pid1+cgroup the same, and a cgroup namespace with its own view of the v2 tree
    read-only   in a mount namespace where all cgroup mounts are read-only

Ends with the command's status.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # -I leaves it out
import system


def become(uid, command):
    if uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    os.execvp(command[0], command)


def as_pid_1(uid, command, own_cgroups):
    """Only a child is in the new pid namespace."""
    system.unshare(system.CLONE_NEWNS | system.CLONE_NEWPID | (system.CLONE_NEWCGROUP if own_cgroups else 0))
    child = os.fork()
    if child == 0:
        system.mount("proc", "/proc", "proc", 0)
        if own_cgroups:
            system.unmount(system.CGROUP_ROOT)
            system.mount("cgroup2", system.CGROUP_ROOT, "cgroup2", 0)
        become(uid, command)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xff)


def with_read_only_cgroups(uid, command):
    system.unshare(system.CLONE_NEWNS)
    for line in system.read_text("/proc/self/mounts").splitlines():
        target, kind = line.split()[1:3]
        if kind in ("cgroup", "cgroup2"):
            system.mount(None, target, None, system.MS_REMOUNT | system.MS_BIND | system.MS_RDONLY)
    become(uid, command)


user, way, _, *words = sys.argv[1:]
if way == "read-only":
    with_read_only_cgroups(int(user), words)
else:
    as_pid_1(int(user), words, way == "pid1+cgroup")
