"""watchdog_soak.py: hogs at random times and rates beside innocent bystanders, with our watchdog as the only protector.

From the environment: SOAK_HOGS (20), SOAK_SECONDS (60: in which they start), SOAK_SEED (1). No miss: the kernel's OOM killer
has not killed. No wrong kill: nobody died but hogs that grow without end. Each kill is in the journal, with its
outcome. Exit status 1, with a line for each fault, if not.
"""

import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

STATE, CONFIG = Path("/disk/watchdog-soak"), Path("/tmp/watchdog-soak.conf")
HOG, WATCHDOG = "/ground/bin/bench-hog", "/ground/bin/jobward-watchdog"
BYSTANDERS_MIB = (10, 30, 60)
HARMLESS_MIB = 40  # less than the largest bystander: never the largest
ROOM_MIB = 380  # what hogs may fill; more takes longer, and shows nothing more
MOST_AT_ONCE = 3  # so that one of them is the largest when memory is low, also on a slow machine
CODE_OF_A_KILL_KB = 128  # measured: 0
PATIENCE = 120  # seconds that a hog which grows without end may live

Hog = collections.namedtuple("Hog", "at rate harmless ignores_term")


def plan(count, seconds, seed):
    draw = random.Random(seed)
    hogs = [Hog(draw.uniform(0, seconds), draw.choice((0, 0, round(2 ** draw.uniform(5, 9)))), draw.random() < 0.15,
                draw.random() < 0.2) for _ in range(count)]
    return sorted(hogs)


def meminfo(name):
    return int(re.search(rf"{name}:\s*(\d+)", Path("/proc/meminfo").read_text())[1]) >> 10


def kernel_kills():
    return int(re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.M)[1])


def as_job():
    Path("/proc/self/oom_score_adj").write_text("0")


def start(*argv, **options):
    return subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, preexec_fn=as_job, **options)


def journal(faults=None):
    """All events, oldest file first. Behind the last line feed of a file are zeros, or a line cut short."""
    files = [*sorted(STATE.glob("journal.[0-9]*"), key=lambda path: -int(path.suffix[1:])), *STATE.glob("journal")]
    events = []
    for path in files:
        *lines, _ = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                events.append(json.loads(line))
            except ValueError:
                if faults is not None:
                    faults.append(f"{path}:{number} is no JSON: {line[:120]!r}")
    return events


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"waited in vain for {what}")
        time.sleep(0.05)


def reserve_all_but(mib):
    """As huge pages that nobody uses: no process has that memory."""
    pages = max(0, (meminfo("MemAvailable") - meminfo("MemTotal") // 10 - mib) // 2)
    Path("/proc/sys/vm/nr_hugepages").write_text(str(pages))


class Soak:
    def __init__(self):
        self.alive, self.ended = {}, []  # pid: (process, hog, since)

    def start(self, hog):
        options = ["--mib", HARMLESS_MIB, "--exit"] if hog.harmless else []
        options += ["--rate", hog.rate] if hog.rate else []
        options += ["--ignore-term"] if hog.ignores_term else []
        process = start(HOG, *options)
        self.alive[process.pid] = process, hog, time.monotonic()

    def reap(self, faults):
        for pid, (process, hog, since) in list(self.alive.items()):
            if process.poll() is not None:
                self.ended.append((pid, hog, process.returncode))
                del self.alive[pid]
            elif time.monotonic() - since > PATIENCE:
                faults.append(f"{hog} lived for {PATIENCE} s, {meminfo('MemAvailable')} MiB available")
                process.kill()

    def run(self, hogs, faults):
        begun, waiting = time.monotonic(), list(hogs)
        while waiting or self.alive:
            self.reap(faults)
            while waiting and len(self.alive) < MOST_AT_ONCE and waiting[0].at <= time.monotonic() - begun:
                self.start(waiting.pop(0))
            time.sleep(0.02)
        return time.monotonic() - begun


def judge(soak, faults):
    """The hogs' ends against the journal."""
    events = journal(faults)
    kills = {event["seq"]: event for event in events if event["event"] == "kill"}
    outcomes = {event["action"] for event in events if event["event"] == "outcome"}
    victims = collections.Counter(event["victim"].get("pid") for event in kills.values())
    grown = {pid for pid, hog, _ in soak.ended if not hog.harmless}
    for pid, hog, status in soak.ended:
        if hog.harmless and status != 0:
            faults.append(f"a harmless one died ({status}): {hog}")
        elif not hog.harmless and status not in (-signal.SIGTERM, -signal.SIGKILL):
            faults.append(f"a hog ended by itself with {status}: {hog}")
        elif not hog.harmless and pid not in victims:
            faults.append(f"a hog died ({status}), and the journal has no kill of {pid}: {hog}")
    faults += [f"killed, and no hog: {event['victim']}" for event in kills.values() if event["victim"].get("pid") not in grown]
    faults += [f"a kill without its outcome: {seq}" for seq in kills if seq not in outcomes]
    sequence = [event["seq"] for event in events]
    if sequence != list(range(sequence[0], sequence[0] + len(sequence))):
        faults.append("the numbers of the events are not consecutive")
    counts = collections.Counter(f"{event['event']} {event['severity']}" for event in events)
    print("journal: " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    for event in events:
        if event["severity"] == "HARD_FAIL":
            print("  " + json.dumps(event)[:600])


def resources(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:.*?([0-9]+)", status)[1]), len(os.listdir(f"/proc/{pid}/fd"))


def check_growth(before, after, faults):
    """The first kill reads code that no look needed; after that nothing more is touched."""
    print("watchdog: RSS %d kB, %d descriptors at first, %d kB, %d at the end" % (*before, *after))
    if after[1] > before[1] or after[0] > before[0] + CODE_OF_A_KILL_KB:
        faults.append("the watchdog has grown")


def main():
    count, seconds = int(os.environ.get("SOAK_HOGS", 20)), float(os.environ.get("SOAK_SECONDS", 60))
    seed, faults = int(os.environ.get("SOAK_SEED", 1)), []
    shutil.rmtree(STATE, ignore_errors=True)
    STATE.mkdir(mode=0o700)
    CONFIG.write_text("grace = 2s\n")
    CONFIG.chmod(0o600)
    reserve_all_but(ROOM_MIB)
    bystanders = [start(HOG, "--mib", mib) for mib in BYSTANDERS_MIB] + [start("/usr/bin/sleep", "100000")]
    watchdog = start(WATCHDOG, "--config", CONFIG, "--state-dir", STATE)
    wait_for(lambda: watchdog.poll() is not None or any(event["event"] == "start" for event in journal()), 60, "the watchdog's start")
    if watchdog.poll() is not None:
        sys.exit(f"the watchdog ended with {watchdog.returncode}")
    try:
        return soak_and_judge(watchdog, bystanders, count, seconds, seed, faults)
    finally:  # or whoever reads what we print waits for them
        for process in (watchdog, *bystanders):
            process.kill()


def soak_and_judge(watchdog, bystanders, count, seconds, seed, faults):
    before, begun = kernel_kills(), resources(watchdog.pid)
    hogs, soak = plan(count, seconds, seed), Soak()
    elapsed = soak.run(hogs, faults)
    time.sleep(3)  # its last outcome
    if kernel_kills() != before:
        faults.append(f"missed: the kernel's OOM killer killed {kernel_kills() - before}")
    faults += [f"a bystander died: {process.args}, {process.returncode}" for process in bystanders if process.poll() is not None]
    if watchdog.poll() is not None:
        faults.append(f"the watchdog died: {watchdog.returncode}")
    else:
        check_growth(begun, resources(watchdog.pid), faults)
    judge(soak, faults)
    killed = sum(not hog.harmless for _, hog, _ in soak.ended)
    print(f"{len(soak.ended)} hogs in {elapsed:.0f} s (seed {seed}): {killed} to be killed, {len(soak.ended) - killed} harmless")
    for fault in faults:
        print(f"FAULT: {fault}")
    print("failed" if faults else "no miss, no wrong kill, each kill is in the journal")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
