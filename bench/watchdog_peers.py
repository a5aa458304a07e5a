#!/usr/bin/env python3
"""The watchdogs side by side, in a virtual machine with systemd: whom they kill, how soon, and at what cost.

    bench/watchdog_peers.py --watchdog earlyoom,nohang,systemd-oomd,jobward,jobward-kill \\
        --jobs fast,slow,children,fork,tmpfs,thrash,protected,ignores_term,ignores_term_holds,idle \\
        --trials 20 --out build/watchdog.jsonl                       runs what FILE does not hold yet, then the table
    bench/watchdog_peers.py --scan 1000,5000,10000 --watchdog earlyoom,jobward --out build/scan.jsonl
    bench/watchdog_peers.py --table build/watchdog.jsonl             the table alone, from these files

Nothing is killed or filled outside the virtual machine. Watchdogs: none, earlyoom, earlyoom-kill (both thresholds the
lower one), nohang, systemd-oomd, jobward, jobward-kill, jobward-bare (jobs not run by jobward). TERM at 10 %, KILL at
5 % of memory and of swap where that can be set; earlyoom-kill, systemd-oomd and jobward-kill act at 5 % only. What each
is told is in watchdog/guest.py, at its class; the rest is as its package has it.

Of each trial: who died, by whom (the kernel's log names its victims); the longest stall of two bystanders that tick
every 10 ms, one locked in memory and one not; `after low`: from when available memory first was at or below the
watchdog's first threshold to the first death; `reaction`: from when memory and swap both were, to the first victim's
death, memory given back (/proc/meminfo is read every 2 ms); `safe`: to when
memory was above the TERM threshold for good. Negative: it acted before swap was low, for instance by pressure.
CPU time, wake-ups (switches, voluntary or not) and memory are those of the watchdog's own processes.

The right victim of each job, beforehand:
    fast, fast_swap     the only hog, as fast as it can; without swap, and with 512 MiB of zram
    slow                the only hog, 20 MB/s
    children            any of the 70 children of 60 MB, or their job as a whole; never the innocent of 500 MB beside
    fork                any process of the job (each fills 64 MB and starts two more); never the innocent of 500 MB
    tmpfs               nobody: the memory is in a file of a tmpfs, and the largest process, of 500 MB, is innocent
    thrash              the only hog, which grows and writes all over; zram 512 MiB
    protected           the smaller hog: the larger one, of 1,200 MB, is protected by the watchdog's own means
    ignores_term        the only hog, fast; ignores SIGTERM
    ignores_term_holds  the same, which stops growing between the thresholds; only for those that send SIGTERM
    idle                nobody
In all but `children` and `idle` most of the memory is reserved for huge pages that nobody uses (a reservation has no
process, and MemTotal stays what it is): else most of a trial is spent on filling what matters to nobody. Sizes are for
4 GiB of memory and scale with it, but for the children's.
"""

import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/vm"))
import ground  # noqa: E402
from host import cache  # noqa: E402
from host.cache import GroundError  # noqa: E402

HERE = Path(__file__).resolve().parent / "watchdog"
PROGRAMS = ("hog", "bystander", "arena", "sleepers")
JOBS = ("fast", "fast_swap", "slow", "children", "fork", "tmpfs", "thrash", "protected", "ignores_term", "ignores_term_holds",
        "idle")
WATCHDOGS = ("none", "earlyoom", "earlyoom-kill", "nohang", "systemd-oomd", "jobward", "jobward-kill", "jobward-bare")
ZRAM = ("drivers/block/zram/zram", "mm/zsmalloc", "crypto/lzo-rle")
TRIAL_SECONDS = 600  # the most that one may take, with all that is done before and after it


def build(directory):
    """{name in the machine: program}: compiled static, so that they need nothing there."""
    out = {}
    for name in PROGRAMS:
        made = Path(directory) / name
        cache.run([os.environ.get("CXX", "c++"), "-std=c++20", "-O2", "-static", "-o", made, HERE / f"{name}.cpp"],
                  "a C++ compiler with static libraries is needed: apt-get install g++")
        out[f"bench-{name}"] = made
    return out | {"bench-guarded": out["bench-hog"]}


def executable(path, what):
    if not os.access(path, os.X_OK):
        raise GroundError(f"{what} is not there: {path}\nbuild it (cmake --build --preset release), or name it with an option")
    return str(Path(path).resolve())


def key(told):
    return told["watchdog"], told["job"], told["trial"]


def read(paths):
    for path in paths:
        for line in Path(path).read_text().splitlines():
            yield json.loads(line)


class Collector:
    """Appends each result to the file as it comes; knows what is there already."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.done = {key(told) for told in read([path]) if "job" in told and told["verdict"] not in ("broken", "not reached")} if self.path.exists() else set()

    def take(self, told):
        with open(self.path, "a") as file:
            file.write(json.dumps(told) + "\n")
        if "job" in told and told["verdict"] not in ("broken", "not reached"):
            self.done.add(key(told))


def boot(options, plan, programs, collector):
    """One machine for what is left of the plan."""
    factor = ground.time_factor()
    with ground.working_directory() as directory:
        (directory / "plan.json").write_text(json.dumps(plan))
        (directory / "script").write_text("exec /usr/bin/python3 -B /ground/bench/guest.py /ground/bench/plan.json\n")
        modules = cache.kernel() / "modules/kernel"
        trees = [(directory / "script", "/ground/script"), (HERE / "guest.py", "/ground/bench/guest.py"),
                 (directory / "plan.json", "/ground/bench/plan.json"),
                 *((modules / f"{name}.ko", f"/ground/modules/{Path(name).name}.ko") for name in ZRAM)]
        seconds = 600 + len(plan["trials"]) * TRIAL_SECONDS + len(plan["scan"]) * 300 + (3600 if plan["growth"] else 0)
        seconds += sum(plan["idle_seconds"] for _, job, _ in plan["trials"] if job == "idle")
        seconds *= factor
        arguments = argparse.Namespace(ground="systemd", binary=options.jobward, extra=list(programs.items()), put=[])
        payload = ground.make_payload(arguments, directory, "script", trees, script="/ground/script", total_seconds=seconds)
        silence = (TRIAL_SECONDS + (3600 if plan["growth"] else plan["idle_seconds"])) * factor
        bounds = ground.BOOT_SECONDS * factor, silence, seconds + 300
        current = None
        try:
            with ground.booted("systemd", directory, payload, flavour="peers", memory_mib=options.memory) as running:
                for line in ground.hear(running, bounds):
                    if isinstance(line, int):
                        if line != 0:
                            raise GroundError(f"the script in the machine ended with {line}")
                    elif line.startswith("BEGIN "):
                        current = json.loads(line[6:])
                    elif line.startswith("RESULT "):
                        told = json.loads(line[7:])
                        collector.take(told)
                        print(f"{time.strftime('%H:%M:%S')} {short(told)}", flush=True)
                        current = None
                    else:
                        print(f"           {line}", flush=True)
        except GroundError as error:
            # Ended from outside, that is no result.
            if current is None or current[0] in ("scan", "growth") or "terminating on signal" in str(error):
                raise
            # The machine went down in this trial: that is its result.
            told = dict(zip(("watchdog", "job", "trial"), current), verdict="machine lost", why=str(error)[-2000:])
            collector.take(told)
            print(short(told), flush=True)


def short(told):
    if "job" not in told:
        return json.dumps(told)
    stall = "/".join(f"{value:.0f}" for value in told.get("stall_ms", []))
    return (f"{told['watchdog']:14} {told['job']:18} {told['trial']:3} {told['verdict']:14} reaction {told.get('reaction_ms')} ms, "
            f"safe {told.get('safe_ms')} ms, stall {stall} ms, kernel {told.get('kernel_kills')} {told.get('why', '')[-600:]}")


def plan_of(options, collector):
    # In turns: what disturbs this machine for a while disturbs all of them.
    trials = [(watchdog, job, trial) for trial in range(options.trials) for job in options.jobs for watchdog in options.watchdog
              if job != "idle" or trial < options.idle_trials]
    return {"trials": [each for each in trials if each not in collector.done], "scan": options.scan,
            "scan_watchdogs": [name for name in options.watchdog if name in ("earlyoom", "jobward")],
            "growth": options.growth, "warm_up": options.warm_up, "idle_seconds": options.idle_seconds}


def measure(options):
    with tempfile.TemporaryDirectory(prefix="jobward-bench-") as directory:
        programs = build(directory)
        if any(name.startswith("jobward") for name in options.watchdog) or options.growth:
            programs["jobward-watchdog"] = executable(options.binary, "jobward-watchdog")
            executable(options.jobward, "jobward")
        else:
            options.jobward = None
        collector = Collector(options.out)
        plan = plan_of(options, collector)
        while plan["trials"] or plan["scan"] or plan["growth"]:
            left = len(plan["trials"])
            print(f"{left} trials to run", flush=True)
            boot(options, plan, programs, collector)
            plan = {**plan_of(options, collector), "scan": [], "growth": ""}
            if plan["trials"] and len(plan["trials"]) >= left:
                raise GroundError(f"no progress: {len(plan['trials'])} trials are broken; see {options.out}")


# -- the table

def median(values, digits=0):
    values = [value for value in values if value is not None]
    if not values:
        return "–"
    return f"{statistics.median(values):,.{digits}f}"


def delta(told, name):
    before, after = told.get("cost") or {}, told.get("cost_after") or {}
    return after[name] - before[name] if name in before and name in after else None


def table(paths):
    """Markdown. Medians; `right` counts trials."""
    groups, scan = collections.defaultdict(list), []
    latest = {}
    for told in read(paths):
        if "job" in told:
            latest[key(told)] = told
        elif "scan" in told:
            scan.append(told)
    for (watchdog, job, _), told in latest.items():
        if told["verdict"] not in ("not applicable", "broken", "not reached"):
            groups[job, watchdog].append(told)
    lines = ["| job | watchdog | trials | right | wrong | none | kernel first | stall ms (worst) | unlocked ms | after low ms | reaction ms | safe ms | CPU ms | wake-ups |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for job, watchdog in sorted(groups, key=lambda each: (JOBS.index(each[0]), WATCHDOGS.index(each[1]))):
        if job == "idle":
            continue
        told = groups[job, watchdog]
        count = collections.Counter(each["verdict"] for each in told)
        stalls = [each["stall_ms"][0] for each in told if each.get("stall_ms")]
        cpu = [delta(each, "cpu_us") for each in told]
        lines.append("| " + " | ".join([
            job, watchdog, str(len(told)), str(count["right"]), str(count["wrong"]), str(count["none"]),
            str(count["kernel"] + count["machine lost"]), f"{median(stalls)} ({max(stalls, default=0):,.0f})",
            median([each["stall_ms"][1] for each in told if len(each.get("stall_ms", [])) > 1]),
            median([each.get("after_low_ms") for each in told]), median([each.get("reaction_ms") for each in told]), median([each.get("safe_ms") for each in told]),
            median([value / 1000 for value in cpu if value is not None], 1),
            median([delta(each, "switches") for each in told])]) + " |")
    idle = [(watchdog, told) for (job, watchdog), told in groups.items() if job == "idle"]
    if idle:
        lines += ["", "| idle | seconds | CPU ms | wake-ups | a second | RSS kB at start, end | PSS kB at start, end | descriptors | stall ms |",
                  "|---|---|---|---|---|---|---|---|---|"]
        for watchdog, told in sorted(idle, key=lambda each: WATCHDOGS.index(each[0])):
            def both(name):
                return f"{median([(each['cost'] or {}).get(name) for each in told])}, {median([each['cost_after'].get(name) for each in told])}"
            cpu, switches = [delta(each, "cpu_us") for each in told], [delta(each, "switches") for each in told]
            rates = [value / each["seconds"] for value, each in zip(switches, told) if value is not None]
            lines.append("| " + " | ".join([watchdog, median([each["seconds"] for each in told]),
                                            median([value / 1000 for value in cpu if value is not None], 1), median(switches),
                                            median(rates, 2), both("rss_kib"), both("pss_kib"), both("descriptors"),
                                            median([each["stall_ms"][0] for each in told])]) + " |")
    if scan:
        lines += ["", "| scan | processes | CPU ms | what it says itself, ms |", "|---|---|---|---|"]
        lines += [f"| {each['scan']} | {each['processes']:,} | {each.get('cpu_ms', each.get('error'))} | {each.get('scan_ms', '–')} |"
                  for each in sorted(scan, key=lambda each: (each["processes"], each["scan"]))]
    return "\n".join(lines)


def names(allowed):
    def split(text):
        out = text.split(",")
        for name in out:
            if name not in allowed:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(allowed)}")
        return out
    return split


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--watchdog", type=names(WATCHDOGS), default=["earlyoom"], metavar="NAMES")
    parser.add_argument("--jobs", type=names(JOBS), default=[], metavar="NAMES")
    parser.add_argument("--trials", type=int, default=1, metavar="N")
    parser.add_argument("--out", default="build/watchdog_peers.jsonl", metavar="FILE", help="JSON lines; what it holds is not run again")
    parser.add_argument("--table", nargs="+", metavar="FILE", help="only prints the table of these")
    parser.add_argument("--idle-seconds", type=float, default=600, metavar="N")
    parser.add_argument("--idle-trials", type=int, default=1, metavar="N")
    parser.add_argument("--memory", type=int, default=4096, metavar="MIB", help="of the machine (4096)")
    parser.add_argument("--warm-up", action="store_true",
                        help="fill all memory once before: the host gives a page slowly the first time (for many trials)")
    parser.add_argument("--scan", type=lambda text: [int(word) for word in text.split(",")], default=[], metavar="COUNTS",
                        help="time a scan with so many processes")
    parser.add_argument("--growth", default="", metavar="COMMAND",
                        help="runs this in the machine (shell), where `jobward-watchdog` is: its own test of many ticks")
    parser.add_argument("--binary", default=ROOT / "build/release/bin/jobward-watchdog", metavar="FILE", help="jobward-watchdog")
    parser.add_argument("--jobward", default=ROOT / "build/release/bin/jobward", metavar="FILE")
    options = parser.parse_args()
    if options.table:
        print(table(options.table))
        return 0
    try:
        measure(options)
    except (GroundError, OSError, subprocess.SubprocessError) as error:
        print(f"watchdog_peers.py: {error}", file=sys.stderr)
        return 125
    print(table([options.out]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
