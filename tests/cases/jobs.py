"""The jobs that need more than a line of shell: jobs.py NAME ARGUMENT...

Each function below is one job. What fills memory does so only where a cgroup of at most 2 GiB holds it,
or in a VM (pure cgroup v2), so that a launcher that forgot its limit cannot hurt the machine.
"""

import mmap
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE) if HERE.endswith("__pycache__") else HERE)  # -I leaves it out
import system

# What few jobs need is imported by them: under emulation each module costs up to a tenth of a second.

MIB = 1 << 20
areas = []


def require_a_limit():
    """Before anything is filled. (Later may be too late: a process without its main thread has no cgroup to read.)"""
    if os.path.isdir("/sys/fs/cgroup/memory"):
        stat = system.read_text(f"{system.memory_cgroup()}/memory.stat").split()
        if int(stat[stat.index("hierarchical_memory_limit") + 1]) > 2048 * MIB:
            sys.exit("jobs.py: refusing to fill memory without a cgroup limit of at most 2 GiB")


def allocate(mib):
    """Touches so much memory and keeps it."""
    area = mmap.mmap(-1, mib * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for offset in range(0, len(area), mmap.PAGESIZE):
        area[offset] = 1
    areas.append(area)


def note(path, text):
    """Makes a file with one line appear in one step."""
    system.write(f"{path}.part", f"{text}\n")
    os.rename(f"{path}.part", path)


def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.02)


def grab(mib):
    """Touches so much memory as fast as it can, in user mode: on v1 a system call that does fails at a held limit."""
    require_a_limit()
    areas.append(b"\1" * (int(mib) * MIB))


def fill(mib, ready, go=None):
    """Allocates (once the file `go` is there), tells, and holds it until it is killed."""
    require_a_limit()
    if go:
        note(f"{ready}-to-go", os.getpid())
        wait_for(go)
    allocate(int(mib))
    note(ready, os.getpid())
    signal.pause()


def populated(mib):
    """Memory that is there at once, much faster than page by page where that is emulated."""
    map_populate = 0x8000
    return mmap.mmap(-1, int(mib) * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | map_populate)


def hold(mib, ready):
    """Allocates at once, tells, and holds it until it is killed."""
    require_a_limit()
    areas.append(populated(mib))
    note(ready, os.getpid())
    signal.pause()


def answer_term(mib, ready, seconds):
    """Holds memory, and takes so long from a SIGTERM to its end (forever: it ignores it). Tells of a SIGTERM."""
    def end(*_):
        note(f"{ready}-term", os.getpid())
        time.sleep(float(seconds))
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if seconds == "forever" else end)
    hold(mib, ready)


def disguise(mib, ready, name):
    """Holds memory under another name."""
    system.write("/proc/self/comm", name)
    hold(mib, ready)


def fill_in_children(mib, ready, count):
    """So many children that hold so much each; tells when one of them is gone, with its status, and goes on."""
    require_a_limit()
    for number in range(int(count)):
        if os.fork() == 0:
            hold(int(mib) + number, f"{ready}-{number}")
    note(ready, os.getpid())
    pid, status = os.wait()
    note(f"{ready}-lost", f"{pid} {status}")
    signal.pause()


def surround(mib, small, out, *command):
    """As pid 1 of a pid namespace: large itself and as the parent of the command, beside one small process. Tells
    the command's status, and who is left."""
    require_a_limit()
    small_one = os.fork()
    if small_one == 0:
        hold(small, f"{out}-small")
    wait_for(f"{out}-small")
    areas.append(populated(mib))
    parent = os.fork()
    if parent == 0:
        child = os.posix_spawnp(command[0], command, os.environ)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    status = os.waitstatus_to_exitcode(os.waitpid(parent, 0)[1])
    note(out, f"{status} {'dead' if system.is_dead(small_one) else 'alive'}")


def write_file(mib, path):
    """So much into a file, and ends."""
    require_a_limit()
    with open(path, "wb") as file:
        for _ in range(int(mib)):
            file.write(b"\1" * MIB)


def populate(mib, seconds):
    """Allocates all at once and holds it for so long."""
    require_a_limit()
    areas.append(populated(mib))
    time.sleep(float(seconds))


def fill_and_release(mib, ready):
    """Allocates, gives it back, tells, and goes on until it is killed."""
    require_a_limit()
    allocate(int(mib))
    areas.pop().close()
    note(ready, os.getpid())
    signal.pause()


def exhaust_the_machine():
    if os.path.isdir("/sys/fs/cgroup/memory"):
        sys.exit("jobs.py: this is for VMs, which have pure cgroup v2")
    while True:
        allocate(16)


def peak_then_valley(mib, hold):
    require_a_limit()
    allocate(int(mib))
    time.sleep(float(hold))
    areas.pop().close()
    time.sleep(0.3)


def describe(out):
    """What a launcher may have set on us."""
    import json
    files = next(line.split() for line in system.read_text("/proc/self/limits").splitlines()
                 if line.startswith("Max open files"))
    note(out, json.dumps({
        "nice": os.nice(0), "oom_score_adj": int(system.read_text("/proc/self/oom_score_adj")),
        "affinity": sorted(os.sched_getaffinity(0)), "open_files": [files[3], files[4]],
        "memory": os.environ.get("JOBWARD_MEM_LIMIT")}))


def members(out):
    """Our own processes, and what our cgroup says is in it."""
    import json
    child = os.fork()
    if child == 0:
        signal.pause()
    procs = system.read_text(f"{system.memory_cgroup()}/cgroup.procs").split()
    note(out, json.dumps({"own": sorted([os.getpid(), child]), "listed": sorted(map(int, procs))}))


def spin(cpu_seconds, out):
    """Computes for so many CPU seconds; tells how long that took."""
    start, used = time.monotonic(), time.process_time()  # the interpreter has used some already
    while time.process_time() - used < float(cpu_seconds):
        pass
    note(out, time.monotonic() - start)


def freeze(name, ready):
    """A child makes a cgroup below its own, goes there, forbids everybody the directory, freezes itself."""
    found = system.cgroups_of()
    top, file, word = ((found["freezer"], "freezer.state", "FROZEN") if "freezer" in found
                       else (found[""], "cgroup.freeze", "1"))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        nested = f"{top}/{name}"
        os.mkdir(nested)
        system.write(f"{nested}/cgroup.procs", "0")
        switch = os.open(f"{nested}/{file}", os.O_WRONLY)
        os.chmod(nested, 0)
        note(ready, os.getpid())
        os.write(switch, word.encode())
        while True:
            signal.pause()
    os.waitpid(child, 0)


def short_lived(count, out, spike_mib=0):
    """Many processes one after the other, one of them large; tells the CPU time of all as the kernel has it."""
    command = ["true"]
    large = ["dd", "if=/dev/zero", "of=/dev/null", f"bs={spike_mib}M", "count=1"]
    require_a_limit()
    null = os.open("/dev/null", os.O_WRONLY)
    for number in range(int(count)):
        chosen = large if int(spike_mib) and number == int(count) // 2 else command
        child = os.posix_spawnp(chosen[0], chosen, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 2)])
        os.waitpid(child, 0)
    times = os.times()
    note(out, times.user + times.system + times.children_user + times.children_system)


def leader_exits(mib, seconds, status, out):
    """The main thread ends, alone, while another goes on: allocates, stays a while, ends the process."""
    import ctypes
    import threading

    def other():
        while system.state_of(os.getpid()) != "Z":  # the main thread's state
            time.sleep(0.01)
        if int(mib):
            allocate(int(mib))
        time.sleep(float(seconds))
        note(out, "the last thread ended")
        os._exit(int(status))
    require_a_limit()
    threading.Thread(target=other).start()
    ctypes.CDLL(None).syscall(60, 0)  # SYS_exit of x86-64: this thread only, what pthread_exit ends with


def checkpoint(limit_mib, pause, out):
    """Grows step by step towards the limit until a USR1 tells to save its work."""
    def save(*_):
        note(out, sum(map(len, areas)) // MIB)
        os._exit(0)
    require_a_limit()
    signal.signal(signal.SIGUSR1, save)
    allocate(int(limit_mib) * 3 // 4)
    while True:
        allocate(2)
        time.sleep(float(pause))


def bomb(depth, out):
    """Doubles until a fork fails, at most so many times; nobody ends by himself, but main on a failed fork."""
    import errno
    main, failed = os.getpid(), os.pipe()
    for _ in range(int(depth)):
        try:
            os.fork()
        except OSError as error:
            os.write(failed[1], bytes([error.errno]))
            break
    if os.getpid() != main:
        while True:
            signal.pause()
    note(out, errno.errorcode[os.read(failed[0], 1)[0]])
    sys.exit(3)


def disk(direction, path, mib, out):
    """Writes or reads past the page cache; tells how long it took."""
    block = mmap.mmap(-1, MIB)  # aligned, as O_DIRECT wants it
    flags = os.O_WRONLY | os.O_CREAT if direction == "write" else os.O_RDONLY
    descriptor = os.open(path, flags | os.O_DIRECT, 0o644)
    start = time.monotonic()
    for _ in range(int(mib)):
        if direction == "write":
            os.write(descriptor, block)
        else:
            os.readv(descriptor, [block])
    note(out, time.monotonic() - start)


def lock_database(path, seconds, ready):
    """Lets nobody else write to an SQLite database for so long."""
    import sqlite3  # only here: not every interpreter has it
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    note(ready, os.getpid())
    time.sleep(float(seconds))
    database.execute("COMMIT")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
