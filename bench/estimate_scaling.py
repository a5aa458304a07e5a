#!/usr/bin/env python3
"""How the time of `jobward estimate` grows with the store: none against many runs in it, in turns.

The store is filled by jobward_fill_store (`cmake --build --preset bench`). Needs the release build too.
"""

import argparse
import json
import os
import subprocess
from pathlib import Path

import measure

# What `estimate` may answer: fits, wait, refuse. Which one depends on the machine, not on what is timed.
VERDICTS = (0, 75, 77)


class Store:
    """A state directory, and the question put to it. Asked from the directory that holds x.py and f."""

    COMMAND = ("python3", "x.py", "--data", "f")

    def __init__(self, jobward, directory):
        self.jobward = jobward
        self.environment = {**os.environ, "JOBWARD_STATE_DIR": str(directory)}

    def ask(self, null):
        argv = [self.jobward, "estimate", "--", *self.COMMAND]
        measure.run(argv, self.environment, null, expected=VERDICTS)

    def estimate(self):
        argv = [self.jobward, "estimate", "--json", "--", *self.COMMAND]
        answer = subprocess.run(argv, env=self.environment, stdout=subprocess.PIPE, check=False)
        if answer.returncode not in VERDICTS:
            raise measure.Failure(f"exit status {answer.returncode} from: {' '.join(argv)}")
        return json.loads(answer.stdout)["estimate"]


def fill(program, runs, directory):
    if not os.access(program, os.X_OK):
        raise measure.Failure(f"{program} is not there: cmake --preset bench, cmake --build --preset bench")
    # What it prints must not mix with --json.
    done = subprocess.run([str(program), str(runs), str(directory), *Store.COMMAND], stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise measure.Failure(f"{program} ended with exit status {done.returncode}")


def compare(options, scratch, null):
    jobward = measure.jobward_binary(options.jobward)
    fill_store = options.fill_store.resolve()
    (scratch / "x.py").write_text("pass\n")
    (scratch / "f").write_bytes(b"x" * 1_000_000)
    os.chdir(scratch)
    stores = {}
    for name, runs in (("empty", 0), ("full", options.runs)):
        directory = scratch / name
        directory.mkdir(mode=0o700)
        if runs > 0:
            fill(fill_store, runs, directory)
        stores[name] = Store(jobward, directory)
    seen = {name: store.estimate().get("runs", 0) for name, store in stores.items()}
    if seen["full"] == 0:
        raise measure.Failure("the estimate does not see the runs in the full store: nothing to compare")
    subjects = {name: lambda store=store: store.ask(null) for name, store in stores.items()}
    samples = measure.interleaved(subjects, options.rounds, options.warm_up)
    summaries = {name: measure.summary(values) for name, values in samples.items()}
    return {
        "schema_version": 1,
        "runs_in_store": options.runs,
        "runs_behind_estimate": seen,
        "subjects": summaries,
        "ratio": round(summaries["full"]["median_ms"] / summaries["empty"]["median_ms"], 3),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=100_000, metavar="N", help="in the full store (default 100000)")
    parser.add_argument("--rounds", type=int, default=100, metavar="N", help="measured rounds (default 100)")
    parser.add_argument("--warm-up", type=int, default=5, metavar="N", help="rounds before them (default 5)")
    parser.add_argument("--jobward", metavar="FILE", help="the binary (default build/release/bin/jobward)")
    parser.add_argument(
        "--fill-store",
        metavar="FILE",
        type=Path,
        default=measure.ROOT / "build/bench/bin/jobward_fill_store",
        help="what fills the store (default build/bench/bin/jobward_fill_store)",
    )
    parser.add_argument("--max-ratio", type=float, metavar="R", help="exit 1 if full/empty is above this")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if options.runs < 1 or options.rounds < 1 or options.warm_up < 0:
        parser.error("--runs and --rounds must be at least 1, --warm-up at least 0")
    with measure.scratch_directory() as scratch, measure.null_device() as null:
        result = compare(options, scratch, null)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        behind = result["runs_behind_estimate"]["full"]
        print(f"{result['runs_in_store']:,} runs in the full store, {behind:,} behind its estimate")
        measure.print_summaries(result["subjects"])
        print(f"full to empty {result['ratio']:.3f}")
    if options.max_ratio is not None and result["ratio"] > options.max_ratio:
        raise measure.Failure(f"full to empty is {result['ratio']}, above {options.max_ratio}")
    return 0


if __name__ == "__main__":
    measure.main_guard(main)
