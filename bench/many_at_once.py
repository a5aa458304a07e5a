#!/usr/bin/env python3
"""Many runs of /bin/true started at once: under Jobward, and with the cgroup tools, in turns.

    jobward         jobward run --quiet --mem 64M -- /bin/true: limits, admission, measuring, two durable commits
    cgroup tools    a shell that runs cgcreate, cgexec /bin/true and cgdelete, each in a cgroup of its own
    cgexec          only cgexec /bin/true, all into one cgroup that is there already

Every run of Jobward's must be on record as `ok`. Needs root (for cgcreate) and the release build.
"""

import argparse
import json
import os
import subprocess
from pathlib import Path

import measure
from run_vs_cgexec import CONTROLLERS, TRUE, CgroupTools

SIZE = "64M"  # of each; so many at once must fit, or waiting would be measured


def at_once(commands, environment, null):
    """Starts all, then waits for all. posix_spawn: this process must not be what is measured."""
    actions = [(os.POSIX_SPAWN_DUP2, null, 1)]
    left = {os.posix_spawn(argv[0], argv, environment, file_actions=actions): argv for argv in commands}
    failed = []
    while left:
        pid, status = os.wait()
        argv = left.pop(pid, None)
        if argv and status != 0:
            failed.append(f"{os.waitstatus_to_exitcode(status)} from {' '.join(argv)}")
    if failed:
        raise measure.Failure(f"{len(failed)} failed, the first with exit status {failed[0]}")


class Jobward:
    def __init__(self, options, scratch, null):
        self.binary, self.null, self.runs = measure.jobward_binary(options.jobward), null, options.runs
        self.state = scratch / "state"
        self.state.mkdir(mode=0o700)
        self.environment = {**os.environ, "JOBWARD_STATE_DIR": str(self.state)}
        measure.run([self.binary, "run", "--quiet", "--mem", SIZE, "--", TRUE], self.environment, null)
        self.expected = 1

    def round(self):
        at_once([[self.binary, "run", "--quiet", "--mem", SIZE, "--", TRUE]] * self.runs, self.environment, self.null)
        self.expected += self.runs

    def check(self):
        """All on record, all as they ended."""
        argv = [self.binary, "history", "--json", "-n", "1000000"]
        done = subprocess.run(argv, env=self.environment, stdout=subprocess.PIPE, check=True)
        outcomes = [run.get("outcome") for run in json.loads(done.stdout)["runs"]]
        if outcomes != ["ok"] * self.expected:
            raise measure.Failure(f"{self.expected} runs should be on record as ok, but {outcomes.count('ok')} are "
                                  f"of {len(outcomes)}")


class Peers:
    def __init__(self, runs, environment, null):
        self.environment, self.null = environment, null
        names = [f"jobward-bench-{os.getpid()}-{number}" for number in range(runs)]
        self.groups = [CgroupTools(name, environment, null) for name in names]
        self.ready = CgroupTools(f"jobward-bench-{os.getpid()}-ready", environment, null)
        create = [self.ready.create, "-g", f"{','.join(CONTROLLERS)}:{self.ready.name}"]
        measure.run(create, environment, null)

    def whole(self):
        shell = measure.program("sh", "dash")
        line = '"$0" -g "$3" && "$1" -g "$3" "$4" && delete=$2 && shift 4 && for at; do "$delete" -g "$at" || exit; done'
        commands = []
        for tools in self.groups:
            deletions = [f"{controller}:{tools.name}" for controller in tools.directories]
            group = f"{','.join(CONTROLLERS)}:{tools.name}"
            commands.append([shell, "-c", line, tools.create, tools.execute, tools.delete, group, TRUE, *deletions])
        at_once(commands, self.environment, self.null)

    def into_one(self):
        group = f"{','.join(CONTROLLERS)}:{self.ready.name}"
        at_once([[self.ready.execute, "-g", group, TRUE]] * len(self.groups), self.environment, self.null)

    def remove(self):
        for tools in (*self.groups, self.ready):
            tools.remove()


def compare(options, scratch, null):
    jobward = Jobward(options, scratch, null)
    peers = Peers(options.runs, dict(os.environ), null)
    subjects = {"jobward": jobward.round, "cgroup tools": peers.whole, "cgexec": peers.into_one}
    try:
        samples = measure.interleaved(subjects, options.rounds, options.warm_up, after_round=jobward.check)
    finally:
        peers.remove()
    summaries = {name: measure.summary(values) for name, values in samples.items()}
    medians = {name: numbers["median_ms"] for name, numbers in summaries.items()}
    return {
        "schema_version": 1,
        "runs_at_once": options.runs,
        "processors": len(os.sched_getaffinity(0)),
        "recorded": jobward.expected,
        "subjects": summaries,
        "ratios": {
            "jobward_to_cgroup_tools": round(medians["jobward"] / medians["cgroup tools"], 3),
            "jobward_to_cgexec": round(medians["jobward"] / medians["cgexec"], 3),
        },
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200, metavar="N", help="at once (default 200)")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="measured rounds (default 10)")
    parser.add_argument("--warm-up", type=int, default=1, metavar="N", help="rounds before them (default 1)")
    parser.add_argument("--jobward", metavar="FILE", help="the binary (default build/release/bin/jobward)")
    parser.add_argument("--max-ratio", type=float, metavar="R", help="exit 1 if jobward/cgroup tools is above this")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if options.runs < 1 or options.rounds < 1 or options.warm_up < 0:
        parser.error("--runs and --rounds must be at least 1 and --warm-up at least 0")
    with measure.scratch_directory() as scratch, measure.null_device() as null:
        result = compare(options, Path(scratch), null)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"{result['runs_at_once']} at once on {result['processors']} processors; {result['recorded']} on record")
        measure.print_summaries(result["subjects"])
        for name, ratio in result["ratios"].items():
            print(f"{name.replace('_', ' '):28} {ratio:8.3f}")
    ratio = result["ratios"]["jobward_to_cgroup_tools"]
    if options.max_ratio is not None and ratio > options.max_ratio:
        raise measure.Failure(f"jobward to the cgroup tools is {ratio}, above {options.max_ratio}")
    return 0


if __name__ == "__main__":
    measure.main_guard(main)
