"""power_cut.py hold | check: a run held at each fault point, then the power goes; what the next boot finds.

Each has a state directory of its own on the disk. `hold` says ALL HELD and waits for the cut; nothing is synced
but what jobward syncs itself. `check` fails with a line for each record that is not what it must be.
"""

import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, "/ground/tests/cases")
import crashes
from crashes import LOST, NOTHING, OK, POINTS

DISK, MARKS, JOBWARD = "/disk/power-cut", "/tmp/marks", os.environ["JOBWARD_BINARY"]
SLEEP = "/usr/bin/sleep"
SMALL = ("--mem", "12M")  # all of them fit at once
GROWN = ("/bin/sh", "-c", "[ $JOBWARD_ATTEMPT = 1 ] || exit 0; exec dd if=/dev/zero of=/dev/null bs=24M count=1")
SECONDS = 90


def home(scenario, point):
    return f"{DISK}/{scenario}-{point}"


def start(scenario, point, *arguments, hold=True, **options):
    """A jobward command with that state directory; its streams go nowhere."""
    directory = home(scenario, point)
    environment = {**os.environ, "JOBWARD_STATE_DIR": f"{directory}/state", "JOBWARD_CONFIG": f"{DISK}/config.toml"}
    if hold:
        environment |= {"JOBWARD_FAULT": f"hold:{point}", "JOBWARD_FAULT_MARK": f"{MARKS}/{scenario}-{point}"}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    os.makedirs(directory, exist_ok=True)
    return subprocess.Popen([JOBWARD, *arguments], env=environment, cwd=directory, **{**streams, **options})


def run(scenario, point, command, *options, name=None, hold=True, **popen):
    return start(scenario, point, "run", "--name", name or point, *options, "--", *command, hold=hold, **popen)


def until(condition, what):
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"waited in vain until {what}")
        time.sleep(0.02)


def is_held(scenario, point):
    return os.path.exists(f"{MARKS}/{scenario}-{point}")


def shell(scenario):
    return ["/bin/sh", "-c", crashes.JOBS.get(scenario, crashes.JOBS["going"]), SLEEP]


def finish(process):
    if process.wait(SECONDS) != 0:
        sys.exit(f"{process.args} ended with {process.returncode}")


# -- how a run gets to a point; what is not here is simply started

def queue(scenario, point):
    """Waits behind another that has most of the memory, which ends then."""
    share = ("--mem", os.environ["MOST"])
    first = run(scenario, point, ["/bin/sh", "-c", "echo > ready; until [ -e go ]; do sleep 0.1; done"],
                *share, name="first", hold=False)
    directory = home(scenario, point)
    until(lambda: os.path.exists(f"{directory}/ready"), "the first runs")
    waiting = run(scenario, point, ["true"], *share, stderr=subprocess.PIPE)
    waiting.stderr.readline()  # that it waits
    open(f"{directory}/go", "w").close()
    finish(first)
    until(lambda: is_held(scenario, point), f"{scenario}-{point} is held")


def reap(scenario, point):
    lost = run(scenario, point, shell("reap"), *SMALL, hold=False)
    until(lambda: os.path.exists(f"{home(scenario, point)}/left"), "the job runs")
    lost.kill()
    lost.wait()
    start(scenario, point, "reap")


def prune(scenario, point):
    finish(run(scenario, point, ["true"], *SMALL, hold=False))
    start(scenario, point, "history", "--prune", "--keep", "0s", "--keep-runs", "0")


def corrupt(scenario, point):
    finish(run(scenario, point, ["true"], *SMALL, hold=False))
    crashes.corrupt(f"{home(scenario, point)}/state/jobward.db")
    run(scenario, point, ["true"], *SMALL)


def learn(scenario, point):
    finish(run(scenario, point, ["true"], *SMALL, hold=False))
    if point != "importing":
        crashes.outdate(f"{home(scenario, point)}/state/jobward.db")
    start(scenario, point, *crashes.learning_command(point, home(scenario, point)))


def simply(scenario, point):
    options = {"retry": ("--retry-oom", "2"), "detached": ("--detach",), "ended": ("--on-end", "true")}
    command = GROWN if scenario == "retry" else shell(scenario)
    run(scenario, point, command, *SMALL, *options.get(scenario, ()))


WAYS = {"queue": queue, "reap": reap, "prune": prune, "corrupt": corrupt, "learn": learn}


def all_points():
    """Those that need all of the memory first."""
    points = [(scenario, point) for scenario in POINTS for point in POINTS[scenario]]
    return sorted(points, key=lambda pair: pair[0] != "queue")


def hold():
    # Else the file system writes its journal every 5 s by itself, and a sync that is missing goes unnoticed.
    subprocess.run(["mount", "-o", "remount,commit=300", "/disk"], check=True)
    os.makedirs(DISK)
    os.makedirs(MARKS)
    with open(f"{DISK}/config.toml", "w") as file:
        file.write('[admission]\nreserve = "1M"\n')
    estimate = json.loads(subprocess.run([JOBWARD, "estimate", "--json", "--", "true"], check=False,
                                         env={**os.environ, "JOBWARD_STATE_DIR": "/tmp/state"},
                                         capture_output=True).stdout)
    os.environ["MOST"] = f"{int(estimate['room']['available_bytes'] * 0.6) >> 20}M"
    for scenario, point in all_points():
        WAYS.get(scenario, simply)(scenario, point)
    left = lambda: [pair for pair in all_points() if not is_held(*pair)]
    end = time.monotonic() + SECONDS
    while left() and time.monotonic() < end:
        time.sleep(0.05)
    if left():
        sys.exit(f"not held: {left()}")
    print(f"ALL HELD: {len(all_points())}", flush=True)
    while True:
        time.sleep(1000)


# -- the next boot

def asked(scenario, point, *arguments):
    process = start(scenario, point, *arguments, hold=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output, errors = process.communicate(timeout=SECONDS)
    return process.returncode, output.decode(), errors.decode()


def faults(scenario, point):
    """What is wrong with one record, in words."""
    expected, first = POINTS[scenario][point], scenario == "queue"
    status, output, errors = asked(scenario, point, "history", "--json")
    if status != 0:
        return [f"history ended with {status}: {errors}"]
    rows = json.loads(output)["runs"]
    mine = [row for row in rows if row.get("name") == point]
    outcome = mine[0]["outcome"] if mine else NOTHING
    wrong = []
    if len(mine) > 1 or outcome != expected or any(row["state"] != "ended" for row in rows):
        wrong.append(f"{expected} was expected, not {rows}; {errors}")
    elif outcome == LOST and not (scenario == "reap" and point == "closed"):
        if not re.search("(?i)boot", mine[0]["cause"]):
            wrong.append(f"nothing of another boot in: {mine[0]['cause']}")
    if first and [row["outcome"] for row in rows if row.get("name") == "first"] != [OK]:
        wrong.append(f"the run before it is not on record: {rows}")
    status, _, errors = asked(scenario, point, "run", "--mem", "300M", "--no-wait", "--", "true")
    if status != 0:
        wrong.append(f"the next run ended with {status}: {errors}")
    health = crashes.integrity(f"{home(scenario, point)}/state/jobward.db")
    return wrong + ([] if health == "ok" else [f"the database: {health}"])


def check():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda pair: (pair, faults(*pair)), all_points()))
    for (scenario, point), wrong in found:
        print(f"{'FAIL' if wrong else 'PASS'} {scenario}-{point}", *wrong, sep="\n    ", flush=True)
    sys.exit(any(wrong for _, wrong in found))


if __name__ == "__main__":
    {"hold": hold, "check": check}[sys.argv[1]]()
