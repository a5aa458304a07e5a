#!/usr/bin/env python3
"""What a run of /bin/true costs under Jobward and under whatever peers this machine has, in one run and in turns:

    bare              /bin/true
    jobward           jobward run --quiet -- /bin/true, wherever it puts jobs here (`doctor`); with --delegated in a
                      scope that systemd has delegated to us: cgroup v2 without D-Bus
    systemd-run       systemd-run --scope --quiet /bin/true (with --user for a user)
    cgroup-tools      cgcreate, cgexec, cgdelete with memory and pids (root)
    bwrap             bwrap --ro-bind / / --dev /dev --proc /proc /bin/true

What is not installed or cannot work here is said and left out. In the virtual machine of the tests:

    tests/vm/ground.py exec systemd --binary build/release/bin/jobward --put bench:/root/bench --script FILE

with `python3 /root/bench/run_vs_peers.py --jobward $(command -v jobward) --rounds 50` in FILE, for root, and
`user-run` before it for a user. Only the ratios of one run count.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import measure

TRUE = "/bin/true"
ENTER_DELEGATED = """
set -e
own=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)
mkdir "$own/bench"
echo $$ > "$own/bench/cgroup.procs"
exec "$@"
"""


def works(argv, environment):
    """Whether a command can be used here; if not, its complaint goes to stderr."""
    tried = subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        print(f"left out: {' '.join(argv)}: {tried.stderr.strip()}", file=sys.stderr)
    return tried.returncode == 0


def cgroup_tools(environment, null):
    name = f"jobward-bench-{os.getpid()}"
    group = f"memory,pids:{name}"
    steps = [[measure.program("cgcreate", "cgroup-tools"), "-g", group],
             [measure.program("cgexec", "cgroup-tools"), "-g", group, TRUE]]
    version1 = Path("/sys/fs/cgroup/memory/memory.limit_in_bytes").exists()
    for controller in ("memory", "pids") if version1 else ("memory",):
        steps.append([measure.program("cgdelete", "cgroup-tools"), "-g", f"{controller}:{name}"])

    def run():
        for step in steps:
            measure.run(step, environment, null)
    return run


def subjects(options, environment, null):
    def command(*argv):
        return lambda: measure.run(list(argv), environment, null)

    jobward = measure.jobward_binary(options.jobward)
    out = {"bare": command(TRUE), "jobward": command(jobward, "run", "--quiet", "--", TRUE)}
    user = [] if os.geteuid() == 0 else ["--user"]
    if Path("/run/systemd/system").exists():
        systemd = [measure.program("systemd-run", "systemd"), *user, "--scope", "--quiet", TRUE]
        if works(systemd, environment):
            out["systemd-run"] = command(*systemd)
    if os.geteuid() == 0 and works(["cgcreate", "-h"], environment):
        out["cgroup-tools"] = cgroup_tools(environment, null)
    sandbox = ["/usr/bin/bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", TRUE]
    if os.access(sandbox[0], os.X_OK) and works(sandbox, environment):
        out["bwrap"] = command(*sandbox)
    return out


def compare(options, null):
    with tempfile.TemporaryDirectory() as state:
        environment = {**os.environ, "JOBWARD_STATE_DIR": state}
        chosen = subjects(options, environment, null)
        samples = measure.interleaved(chosen, options.rounds, options.warm_up)
    summaries = {name: measure.summary(values) for name, values in samples.items()}
    measure.print_summaries(summaries)
    for peer in chosen:
        if peer != "jobward":
            median = summaries["jobward"]["median_ms"] / summaries[peer]["median_ms"]
            mean = summaries["jobward"]["mean_ms"] / summaries[peer]["mean_ms"]
            print(f"jobward to {peer:14} median {median:6.2f}   mean {mean:6.2f}")


def delegated(options):
    """Starts this script again inside a scope that was delegated to us: there jobward needs no D-Bus."""
    user = [] if os.geteuid() == 0 else ["--user"]
    own = [sys.executable, __file__, "--rounds", str(options.rounds), "--warm-up", str(options.warm_up)]
    own += ["--jobward", options.jobward] if options.jobward else []
    return subprocess.run(["systemd-run", *user, "--scope", "--quiet", "-p", "Delegate=yes", "/bin/sh", "-c",
                           ENTER_DELEGATED, "sh", *own], check=False).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100, metavar="N", help="measured rounds (default 100)")
    parser.add_argument("--warm-up", type=int, default=5, metavar="N", help="rounds before them (default 5)")
    parser.add_argument("--jobward", metavar="FILE", help="the binary (default build/release/bin/jobward)")
    parser.add_argument("--delegated", action="store_true", help="from inside a delegated scope ")
    options = parser.parse_args()
    if options.delegated:
        return delegated(options)
    with measure.null_device() as null:
        compare(options, null)
    return 0


if __name__ == "__main__":
    measure.main_guard(main)
