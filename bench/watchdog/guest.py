"""guest.py PLAN: inside the machine: runs each trial of the plan (JSON) and prints `RESULT {…}` for each.

A trial: swap and available memory as the job wants them, the watchdog started anew, the processes of the job waiting at the
board (board.h), then the arena gives the start and watches. What is told is in the docstring of watchdog_peers.py.
"""

import ctypes
import faulthandler
import json
import mmap
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

RUN = Path("/run/bench")
BOARD = RUN / "board"
CGROUPS = Path("/sys/fs/cgroup")
UNITS = Path("/run/systemd/system")
BIN = "/ground/bin"
ROLES = ("hog", "innocent", "guarded", "ballast")
# struct Board of board.h: go, count, 4 tickers of 32 bytes, entries of 24
TICKERS, ENTRIES, ENTRY, MOST_ENTRIES = 8, 8 + 4 * 32, 24, 4096
TERM, KILL = 10, 5  # percent, of memory and of swap


def run(*argv, check=True, **options):
    done = subprocess.run([str(word) for word in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)
    return value


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def meminfo():
    """MiB."""
    return {name: int(value.split()[0]) >> 10 for name, value in
            (line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())}


def vmstat(name):
    return int(re.search(rf"^{name} (\d+)$", Path("/proc/vmstat").read_text(), re.M)[1])


# -- the watchdogs: each is a unit of systemd, with the settings that its package gives it

class Watchdog:
    """`level`: at which threshold it acts first. `managed`: jobs of many processes are run by jobward."""

    unit, level, managed = None, "term", False
    guard = ()  # options of systemd-run for what it shall spare

    def configure(self):
        pass

    def start(self):
        if not self.unit:
            return
        self.configure()
        if not self.unit.startswith("bench-"):
            run("systemctl", "unmask", *self.units())
        run("systemctl", "start", self.unit)
        self.group = CGROUPS / run("systemctl", "show", "-P", "ControlGroup", self.unit).strip().lstrip("/")
        # Ready: it does nothing more.
        before = -1
        for _ in range(20):
            now = self.cost()["cpu_us"]
            if before >= 0 and now - before < 15000:
                return
            before = now
            time.sleep(0.25)

    def units(self):
        return [self.unit]

    def stop(self):
        """Returns the CPU seconds of its whole life."""
        if not self.unit:
            return None
        used = run("systemctl", "show", "-P", "CPUUsageNSec", self.unit, check=False).strip()
        run("systemctl", "stop", *self.units())
        run("systemctl", "reset-failed", self.unit, check=False)
        return int(used) / 1e9 if used.isdigit() else None

    def pids(self):
        return [int(pid) for pid in (self.group / "cgroup.procs").read_text().split()]

    def cost(self):
        """Summed over its processes. CPU also of those that have ended."""
        if not self.unit:
            return {}
        out = {"cpu_us": int(re.search(r"usage_usec (\d+)", (self.group / "cpu.stat").read_text())[1]),
               "switches": 0, "rss_kib": 0, "pss_kib": 0, "descriptors": 0, "pids": self.pids()}
        for pid in out["pids"]:
            process = Path(f"/proc/{pid}")
            for task in (process / "task").iterdir():
                out["switches"] += sum(map(int, re.findall(r"ctxt_switches:\s*(\d+)", (task / "status").read_text())))
            # Not VmRSS, which lags behind by what each thread has not yet counted.
            memory = (process / "smaps_rollup").read_text()
            out["rss_kib"] += int(re.search(r"^Rss:\s*(\d+)", memory, re.M)[1])
            out["pss_kib"] += int(re.search(r"^Pss:\s*(\d+)", memory, re.M)[1])
            out["descriptors"] += len(os.listdir(process / "fd"))
        return out


class Earlyoom(Watchdog):
    unit = "earlyoom.service"
    level_percent = f"{TERM},{KILL}"

    def configure(self):
        write(Path("/etc/default/earlyoom"), f'EARLYOOM_ARGS="-r 3600 -m {self.level_percent} -s {self.level_percent} '
                                             '--avoid ^bench-guarded$"\n')


class EarlyoomKill(Earlyoom):
    """For those that only kill: both thresholds are the lower one."""
    level, level_percent = "kill", f"{KILL},{KILL}"


class Nohang(Watchdog):
    unit = "nohang.service"

    def configure(self):
        text = Path("/usr/share/nohang/nohang.conf").read_text()
        for name, value in {"soft_threshold_min_mem": TERM, "hard_threshold_min_mem": KILL,
                            "soft_threshold_min_swap": TERM, "hard_threshold_min_swap": KILL}.items():
            text, count = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value} %", text)
            assert count == 1, name
        write(Path("/etc/nohang/nohang.conf"), text + "\n@BADNESS_ADJ_RE_NAME -1000 /// ^bench-guarded$\n")


class Oomd(Watchdog):
    unit, level = "systemd-oomd.service", "kill"
    guard = ("-p", "ManagedOOMPreference=omit")

    def configure(self):
        write(Path("/run/systemd/oomd.conf.d/bench.conf"),
              f"[OOM]\nSwapUsedLimit={100 - KILL}%\nDefaultMemoryPressureLimit=40%\nDefaultMemoryPressureDurationSec=1s\n")

    def units(self):
        return [self.unit, "systemd-oomd.socket"]

    def stop(self):
        """Masked, or systemd starts it again for whatever is to be watched by it."""
        used = super().stop()
        run("systemctl", "mask", *self.units())
        return used


class Jobward(Watchdog):
    unit, managed = "bench-jobward.service", True
    state = RUN / "jobward"
    thresholds = {"memory_warn": "15%", "memory_term": f"{TERM}%", "memory_kill": f"{KILL}%", "swap_term": f"{TERM}%",
                  "swap_kill": f"{KILL}%"}

    def configure(self):
        lines = [f"{name} = {value}" for name, value in self.thresholds.items()]
        write(RUN / "jobward.conf", "\n".join([*lines, f"protect = exe:{BIN}/bench-guarded", ""]))
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir(parents=True)
        write(UNITS / self.unit, "[Service]\nType=notify\nNotifyAccess=all\nOOMScoreAdjust=-1000\nNice=-20\nLimitMEMLOCK=infinity\n"
              f"ExecStart={BIN}/jobward-watchdog --config {RUN}/jobward.conf --state-dir {self.state}\n")
        run("systemctl", "daemon-reload")

    def journal(self):
        files = [*sorted(self.state.glob("journal.[0-9]"), reverse=True), *self.state.glob("journal")]
        lines = b"".join(path.read_bytes() for path in files).split(b"\n")
        events = []
        for line in lines:
            if line.strip(b"\0"):
                try:
                    events.append(json.loads(line.strip(b"\0")))
                except ValueError:
                    events.append({"event": "UNREADABLE", "text": line[:200].decode(errors="replace")})
        return events


class JobwardKill(Jobward):
    level = "kill"
    thresholds = {**Jobward.thresholds, "memory_term": f"{KILL}%", "swap_term": f"{KILL}%", "grace": "0s"}


class JobwardBare(Jobward):
    """Jobs of many processes are run without jobward: then each process is a unit of its own."""
    managed = False


WATCHDOGS = {"none": Watchdog, "earlyoom": Earlyoom, "earlyoom-kill": EarlyoomKill, "nohang": Nohang,
             "systemd-oomd": Oomd, "jobward": Jobward, "jobward-kill": JobwardKill, "jobward-bare": JobwardBare}


# -- the jobs

def hog(*options, program="bench-hog", **place):
    return {"argv": [f"{BIN}/{program}", "--board", str(BOARD), *map(str, options)], **place}


def innocent(mib):
    return hog("--role", "innocent", "--now", "--mib", mib, role="innocent", mib=mib)


def job(name):
    """What is run, and on what: processes; swap; room_mib, what is available at first. Sizes are for 4 GiB and scale."""
    total = meminfo()["MemTotal"]
    term, kill = total * TERM // 100, total * KILL // 100
    large = total * 3 // 10
    guarded = hog("--role", "guarded", "--now", "--mib", large, program="bench-guarded", role="guarded", mib=large)
    beside = innocent(total // 8)
    room = term + total // 5  # else most of a trial is filling what matters to nobody
    return {
        "fast": {"processes": [hog()], "room_mib": room},
        "fast_swap": {"processes": [hog("--hard")], "swap": "zram", "room_mib": room},
        "slow": {"processes": [hog("--rate", 20)], "room_mib": term + 150},
        "children": {"processes": [beside, hog("--children", 70, "--mib", 60)], "many": True},
        "fork": {"processes": [beside, hog("--fork", "--mib", 64)], "many": True, "room_mib": room + total // 6},
        # It ends between the KILL threshold and what the kernel itself needs.
        "tmpfs": {"processes": [beside, hog("--tmpfs", RUN / "tmpfs/file")], "room_mib": room + total // 10,
                  "tmpfs_left_mib": total * 3 // 100, "done_ms": 5000},
        "thrash": {"processes": [hog("--thrash", "--hard", "--rate", 100)], "room_mib": room, "swap": "zram"},
        "protected": {"processes": [guarded, hog()], "room_mib": room + total // 4},
        "ignores_term": {"processes": [hog("--ignore-term")], "room_mib": room},
        "ignores_term_holds": {"processes": [hog("--ignore-term", "--until-free", (term + kill) // 2)], "only": "term", "room_mib": room,
                               "done_ms": 20000},
        "idle": {"processes": [], "whole": True},
    }[name]


class Grounds:
    """What lasts from trial to trial: the board, the two bystanders, swap, and how much memory is there."""

    def __init__(self):
        RUN.mkdir(parents=True, exist_ok=True)
        size = ENTRIES + ENTRY * MOST_ENTRIES
        BOARD.write_bytes(bytes(-(-size // 4096) * 4096))
        self.file = open(BOARD, "r+b")
        self.board = mmap.mmap(self.file.fileno(), 0)
        self.bystanders, self.reserved, self.swap, self.scopes = [None, None], 0, "disk", 0
        write(UNITS / "trial.slice", "[Slice]\nManagedOOMSwap=kill\nManagedOOMMemoryPressure=kill\n")
        write(UNITS / "bystanders.slice", "[Slice]\n")
        run("systemctl", "daemon-reload")
        run("systemctl", "set-property", "--runtime", "ground.service", "ManagedOOMPreference=omit")
        self.zram = None

    def scope(self, argv, slice_name, *options, score=0, **popen):
        """Starts it in a scope of its own."""
        self.scopes += 1

        def as_job():
            Path("/proc/self/oom_score_adj").write_text(str(score))
        return subprocess.Popen(["systemd-run", "--scope", "--quiet", "--collect", f"--slice={slice_name}", "-p", "TasksMax=infinity",
                                 f"--unit=bench-{self.scopes}.scope", *options, "--", *argv],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=as_job,
                                **popen)

    def clear_board(self):
        self.board[0:8] = bytes(8)
        self.board[ENTRIES:] = bytes(len(self.board) - ENTRIES)

    def entries(self):
        count = min(struct.unpack_from("<I", self.board, 4)[0], MOST_ENTRIES)
        for place in range(count):
            role, pid, filled = struct.unpack_from("<iiQ", self.board, ENTRIES + ENTRY * place)
            if pid:
                yield ROLES[role], pid, filled >> 20

    def stand_by(self):
        for place, options in enumerate(([], ["--unlocked"])):
            if self.bystanders[place] is None or self.bystanders[place].poll() is not None:
                self.bystanders[place] = self.scope([f"{BIN}/bench-bystander", str(BOARD), str(place), *options], "bystanders.slice")
                offset = TICKERS + 32 * place
                self.board[offset:offset + 32] = bytes(32)
                until(lambda: struct.unpack_from("<i", self.board, offset)[0], 30, "a bystander")

    def leave(self):
        for process in self.bystanders:
            if process:
                process.kill()

    def set_swap(self, kind):
        if kind == self.swap:
            if kind == "zram":  # empty again
                run("swapoff", self.zram)
                run("swapon", self.zram)
            return
        run("swapoff", "-a", check=False)
        for line in Path("/proc/swaps").read_text().splitlines()[1:]:
            run("swapoff", line.split()[0])
        if kind == "zram":
            self.make_zram()
            run("swapon", self.zram)
        self.swap = kind

    def make_zram(self):
        if self.zram:
            return
        libc = ctypes.CDLL(None, use_errno=True)
        for module in ("lzo-rle", "zsmalloc", "zram"):  # no kmod in this image
            with open(f"/ground/modules/{module}.ko", "rb") as file:
                if libc.syscall(313, file.fileno(), b"", 0) != 0 and ctypes.get_errno() != 17:  # finit_module, EEXIST
                    raise OSError(ctypes.get_errno(), f"cannot load {module}")
        Path("/sys/block/zram0/disksize").write_text("512M")
        self.zram = "/dev/zram0"
        run("mkswap", self.zram)

    def set_room(self, mib):
        """So much is available; the rest is reserved for huge pages that nobody uses: that takes no time, and no
        process has it. None: all."""
        if mib is None and self.reserved:
            self.reserved = self.reserve(0)
        elif mib is not None and abs(meminfo()["MemAvailable"] - mib) > 8:
            for _ in range(3):  # it reserves less where memory is in pieces
                self.reserved = self.reserve(max(0, self.reserved + (meminfo()["MemAvailable"] - mib) // 2))
            if abs(meminfo()["MemAvailable"] - mib) > 40:
                raise RuntimeError(f"{meminfo()['MemAvailable']} MiB are available, not {mib}")

    @staticmethod
    def reserve(count):
        pages = Path("/proc/sys/vm/nr_hugepages")
        pages.write_text(str(count))
        return int(pages.read_text())


def others():
    """{pid: name} of all processes that live and are not the kernel's, nor helpers that systemd starts and ends by itself."""
    out = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path(f"/proc/{entry}/stat").read_text(errors="replace")
                helper = entry != "1" and Path(f"/proc/{entry}/cgroup").read_text() == "0::/init.scope\n"
            except OSError:
                continue
            state, *fields = text[text.rindex(")") + 2:].split()
            if not helper and state not in "ZX" and not int(fields[5]) & 0x200000:  # PF_KTHREAD
                out[int(entry)] = text[text.index("(") + 1:text.rindex(")")]
    return out


class KernelLog:
    def __init__(self):
        self.descriptor = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.descriptor, 0, os.SEEK_END)

    def victims(self):
        """Pids that the kernel's OOM killer has named since the last time."""
        out = []
        while True:
            try:
                text = os.read(self.descriptor, 8192).decode(errors="replace")
            except BlockingIOError:
                return out
            except BrokenPipeError:  # overwritten meanwhile: goes on with the oldest
                continue
            out += [int(pid) for pid in re.findall(r"Killed process (\d+)", text)]


def verdict(told, wanted):
    """right | wrong | kernel | none (nobody died) | not reached (memory never was low), from who died and by whom."""
    by_kernel = [death for death in told["deaths"] if death["by_kernel"]]
    mine = [death for death in told["deaths"] if not death["by_kernel"]]
    if told[f"memory_{told['level']}_ms"] is None and not told["deaths"]:
        return "not reached"
    if not wanted:
        if mine or told["others_died"]:
            return "wrong"
        return "kernel" if told["kernel_kills"] else "right"
    if told["kernel_kills"] and (not mine or (by_kernel and by_kernel[0]["ms"] <= mine[0]["ms"])):
        return "kernel"
    if any(death["role"] != "hog" for death in mine) or told["others_died"]:
        return "wrong"
    if told["kernel_kills"]:
        return "kernel"
    return "right" if mine else "none"


class Trials:
    def __init__(self, plan):
        self.plan, self.grounds, self.log = plan, Grounds(), KernelLog()

    def run_all(self):
        for name, job_name, number in self.plan["trials"]:
            print("BEGIN " + json.dumps([name, job_name, number]), flush=True)
            longest = 300 + (self.plan["idle_seconds"] if job_name == "idle" else 0)
            faulthandler.dump_traceback_later(longest, file=sys.stdout)  # where it is, if it hangs
            told = {"watchdog": name, "job": job_name, "trial": number}
            try:
                told |= self.one(WATCHDOGS[name](), job_name)
            except Exception as error:  # the next may work
                told |= {"verdict": "broken", "why": f"{type(error).__name__}: {error}"}
                self.clean_up()
            print("RESULT " + json.dumps(told), flush=True)

    def one(self, watchdog, job_name):
        wanted = job(job_name)
        if wanted.get("only", watchdog.level) != watchdog.level:
            return {"verdict": "not applicable"}
        grounds = self.grounds
        grounds.stand_by()
        grounds.set_swap(wanted.get("swap", "none"))
        Path("/proc/sys/vm/drop_caches").write_text("3")
        grounds.set_room(wanted.get("room_mib"))
        grounds.clear_board()
        phases = [time.monotonic()]
        watchdog.start()
        phases.append(time.monotonic())
        try:
            if "tmpfs_left_mib" in wanted:
                self.mount_tmpfs(wanted)
            started = self.start_job(wanted, watchdog)
            phases.append(time.monotonic())
            told = self.watch(wanted, watchdog)
            phases.append(time.monotonic())
            told["journal"] = watchdog.journal() if isinstance(watchdog, Jobward) else None
            told["level"] = watchdog.level
            told["verdict"] = "right" if not wanted["processes"] and not told["deaths"] else verdict(told, wanted["processes"] and job_name != "tmpfs")
            crossed = told[f"both_{watchdog.level}_ms"]
            if told["deaths"] and told[f"memory_{watchdog.level}_ms"] is not None:
                told["after_low_ms"] = round(told["deaths"][0]["ms"] - told[f"memory_{watchdog.level}_ms"], 1)
            if told["deaths"] and crossed is not None:
                told["reaction_ms"] = round(told["deaths"][0]["ms"] - crossed, 1)
                told["safe_ms"] = round(told["last_low_ms"] - crossed, 1)
        finally:
            self.clean_up()
            whole_life = watchdog.stop()
        told["cpu_seconds_in_all"] = whole_life
        phases.append(time.monotonic())
        told["phase_seconds"] = [round(b - a, 1) for a, b in zip(phases, phases[1:])]  # start, job, watch, end
        for process in started:
            process.wait()
        return told

    @staticmethod
    def mount_tmpfs(wanted):
        place = RUN / "tmpfs"
        place.mkdir(exist_ok=True)
        size = meminfo()["MemAvailable"] - sum(each.get("mib", 0) for each in wanted["processes"]) - wanted["tmpfs_left_mib"]
        run("mount", "-t", "tmpfs", "-o", f"size={size}M", "bench", place)

    def start_job(self, wanted, watchdog):
        started = []
        for process in wanted["processes"]:
            argv, options = process["argv"], watchdog.guard if process.get("role") == "guarded" else ()
            if wanted.get("many") and watchdog.managed and process.get("role") != "innocent":
                argv = [f"{BIN}/jobward", "run", "--quiet", "--no-limit", "--no-time", "--", *argv]
            started.append(self.grounds.scope(argv, "trial.slice", *options, stderr=subprocess.PIPE,
                                              env={**os.environ, "JOBWARD_STATE_DIR": str(RUN / "state")}))

        def ready():
            for process in started:
                if process.poll() is not None:
                    raise RuntimeError(f"a process of the job ended before the start: {process.stderr.read()!r}")
            there = list(self.grounds.entries())
            return len(there) == len(started) and all(
                sum(filled for role, _, filled in there if role == process["role"]) >= process["mib"]
                for process in wanted["processes"] if "mib" in process)
        until(ready, 120, "the job's processes")
        return started

    def watch(self, wanted, watchdog):
        self.log.victims()
        time.sleep(0.3)
        before, killed, cost = others(), vmstat("oom_kill"), watchdog.cost()
        options = ["--whole"] if wanted.get("whole") else ["--done-ms", wanted.get("done_ms", 0)]
        seconds = self.plan["idle_seconds"] if wanted.get("whole") else wanted.get("seconds", 120)
        told = json.loads(run(f"{BIN}/bench-arena", BOARD, "--seconds", seconds, "--term", TERM, "--kill", KILL, *options))
        try:
            cost_after = watchdog.cost()
        except OSError as error:
            cost_after = {"error": str(error)}
        after, by_kernel = others(), self.log.victims()
        ours = {pid for _, pid, _ in self.grounds.entries()}
        for death in told["deaths"]:
            death["by_kernel"] = death["pid"] in by_kernel
        # What systemd starts and ends by itself is nobody's victim; jobward's supervisor ends with its job.
        passing = ("systemd-run", "jobward", "(sd-", "systemd-tmpfile")
        users_manager = "systemd"  # ends some seconds after the last session; process 1 has the same name, and stays
        gone = [(pid, name) for pid, name in before.items() if pid not in after and pid not in ours
                and pid not in cost.get("pids", ()) and not name.startswith(passing) and name != users_manager]
        told["others_died"] = [name for pid, name in gone if pid not in by_kernel]
        told["kernel_killed_others"] = [name for pid, name in gone if pid in by_kernel]
        told["watchdog_died"] = bool(cost) and cost.get("pids") != cost_after.get("pids")
        told["kernel_kills"] = vmstat("oom_kill") - killed
        told["cost"], told["cost_after"] = cost, cost_after
        return told

    def clean_up(self):
        for _ in range(200):
            left = [pid for pid, name in others().items() if name in ("bench-hog", "bench-guarded")]
            if not left:
                break
            for pid in left:
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
        if os.path.ismount(RUN / "tmpfs"):
            run("umount", RUN / "tmpfs")


# -- the time that one look at all processes takes

def cpu_of(argv, **options):
    """Its output and the CPU seconds of it."""
    with open(RUN / "out", "w+") as out:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, **options)
        _, status, used = os.wait4(process.pid, 0)
        out.seek(0)
        return out.read(), used.ru_utime + used.ru_stime, os.waitstatus_to_exitcode(status)


def scan_earlyoom(seconds):
    """In a dry run with thresholds of 99 % it looks for a victim at each tick, and tells how long that took."""
    text, cpu, _ = cpu_of(["timeout", str(seconds), "earlyoom", "--dryrun", "-d", "-r", "0", "-m", "99,99"])
    times = [float(ms) for ms in re.findall(r"selecting victim took ([\d.]+) ms", text)]
    if not times:
        return {"error": text[-500:]}
    return {"scan_ms": round(statistics.median(times), 2), "cpu_ms": round(cpu * 1000 / len(times), 2), "scans": len(times)}


def scan_jobward(rounds=8):
    """--once that would act, less --once that has nothing to do: the CPU time of finding the victim."""
    out, wrong = {}, []
    for name, percent, expected in (("acts", "99%", 1), ("idle", "0", 0)):
        argv = [f"{BIN}/jobward-watchdog", "--once", "--dry-run", "--state-dir", str(RUN / "scan"), "--memory-warn", "99%",
                "--memory-term", percent, "--memory-kill", percent]
        values = []
        for _ in range(rounds):
            text, cpu, status = cpu_of(argv)
            begun = time.monotonic()
            if status != expected:
                wrong.append(f"status {status} from {' '.join(argv)}: {text[-300:]}")
            values.append(cpu * 1000)
            time.sleep(max(0, 0.05 - (time.monotonic() - begun)))
        out[name] = statistics.median(values)
    if wrong:
        return {"error": wrong[0]}
    return {"cpu_ms": round(out["acts"] - out["idle"], 2), "acts_ms": round(out["acts"], 2), "idle_ms": round(out["idle"], 2)}


def scans(plan):
    run("swapoff", "-a", check=False)  # free swap would be room
    for count in plan["scan"]:
        print("BEGIN " + json.dumps(["scan", "", count]), flush=True)
        process = grounds_free_scope(["systemd-run", "--scope", "--quiet", "--collect", "-p", "TasksMax=infinity", "--",
                                      f"{BIN}/bench-sleepers", str(count)])
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the sleepers did not start")
        time.sleep(1)
        for name in plan["scan_watchdogs"]:
            told = scan_earlyoom(12) if name == "earlyoom" else scan_jobward()
            print("RESULT " + json.dumps({"scan": name, "processes": count, **told}), flush=True)
        process.kill()
        process.wait()
        until(lambda: len(others()) < 200, 120, "the sleepers' end")


def grounds_free_scope(argv):
    RUN.mkdir(parents=True, exist_ok=True)

    def as_job():  # ours is -1000
        Path("/proc/self/oom_score_adj").write_text("0")
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=as_job)


def growth(plan):
    """The watchdog's own test of many ticks, for which it has a seam: the command is the caller's."""
    print("BEGIN " + json.dumps(["growth", "", 0]), flush=True)
    RUN.mkdir(parents=True, exist_ok=True)
    text, cpu, status = cpu_of(["/bin/sh", "-c", plan["growth"]])
    print("RESULT " + json.dumps({"growth": plan["growth"], "status": status, "cpu_seconds": round(cpu, 2), "output": text[-4000:]}),
          flush=True)


def main():
    plan = json.loads(Path(sys.argv[1]).read_text())
    ctypes.CDLL(None).mlockall(3)
    Path("/proc/self/oom_score_adj").write_text("-1000")
    versions = run("dpkg-query", "-W", "-f", "${Package} ${Version}\\n", "earlyoom", "nohang", "systemd-oomd", check=False)
    print("RESULT " + json.dumps({"machine": {"kernel": os.uname().release, "memory_mib": meminfo()["MemTotal"],
                                              "packages": versions.split("\n")[:-1]}}), flush=True)
    if plan["scan"]:
        scans(plan)
    if plan.get("growth"):
        growth(plan)
    if plan["trials"]:
        if plan["warm_up"]:
            run(f"{BIN}/bench-hog", "--mib", meminfo()["MemAvailable"] * 9 // 10, "--exit")
        trials = Trials(plan)
        try:
            trials.run_all()
        finally:  # or whoever reads what we print waits for them
            trials.grounds.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())
