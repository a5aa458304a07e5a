#!/usr/bin/env python3
"""What it costs a job to begin with half of the memory it needs and to be given more, in turns:

    generous    --mem 2 x the need
    elastic     --mem 0.5 x the need, --elastic

The job fills its memory as fast as it can, in user mode, and holds nothing else up: the worst case. With --pace it
takes so many MiB a second. Every run must end `ok`, the elastic ones with raises. Nothing runs without a limit.
In the virtual machine (cgroup v2):

    tests/vm/ground.py exec small --binary build/release/bin/jobward --put bench:/root/bench --script FILE

with `python3 /root/bench/elastic_cost.py --jobward $(command -v jobward) --mib 300` in FILE.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile

import measure

FILL = """
import sys, time
mib, pace, kept = int(sys.argv[1]), float(sys.argv[2]), []
begin = time.monotonic()
if not pace:
    kept.append(b"\\1" * (mib << 20))
for done in range(8, mib + 1, 8) if pace else ():
    kept.append(b"\\1" * (8 << 20))
    time.sleep(max(0, begin + done / pace - time.monotonic()))
"""
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable


class Subject:
    def __init__(self, options, environment, null, scratch, name, limits):
        self.environment, self.null, self.result, self.raises = environment, null, f"{scratch}/{name}.json", []
        self.elastic = "--elastic" in limits
        self.command = [measure.jobward_binary(options.jobward), "run", "--quiet", *limits, "--result", self.result,
                        "--", PYTHON, "-I", "-S", "-c", FILL, str(options.mib), str(options.pace)]

    def __call__(self):
        measure.run(self.command, self.environment, self.null)
        with open(self.result) as file:
            result = json.load(file)
        raises = result.get("raises", [])
        if result["outcome"] != "ok" or bool(raises) != self.elastic:
            raise measure.Failure(f"{result['outcome']} with {len(raises)} raises: {result['cause']}")
        self.raises.append(len(raises))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=600, help="what the job needs (600; on a host 800 at most)")
    parser.add_argument("--pace", type=float, default=0, help="MiB a second (0: as fast as it can)")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--jobward", metavar="FILE", help="the binary (default build/release/bin/jobward)")
    options = parser.parse_args()
    with measure.null_device() as null, tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "JOBWARD_STATE_DIR": f"{scratch}/state"}
        limits = {"generous": ["--mem", f"{2 * options.mib}M"], "elastic": ["--mem", f"{options.mib // 2}M", "--elastic"]}
        subjects = {name: Subject(options, environment, null, scratch, name, limit) for name, limit in limits.items()}
        samples = measure.interleaved(subjects, options.rounds, 2)
    summaries = {name: measure.summary(values) for name, values in samples.items()}
    measure.print_summaries(summaries)
    print(f"elastic to generous: median {summaries['elastic']['median_ms'] / summaries['generous']['median_ms']:.3f}, "
          f"with {statistics.fmean(subjects['elastic'].raises):.1f} raises a run")
    return 0


if __name__ == "__main__":
    measure.main_guard(main)
