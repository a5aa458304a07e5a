#!/usr/bin/env python3
"""How the time of a command grows with the store: `run`, `estimate`, `ps`, `history -n 20` and `why` with few runs
on record against many, in turns; then how large a run is in it, and what `history --prune` of nearly all costs.

The store is filled by jobward_fill_store (`cmake --build --preset bench`). Needs the release build too.
"""

import argparse
import json
import os
import subprocess
from pathlib import Path

import measure

TRUE = "/bin/true"
COMMAND = ("python3", "x.py", "--data", "f")
# What `estimate` may answer: fits, wait, refuse. Which one depends on the machine, not on what is timed.
VERDICTS = (0, 75, 77)
FEW = 100  # runs in the "empty" store: enough that every command has something to show


class Store:
    """A state directory, and what is asked of it. Asked from the directory that holds x.py and f."""

    def __init__(self, options, directory, runs, null):
        self.jobward, self.null = options.jobward, null
        self.environment = {**os.environ, "JOBWARD_STATE_DIR": str(directory)}
        directory.mkdir(mode=0o700)
        # What it prints must not mix with --json.
        done = subprocess.run([str(options.fill_store), str(runs), str(directory), *COMMAND],
                              stdout=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise measure.Failure(f"{options.fill_store} ended with exit status {done.returncode}")
        self.bytes = (directory / "jobward.db").stat().st_size

    def ask(self, *arguments, expected=(0,)):
        measure.run([self.jobward, *arguments], self.environment, self.null, expected=expected)

    def answer(self, *arguments, expected=(0,)):
        argv = [self.jobward, *arguments]
        answer = subprocess.run(argv, env=self.environment, stdout=subprocess.PIPE, check=False)
        if answer.returncode not in expected:
            raise measure.Failure(f"exit status {answer.returncode} from: {' '.join(argv)}")
        return answer.stdout

    def questions(self):
        """{command: what asks it}. The last run that was put into the store is the one asked about."""
        newest = json.loads(self.answer("history", "-n", "1", "--json"))["runs"][0]["run"]
        return {
            "run": lambda: self.ask("run", "--quiet", "--mem", "64M", "--", TRUE),
            "estimate": lambda: self.ask("estimate", "--", *COMMAND, expected=VERDICTS),
            "ps": lambda: self.ask("ps"),
            "history -n 20": lambda: self.ask("history", "-n", "20"),
            "why": lambda: self.ask("why", newest),
        }


def compare(options, scratch, null):
    if not os.access(options.fill_store, os.X_OK):
        raise measure.Failure(f"{options.fill_store} is not there: cmake --preset bench, cmake --build --preset bench")
    options.jobward, options.fill_store = measure.jobward_binary(options.jobward), options.fill_store.resolve()
    (scratch / "x.py").write_text("pass\n")
    (scratch / "f").write_bytes(b"x" * 1_000_000)
    os.chdir(scratch)
    stores = {"few": Store(options, scratch / "few", FEW, null),
              "many": Store(options, scratch / "many", options.runs, null)}
    behind = json.loads(stores["many"].answer("estimate", "--json", "--", *COMMAND, expected=VERDICTS))
    if behind["estimate"].get("runs", 0) == 0:
        raise measure.Failure("the estimate does not see the runs in the full store: nothing to compare")
    asked = {name: store.questions() for name, store in stores.items()}
    subjects = {f"{command}, {name}": question
                for name, questions in asked.items() for command, question in questions.items()}
    samples = measure.interleaved(subjects, options.rounds, options.warm_up)
    summaries = {name: measure.summary(values) for name, values in samples.items()}
    median = lambda command, store: summaries[f"{command}, {store}"]["median_ms"]
    return {
        "schema_version": 1,
        "runs_in_store": options.runs,
        "bytes_per_run": round((stores["many"].bytes - stores["few"].bytes) / (options.runs - FEW)),
        "subjects": summaries,
        "ratios": {command: round(median(command, "many") / median(command, "few"), 3) for command in asked["few"]},
        "prune": prune(stores["many"], options),
    }


def prune(store, options):
    """Removes nearly all, while runs begin and end beside it: what it takes, and how long the slowest of them took."""
    argv = [store.jobward, "history", "--prune", "--keep", "0s", "--keep-runs", "1"]
    beside = []
    pruning = subprocess.Popen(argv, env=store.environment, stdout=subprocess.PIPE)
    whole = measure.timed(lambda: keep_running(store, pruning, beside))
    text = pruning.communicate()[0].decode()
    if pruning.returncode != 0 or int(text.split()[0]) < options.runs // 2:
        raise measure.Failure(f"history --prune ended with {pruning.returncode}: {text}")
    return {"removed": int(text.split()[0]), "seconds": round(whole / 1000, 2), "runs_beside_it": len(beside),
            "slowest_run_beside_it_ms": round(max(beside, default=0), 1)}


def keep_running(store, pruning, beside):
    while pruning.poll() is None:
        beside.append(measure.timed(lambda: store.ask("run", "--quiet", "--mem", "64M", "--", TRUE)))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1_000_000, metavar="N", help="on record (default 1000000)")
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
    parser.add_argument("--max-ratio", type=float, metavar="R", help="exit 1 if many/few of any command is above this")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if options.runs < 10 * FEW or options.rounds < 1 or options.warm_up < 0:
        parser.error(f"--runs must be at least {10 * FEW}, --rounds at least 1, --warm-up at least 0")
    with measure.scratch_directory() as scratch, measure.null_device() as null:
        result = compare(options, scratch, null)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"{result['runs_in_store']:,} runs on record against {FEW}; {result['bytes_per_run']:,} bytes a run")
        measure.print_summaries(result["subjects"])
        for command, ratio in result["ratios"].items():
            print(f"{command:16} many to few {ratio:8.3f}")
        print("prune: " + ", ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in result["prune"].items()))
    worst = max(result["ratios"], key=result["ratios"].get)
    if options.max_ratio is not None and result["ratios"][worst] > options.max_ratio:
        raise measure.Failure(f"{worst}: many to few is {result['ratios'][worst]}, above {options.max_ratio}")
    return 0


if __name__ == "__main__":
    measure.main_guard(main)
