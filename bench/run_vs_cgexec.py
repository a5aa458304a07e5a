#!/usr/bin/env python3
"""What a run under Jobward costs, side by side with the cgroup tools, in one run and in turns:

    bare      /bin/true
    jobward   jobward run --quiet -- /bin/true: limits, measuring and the durable record included
    cgexec    cgcreate -g memory,pids:NAME, cgexec -g memory,pids:NAME /bin/true, and a cgdelete -g
              CONTROLLER:NAME for each controller (one with a list removes only the first)

Needs root (for cgcreate) and the release build. Only the ratios of one run count.
"""

import argparse
import json
import os
import statistics
from pathlib import Path

import measure

CONTROLLERS = ("memory", "pids")
TRUE = "/bin/true"


class CgroupTools:
    """The peer: a new cgroup for each run. `name` is unique, and the directories are gone after each round."""

    def __init__(self, name, environment, null):
        hint = "apt-get install cgroup-tools"
        self.create = measure.program("cgcreate", hint)
        self.execute = measure.program("cgexec", hint)
        self.delete = measure.program("cgdelete", hint)
        self.name = name
        self.environment = environment
        self.null = null
        # One entry per hierarchy: on version 2, or where both are mounted together, one cgdelete is all.
        self.directories = {}
        for controller in CONTROLLERS:
            mount = controller_mount(controller)
            if mount not in self.directories.values():
                self.directories[controller] = mount
        self.directories = {controller: mount / name for controller, mount in self.directories.items()}

    def run_once(self):
        group = f"{','.join(CONTROLLERS)}:{self.name}"
        self._run([self.create, "-g", group])
        self._run([self.execute, "-g", group, TRUE])
        for controller in self.directories:
            self._run([self.delete, "-g", f"{controller}:{self.name}"])

    def assert_gone(self):
        left = [str(path) for path in self.directories.values() if path.exists()]
        if left:
            raise measure.Failure(f"cgdelete left behind: {' '.join(left)}")

    def remove(self):
        """For the way out after a failure. The directories are empty: /bin/true has ended."""
        for path in self.directories.values():
            if path.exists():
                path.rmdir()

    def _run(self, argv):
        measure.run(argv, self.environment, self.null)


def controller_mount(controller):
    """Where a controller is mounted: its version 1 hierarchy, else the version 2 tree that offers it."""
    version2 = None
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ", 1)
        point = Path(before.split()[4])
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup" and controller in options.split(","):
            return point
        if kind == "cgroup2" and controller in (point / "cgroup.controllers").read_text().split():
            version2 = point
    if version2 is None:
        raise measure.Failure(f"no cgroup hierarchy with the {controller} controller is mounted")
    return version2


def check_recorded(jobward, environment, null, scratch):
    """One run beforehand: the record must really be made, or the comparison would flatter."""
    result = scratch / "result.json"
    measure.run([jobward, "run", "--quiet", "--result", str(result), "--", TRUE], environment, null)
    fields = json.loads(result.read_text())
    if fields.get("recorded") is not True:
        raise measure.Failure("jobward did not record its run")
    return fields.get("enforcement", {}).get("memory")


def compare(options, scratch, null):
    environment = {**os.environ, "JOBWARD_STATE_DIR": str(scratch / "state")}
    (scratch / "state").mkdir(mode=0o700)
    jobward = measure.jobward_binary(options.jobward)
    enforcement = check_recorded(jobward, environment, null, scratch)
    tools = CgroupTools(f"jobward-bench-{os.getpid()}", environment, null)
    tools.assert_gone()

    def with_jobward():
        measure.run([jobward, "run", "--quiet", "--", TRUE], environment, null)

    def bare():
        measure.run([TRUE], environment, null)

    subjects = {"bare": bare, "jobward": with_jobward, "cgexec": tools.run_once}
    try:
        samples = measure.interleaved(subjects, options.rounds, options.warm_up, after_round=tools.assert_gone)
    finally:
        tools.remove()
    return report(samples, enforcement)


def report(samples, enforcement):
    summaries = {name: measure.summary(values) for name, values in samples.items()}
    medians = {name: numbers["median_ms"] for name, numbers in summaries.items()}
    in_pairs = [own / peer for own, peer in zip(samples["jobward"], samples["cgexec"])]
    return {
        "schema_version": 1,
        "rounds": len(samples["jobward"]),
        "memory_enforcement": enforcement,
        "subjects": summaries,
        "ratios": {
            "jobward_to_cgexec": round(medians["jobward"] / medians["cgexec"], 3),
            "jobward_to_cgexec_mean": round(summaries["jobward"]["mean_ms"] / summaries["cgexec"]["mean_ms"], 3),
            "jobward_to_cgexec_in_pairs": round(statistics.median(in_pairs), 3),
            "jobward_to_cgexec_p95": round(
                summaries["jobward"]["p95_ms"] / summaries["cgexec"]["p95_ms"], 3
            ),
            "jobward_to_bare": round(medians["jobward"] / medians["bare"], 3),
            "cgexec_to_bare": round(medians["cgexec"] / medians["bare"], 3),
        },
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200, metavar="N", help="measured rounds (default 200)")
    parser.add_argument("--warm-up", type=int, default=10, metavar="N", help="rounds before them (default 10)")
    parser.add_argument("--jobward", metavar="FILE", help="the binary (default build/release/bin/jobward)")
    parser.add_argument("--max-ratio", type=float, metavar="R", help="exit 1 if jobward/cgexec is above this")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if options.rounds < 1 or options.warm_up < 0:
        parser.error("--rounds must be at least 1 and --warm-up at least 0")
    with measure.scratch_directory() as scratch, measure.null_device() as null:
        result = compare(options, scratch, null)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"{result['rounds']} rounds in turns; jobward's memory limit held by: {result['memory_enforcement']}")
        measure.print_summaries(result["subjects"])
        for name, ratio in result["ratios"].items():
            print(f"{name.replace('_', ' '):32} {ratio:8.3f}")
    ratio = result["ratios"]["jobward_to_cgexec"]
    if options.max_ratio is not None and ratio > options.max_ratio:
        raise measure.Failure(f"jobward to cgexec is {ratio}, above {options.max_ratio}")
    return 0


if __name__ == "__main__":
    measure.main_guard(main)
