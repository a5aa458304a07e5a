#!/usr/bin/env python3
"""What the supervisor costs while a quiet job runs: its memory, its processor time, and how often it wakes up.

Starts `jobward run --quiet -- sleep N` and reads /proc of the supervisor (the process started) over an
interval in the middle of the run. Needs the release build.
"""

import argparse
import json
import os
import signal
import time
from pathlib import Path

import measure

SETTLE_SECONDS = 1.0  # start-up is not what is measured
SPARE_SECONDS = 3.0  # the job outlives the interval by this


class Process:
    """Counters of a process over all its threads."""

    def __init__(self, pid):
        self.directory = Path("/proc") / str(pid)

    def threads(self):
        return sorted((self.directory / "task").iterdir())

    def cpu_ticks_seconds(self):
        """utime + stime of the process, in steps of a clock tick (10 ms)."""
        # The name may hold anything, spaces and brackets included: fields are counted from the last ")".
        fields = (self.directory / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_scheduler_seconds(self):
        """Time on a processor as the scheduler counts it, in nanoseconds; None where it does not tell."""
        try:
            return sum(int((thread / "schedstat").read_text().split()[0]) for thread in self.threads()) / 1e9
        except FileNotFoundError:
            return None

    def counters(self):
        values = {
            "cpu_ticks_seconds": self.cpu_ticks_seconds(),
            "voluntary": self.switches("voluntary"),
            "nonvoluntary": self.switches("nonvoluntary"),
        }
        scheduler = self.cpu_scheduler_seconds()
        return values if scheduler is None else {**values, "cpu_scheduler_seconds": scheduler}

    def switches(self, kind):
        return sum(int(fields_of(thread / "status")[f"{kind}_ctxt_switches"]) for thread in self.threads())

    def memory_kibibytes(self):
        """Values of status and smaps_rollup in KiB. What a kernel does not offer is absent."""
        status = fields_of(self.directory / "status")
        values = {"rss": status["VmRSS"], "rss_peak": status["VmHWM"]}
        try:
            rollup = fields_of(self.directory / "smaps_rollup")
            values |= {
                "pss": rollup["Pss"],
                "private_dirty": rollup["Private_Dirty"],
                "private_clean": rollup["Private_Clean"],
            }
        except (FileNotFoundError, PermissionError):
            pass
        return {f"{name}_kib": int(value.split()[0]) for name, value in values.items()}

    def children(self):
        """Names of the child processes, or None where the kernel does not list them."""
        try:
            pids = " ".join((thread / "children").read_text() for thread in self.threads()).split()
            return sorted((Path("/proc") / pid / "comm").read_text().strip() for pid in pids)
        except FileNotFoundError:
            return None


def fields_of(path):
    """'Name:   value' lines as a dictionary."""
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}


def observe(process, seconds):
    """The differences of the counters over the interval, and the memory at its end."""
    # The threads counted must be the same at both ends, or a sum over them would go back.
    threads = process.threads()
    began = time.monotonic()
    before = process.counters()
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    used = {name: value - before[name] for name, value in process.counters().items()}
    if process.threads() != threads:
        raise measure.Failure("the supervisor's threads changed during the measurement")
    result = {
        "schema_version": 1,
        "interval_seconds": round(elapsed, 3),
        "threads": len(threads),
        "cpu_percent_of_core_from_ticks": round(100 * used["cpu_ticks_seconds"] / elapsed, 4),
        "voluntary_switches_per_second": round(used["voluntary"] / elapsed, 3),
        "nonvoluntary_switches_per_second": round(used["nonvoluntary"] / elapsed, 3),
        **process.memory_kibibytes(),
    }
    if "cpu_scheduler_seconds" in used:
        result["cpu_percent_of_core"] = round(100 * used["cpu_scheduler_seconds"] / elapsed, 4)
    children = process.children()
    if children is not None:
        # Other children than the job would be costs that the numbers above leave out.
        result["children"] = children
    return result


def job_of(processes, duration):
    """A job of so many processes that sleep."""
    if processes == 1:
        return [measure.program("sleep", "coreutils"), duration]
    others = f"for i in $(seq {processes - 1}); do sleep {duration} & done; exec sleep {duration}"
    return ["/bin/sh", "-c", others]


def measure_supervisor(options, scratch, null):
    environment = {**os.environ, "JOBWARD_STATE_DIR": str(scratch / "state")}
    (scratch / "state").mkdir(mode=0o700)
    jobward = measure.jobward_binary(options.jobward)
    duration = str(SETTLE_SECONDS + options.seconds + SPARE_SECONDS)
    argv = [jobward, "run", "--quiet", "--", *job_of(options.processes, duration)]
    pid = os.posix_spawn(jobward, argv, environment, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
    ended = False
    try:
        time.sleep(SETTLE_SECONDS)
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            raise measure.Failure("jobward ended before the measurement began")
        result = observe(Process(pid), options.seconds)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        ended = True
        if status != 0:
            raise measure.Failure(f"jobward ended with exit status {status}")
    finally:
        if not ended:
            # It forwards the signal to the job, so that neither is left behind.
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
    return result


def print_result(result):
    units = {"_kib": "KiB", "_percent_of_core": "%", "_from_ticks": "%", "_per_second": "/s", "_seconds": "s"}
    for name, value in result.items():
        if name == "schema_version":
            continue
        unit = next((unit for suffix, unit in units.items() if name.endswith(suffix)), "")
        print(f"{name:36} {value} {unit}".rstrip())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S", help="length of the interval (default 20)")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="of the job (default 1)")
    parser.add_argument("--jobward", metavar="FILE", help="the binary (default build/release/bin/jobward)")
    parser.add_argument("--max-rss", type=float, metavar="MIB", help="exit 1 if its memory is above this")
    parser.add_argument("--max-cpu", type=float, metavar="PERCENT", help="exit 1 if it takes more of a core")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if options.seconds <= 0:
        parser.error("--seconds must be above 0")
    with measure.scratch_directory() as scratch, measure.null_device() as null:
        result = measure_supervisor(options, scratch, null)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print_result(result)
    cpu = result.get("cpu_percent_of_core", result["cpu_percent_of_core_from_ticks"])
    if options.max_rss is not None and result["rss_kib"] > options.max_rss * 1024:
        raise measure.Failure(f"the supervisor's RSS is {result['rss_kib']} KiB, above {options.max_rss} MiB")
    if options.max_cpu is not None and cpu > options.max_cpu:
        raise measure.Failure(f"the supervisor takes {cpu} % of a core, above {options.max_cpu} %")
    return 0


if __name__ == "__main__":
    measure.main_guard(main)
