"""Small things about processes, cgroups, mounts and waiting that the tests and the grounds share."""

import contextlib
import os
import signal
import subprocess
import time

CGROUP_ROOT = "/sys/fs/cgroup"
MIB = 1 << 20
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWPID = 0x20000, 0x2000000, 0x20000000


# ------------------------------------------------------------------------------------------- waiting

def wait_until(condition, what, timeout):
    """Returns the first true value of condition(); fails, naming `what`, when the time is up."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s in vain: {what}")
        time.sleep(0.01)
    return value


# ------------------------------------------------------------------------------------ files, processes

def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def read_text(path):
    return read_bytes(path).decode(errors="replace")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def state_of(pid):
    """The letter of /proc/PID/stat, or None when the process is gone."""
    try:
        return read_bytes(f"/proc/{pid}/stat").rpartition(b")")[2].split()[0].decode()
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_dead(pid):
    return state_of(pid) in (None, "Z", "X")


def proc_bytes(pid, name):
    try:
        return read_bytes(f"/proc/{pid}/{name}")
    except OSError:
        return b""


def carries(pid, token):
    mark = os.fsencode(token)
    return mark in proc_bytes(pid, "cmdline") or mark in proc_bytes(pid, "environ")


def processes():
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


OLDER = set()  # than any test (run.py knows): they carry the path of none, and to look at them again takes time


def survivors(token):
    """Living processes that carry the test's unique path in their environment or arguments."""
    return [pid for pid in sorted(processes() - OLDER) if not is_dead(pid) and carries(pid, token)]


def describe(pids):
    return [(pid, state_of(pid), proc_bytes(pid, "cmdline").replace(b"\0", b" ")[:200]) for pid in pids]


def kill_survivors(token):
    """Kills what the test itself started, again and again until nothing is left."""
    deadline = time.monotonic() + 10
    while (left := survivors(token)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                handle = os.pidfd_open(pid)
                try:
                    if carries(pid, token):  # the pid cannot change hands while the pidfd is open
                        signal.pidfd_send_signal(handle, signal.SIGKILL)
                finally:
                    os.close(handle)
        time.sleep(0.02)


# ------------------------------------------------------------------------------------------- cgroups

def cgroups_of(pid="self"):
    """{controller or "" for v2: directory} of a process."""
    found = {}
    for line in read_text(f"/proc/{pid}/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            top = "" if os.path.exists(f"{CGROUP_ROOT}/cgroup.controllers") else "/unified"
            found[""] = f"{CGROUP_ROOT}{top}{path}".rstrip("/")
        for name in filter(None, controllers.split(",")):
            found[name] = f"{CGROUP_ROOT}/{name.removeprefix('name=')}{path}".rstrip("/")
    return found


def memory_cgroup(pid="self"):
    """The directory that holds the process in the hierarchy with the memory controller."""
    found = cgroups_of(pid)
    return found.get("memory", found.get(""))


def values_up_from(directory, name):
    """What the file of this name says in a cgroup and in each of its ancestors, innermost first."""
    values = []
    while directory.startswith(CGROUP_ROOT + "/"):
        with contextlib.suppress(OSError):
            values.append(read_text(f"{directory}/{name}").strip())
        directory = os.path.dirname(directory)
    return values


def cgroup_directories(name):
    """Every directory of this name in any cgroup hierarchy."""
    return [os.path.join(parent, name) for parent, names, _ in os.walk(CGROUP_ROOT) if name in names]


def describe_unit(name):
    """What systemd says of it, and what is in its cgroup: for the message of a test that has failed."""
    said = subprocess.run(["systemctl", "show", name, "-p", "ActiveState,SubState,Job,ControlGroup,Result,Slice"], capture_output=True,
                          text=True, check=False)
    lines = [said.stdout + said.stderr, *subprocess.run(["systemctl", "list-jobs", "--no-pager"], capture_output=True, text=True,
                                                        check=False).stdout.splitlines()]
    for top in cgroup_directories(name):
        for directory, _, _ in os.walk(top):
            pids = read_text(f"{directory}/cgroup.procs").split()
            lines += [f"{directory}: {read_text(f'{directory}/cgroup.events').split()} {describe(pids) if pids else 'nobody'}"]
    return "\n".join(lines)


def remove_cgroup_tree(top):
    """Removes a cgroup of the test's own, from the leaves up. Its processes are dead or dying."""
    def removed(directory):
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True
    for directory, _, _ in os.walk(top, topdown=False):
        wait_until(lambda: removed(directory), f"{directory} can be removed", 10)


# ------------------------------------------------------------------------------------------- mounts

def libc():
    import ctypes  # only here: the jobs import this module, too, and are to start fast
    return ctypes.CDLL(None, use_errno=True), ctypes


def check(result, what):
    if result != 0:
        number = libc()[1].get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source, target, kind, flags, options=None):
    encode = lambda text: os.fsencode(text) if text else None
    library, ctypes = libc()
    check(library.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(options)),
          f"mount {target}")


def unmount(target):
    check(libc()[0].umount2(os.fsencode(target), 0), f"umount {target}")


def unshare(flags):
    """Leaves namespaces; with mounts of its own, changes to them stay here (propagation private)."""
    check(libc()[0].unshare(flags), "unshare")
    if flags & CLONE_NEWNS:
        mount(None, "/", None, MS_REC | MS_PRIVATE)
