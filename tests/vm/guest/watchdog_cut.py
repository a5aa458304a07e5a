"""watchdog_cut.py hold | check: the power goes between the watchdog's signal and its outcome; what the next boot finds.

`hold`: two hogs that are killed and one that ignores SIGTERM; it says ALL HELD when that has its signal, and waits for
the cut. `check` fails with a line for each thing that is not as it must be: the journal is readable to its last
complete line, with all finished actions, and the next watchdog goes on with it.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

STATE, CONFIG, SEEN = Path("/disk/watchdog-cut"), "/disk/watchdog-cut.conf", Path("/disk/watchdog-cut.pid")
HOG, WATCHDOG = "/ground/bin/bench-hog", "/ground/bin/jobward-watchdog"
SECONDS = 90


def as_job():
    Path("/proc/self/oom_score_adj").write_text("0")


def start(*argv):
    return subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, preexec_fn=as_job)


def read_journal():
    """Events, and what is wrong with the bytes."""
    events, wrong = [], []
    for path in [*sorted(STATE.glob("journal.[0-9]"), reverse=True), *STATE.glob("journal")]:
        *lines, rest = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                events.append(json.loads(line))
            except ValueError:
                wrong.append(f"{path.name}:{number} is no JSON: {line[:100]!r}")
        if rest.strip(b"\0") and not rest.lstrip(b"\0").startswith(b"{"):
            wrong.append(f"{path.name} ends with what is no line: {rest.strip(bytes(1))[:100]!r}")
    return events, wrong


def until(condition, what):
    end = time.monotonic() + SECONDS
    while not (value := condition()):
        if time.monotonic() > end:
            sys.exit(f"waited in vain until {what}: {read_journal()}")
        time.sleep(0.02)
    return value


def of(name, pid=None):
    return [event for event in read_journal()[0] if event["event"] == name and pid in (None, event.get("victim", {}).get("pid"))]


def start_watchdog():
    before = len(of("start"))
    watchdog = start(WATCHDOG, "--config", CONFIG, "--state-dir", STATE)
    until(lambda: watchdog.poll() is not None or len(of("start")) > before, "the watchdog has started")
    if watchdog.poll() is not None:
        sys.exit(f"the watchdog ended with {watchdog.returncode}")
    return watchdog


def hold():
    # Else the file system writes its journal every 5 s by itself, and a sync that is missing goes unnoticed.
    subprocess.run(["mount", "-o", "remount,commit=300", "/disk"], check=True)
    subprocess.run(["swapoff", "-a"], check=False)
    for line in Path("/proc/swaps").read_text().splitlines()[1:]:
        subprocess.run(["swapoff", line.split()[0]], check=True)
    STATE.mkdir(mode=0o700)
    Path(CONFIG).write_text("memory_kill = 0\ngrace = 100s\n")
    os.chmod(CONFIG, 0o600)
    start_watchdog()
    total = int(Path("/proc/meminfo").read_text().split()[1]) >> 10
    for number in (1, 2):
        start(HOG).wait(SECONDS)
        until(lambda: len(of("outcome")) >= number, f"outcome {number} is there")
    held = start(HOG, "--ignore-term", "--until-free", total * 7 // 100)
    until(lambda: of("kill", held.pid), "the third is to be killed")
    if len(of("outcome")) != 2:
        sys.exit("it has an outcome already")
    print(f"ALL HELD: {len(read_journal()[0])} events", flush=True)
    while True:
        time.sleep(1000)


def check():
    events, wrong = read_journal()
    names = [event["event"] for event in events]
    print("after the cut:", ", ".join(f"{event['seq']} {event['event']}" for event in events))
    if names.count("kill") < 2 or names.count("outcome") != 2:
        wrong.append("two kills with their outcomes were there long before the cut")
    # It is flushed when memory is no longer low: a kill is not to wait for a disk.
    print("the kill in whose midst it was cut is", "there" if names.count("kill") == 3 else "lost, not having been flushed yet")
    if [event["seq"] for event in events] != list(range(1, len(events) + 1)):
        wrong.append("their numbers are not consecutive")
    if not wrong:
        watchdog = start_watchdog()
        watchdog.terminate()
        watchdog.wait(SECONDS)
        again, wrong = read_journal()
        if again[:len(events)] != events:
            wrong.append("the next watchdog has changed what was there")
        print("the next watchdog:", ", ".join(f"{event['seq']} {event['event']}" for event in again[len(events):]))
    print("\n".join(wrong) or "the journal is whole")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit({"hold": hold, "check": check}[sys.argv[1]]())
