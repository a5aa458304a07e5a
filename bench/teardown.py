#!/usr/bin/env python3
"""How long it takes to end a job of many processes: Jobward at its wall limit, against cgroup.kill by itself.

    bench/teardown.py [--processes 1000] [--rounds 10] [--jobward FILE]

jobward: the main process of a job that has started N others exits; from that moment to the exit of jobward
(which by then has killed them, measured, removed the cgroups and recorded the run). The peer: N processes in a
cgroup v2 directory, from the write of 1 to cgroup.kill until the directory can be removed and all are reaped.
In turns; needs root and a cgroup v2 tree (a hybrid host's will do). Only the ratios of one run count.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import measure

# Forks N sleepers, notes the time and exits. CLOCK_MONOTONIC is the same for all processes.
JOB = r"""
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char** argv) {
  for (int i = atoi(argv[1]); i > 0; --i)
    if (fork() == 0) for (;;) pause();
  struct timespec now;
  FILE* notes = fopen(argv[2], "w");
  if (argc < 3 || notes == NULL) return 1;
  clock_gettime(CLOCK_MONOTONIC, &now);
  fprintf(notes, "%ld.%09ld\n", (long)now.tv_sec, now.tv_nsec);
  fclose(notes);
  if (argc > 3) pause();
  return 0;
}
"""


def v2_mount():
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ", 1)
        if after.startswith("cgroup2 "):
            return Path(before.split()[4])
    raise measure.Failure("no cgroup v2 tree is mounted")


def under_jobward(jobward, job, processes, notes, environment):
    done = subprocess.run([jobward, "run", "--quiet", "--", job, str(processes), notes], env=environment, check=False)
    ended = time.clock_gettime(time.CLOCK_MONOTONIC)
    if done.returncode != 0:
        raise measure.Failure(f"exit status {done.returncode} from jobward")
    return 1000 * (ended - float(Path(notes).read_text()))


def by_cgroup_kill(job, processes, notes):
    group = v2_mount() / f"jobward-bench-{uuid.uuid4().hex}"
    group.mkdir()
    Path(notes).unlink(missing_ok=True)
    try:
        def enter():
            (group / "cgroup.procs").write_text("0")
        main = subprocess.Popen([job, str(processes), notes, "stay"], preexec_fn=enter)
        while not Path(notes).exists() or not Path(notes).read_text().endswith("\n"):
            time.sleep(0.001)
        began = time.clock_gettime(time.CLOCK_MONOTONIC)
        (group / "cgroup.kill").write_text("1")
        main.wait()
        while "populated 1" in (group / "cgroup.events").read_text():
            time.sleep(0.0005)
        group.rmdir()
        return 1000 * (time.clock_gettime(time.CLOCK_MONOTONIC) - began)
    finally:
        if group.exists():
            (group / "cgroup.kill").write_text("1")
            while "populated 1" in (group / "cgroup.events").read_text():
                time.sleep(0.001)
            group.rmdir()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=1000, metavar="N")
    parser.add_argument("--rounds", type=int, default=10, metavar="N")
    parser.add_argument("--jobward", metavar="FILE", help="the binary (default build/release/bin/jobward)")
    parser.add_argument("--job", metavar="FILE", help="the job, already compiled (where there is no compiler)")
    parser.add_argument("--compile-only", metavar="FILE", help="compile the job to FILE and end")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    with tempfile.TemporaryDirectory() as name:
        job = options.job or options.compile_only or f"{name}/job"
        if not options.job:
            subprocess.run(["cc", "-O2", "-static", "-x", "c", "-", "-o", job], input=JOB, text=True, check=True)
        if options.compile_only:
            return 0
        jobward = measure.jobward_binary(options.jobward)
        environment = {**os.environ, "JOBWARD_STATE_DIR": f"{name}/state"}
        samples = {"jobward": [], "cgroup.kill": []}
        for _ in range(options.rounds):
            samples["jobward"].append(under_jobward(jobward, job, options.processes, f"{name}/notes", environment))
            samples["cgroup.kill"].append(by_cgroup_kill(job, options.processes, f"{name}/notes"))
        summaries = {who: measure.summary(values) for who, values in samples.items()}
        ratio = statistics.median(samples["jobward"]) / statistics.median(samples["cgroup.kill"])
        if options.json:
            print(json.dumps({"processes": options.processes, "subjects": summaries, "ratio": ratio}, indent=2))
        else:
            measure.print_summaries(summaries)
            print(f"jobward to cgroup.kill, {options.processes} processes: {ratio:.2f}")
    return 0


if __name__ == "__main__":
    measure.main_guard(main)
