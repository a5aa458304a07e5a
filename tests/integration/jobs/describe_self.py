"""Writes down everything that a launcher could have changed about its job, as JSON into the file named.

    describe_self.py OUT [ANYTHING...]
"""

import json
import os
import resource
import sys


def memory_limits():
    """Limits on the process's memory cgroup and its ancestors (v1), innermost first."""
    limits = []
    with open("/proc/self/cgroup") as file:
        paths = [line.strip().split(":", 2)[2] for line in file if "memory" in line.split(":")[1].split(",")]
    for path in paths:
        while True:
            here = {}
            for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
                try:
                    with open(f"/sys/fs/cgroup/memory{path}/{name}") as file:
                        here[name] = int(file.read())
                except OSError:
                    pass
            limits.append(here)
            if path in ("/", ""):
                break
            path = os.path.dirname(path)
    return limits


def terminal_size():
    for fd in (0, 1, 2):
        try:
            return list(os.get_terminal_size(fd))
        except OSError:
            pass
    return None


def is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


fds = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in map(int, os.listdir("/proc/self/fd")) if is_open(fd)}
with open("/proc/self/status") as file:
    status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
with open("/proc/self/environ", "rb") as file:
    environ = sorted(entry.hex() for entry in file.read().split(b"\0") if entry)
with open("/proc/self/cmdline", "rb") as file:
    cmdline = [argument.hex() for argument in file.read().split(b"\0")[:-1]]
with open("/proc/self/oom_score_adj") as file:
    oom_score_adj = int(file.read())
with open("/proc/self/cgroup") as file:
    cgroups = file.read().splitlines()
umask = os.umask(0)
os.umask(umask)

described = {
    "pid": os.getpid(), "ppid": os.getppid(), "pgid": os.getpgrp(), "sid": os.getsid(0),
    "uid": os.getresuid(), "gid": os.getresgid(), "groups": os.getgroups(),
    "cwd": os.getcwd(), "umask": umask, "nice": os.nice(0), "oom_score_adj": oom_score_adj,
    "environ": environ, "arguments": cmdline[cmdline.index(sys.argv[1].encode().hex()) + 1:],
    "fds": sorted(fds), "isatty": [is_open(fd) and os.isatty(fd) for fd in (0, 1, 2)],
    "terminal_size": terminal_size(),
    "signals": {name: status[name] for name in ("SigBlk", "SigIgn", "SigCgt")},
    "no_new_privs": status.get("NoNewPrivs"), "capabilities": status.get("CapEff"),
    "scheduler": [os.sched_getscheduler(0), sorted(os.sched_getaffinity(0))],
    "rlimits": {name: resource.getrlimit(getattr(resource, name))
                for name in dir(resource) if name.startswith("RLIMIT_")},
    "cgroups": cgroups, "memory_limits": memory_limits(),
}
with open(sys.argv[1] + ".part", "w") as out:
    json.dump(described, out)
os.rename(sys.argv[1] + ".part", sys.argv[1])
