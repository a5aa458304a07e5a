#!/usr/bin/env python3
"""What watchdogs cost on this machine while memory is plentiful, side by side in the same seconds.

    apt-get download earlyoom && dpkg -x earlyoom_*.deb /tmp/earlyoom          (nothing is installed)
    bench/watchdog_idle.py --earlyoom /tmp/earlyoom/usr/bin/earlyoom --seconds 600

The virtual machine of watchdog_peers.py is emulated, and most of what is measured there is the wake-up itself. Here
nothing is ended: each is a dry run, in a pid namespace of its own that shows it nothing but itself. Needs root for that. CPU time is the scheduler's (/proc/PID/task/*/schedstat, nanoseconds),
wake-ups are switches, voluntary or not.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APART = ["unshare", "--pid", "--fork", "--mount", "--mount-proc", "--kill-child"]


def commands(options, state):
    conf = Path(state) / "watchdog.conf"
    term, kill, level = "10%", "5%", ["-m", "10,5"]
    if options.headroom:  # so much before SIGTERM would go out, as on a smaller machine
        available = int(re.search(r"^MemAvailable:\s*(\d+)", Path("/proc/meminfo").read_text(), re.M)[1])  # KiB
        at_term = available - options.headroom * 1024
        # Of a machine on which nearly nothing is used the headroom is 80 to 90 per cent, and from SIGTERM to SIGKILL 5.
        at_kill = at_term - options.headroom * 64
        if at_kill <= 0:
            sys.exit(f"watchdog_idle: {available // 1024} MiB are available: --headroom has to be less than {available // 1088}")
        term, kill, level = f"{at_term}K", f"{at_kill}K", ["-M", f"{at_term},{at_kill}"]
    conf.write_text(f"state_directory = {state}/jobward\nmemory_warn = {term}\nmemory_term = {term}\nmemory_kill = {kill}\n")
    return {"earlyoom": [options.earlyoom, "--dryrun", "-r", "3600", *level, "-s", "10,5"],
            "jobward": [options.jobward, "--dry-run", "--config", str(conf)]}


def cost(pid):
    out = {"ns": 0, "switches": 0}
    for task in Path(f"/proc/{pid}/task").iterdir():
        out["ns"] += int((task / "schedstat").read_text().split()[0])
        out["switches"] += sum(map(int, re.findall(r"ctxt_switches:\s*(\d+)", (task / "status").read_text())))
    memory = Path(f"/proc/{pid}/smaps_rollup").read_text()
    for name in ("Rss", "Pss"):
        out[name] = int(re.search(rf"^{name}:\s*(\d+)", memory, re.M)[1])
    return out


def inside(options):
    with tempfile.TemporaryDirectory(prefix="jobward-idle-") as state:
        running = {}
        for name, command in commands(options, state).items():
            running[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                             stderr=subprocess.DEVNULL)
        time.sleep(3)  # what each does at its start does not count
        begun, before = time.monotonic(), {name: cost(process.pid) for name, process in running.items()}
        time.sleep(options.seconds)
        after, seconds = {name: cost(process.pid) for name, process in running.items()}, time.monotonic() - begun
        for process in running.values():
            process.terminate()
            process.wait(10)
    print(f"| | CPU us a second | wake-ups a second | RSS KiB | PSS KiB |  ({seconds:.0f} s)\n|---|---|---|---|---|")
    rate = {}
    for name in running:
        rate[name] = [(after[name][key] - before[name][key]) / seconds for key in ("ns", "switches")]
        print(f"| {name} | {rate[name][0] / 1000:.1f} | {rate[name][1]:.2f} | {after[name]['Rss']:,} | {after[name]['Pss']:,} |")
    print(f"jobward to earlyoom: CPU {rate['jobward'][0] / rate['earlyoom'][0]:.2f}, "
          f"wake-ups {rate['jobward'][1] / rate['earlyoom'][1]:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--earlyoom", default="/usr/bin/earlyoom", help="its program")
    parser.add_argument("--jobward", default=str(ROOT / "build/release/bin/jobward-watchdog"), help="our program")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--headroom", type=int, default=0, metavar="MIB",
                        help="thresholds so far below what is available; 0 (the default): at 10 and 5 per cent")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for path in (options.earlyoom, options.jobward):
        if not os.access(path, os.X_OK):
            sys.exit(f"watchdog_idle: {path} is not there; --earlyoom and --jobward name the programs")
    if options.inside:
        return inside(options)
    return subprocess.run([*APART, sys.executable, "-B", *sys.argv, "--inside"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
