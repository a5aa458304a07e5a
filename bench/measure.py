"""What the side-by-side measurements share: starting a program without a shell, and medians."""

import math
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Failure(Exception):
    """The measurement cannot be made or is void; the text says why."""


def program(name, hint):
    """The full path of a program on PATH: looking it up must not be part of what is timed."""
    found = shutil.which(name)
    if found is None:
        raise Failure(f"{name} is not installed ({hint})")
    return found


def jobward_binary(given=None):
    path = Path(given) if given else ROOT / "build/release/bin/jobward"
    if not os.access(path, os.X_OK):
        raise Failure(f"{path} is not there: build the release preset first (scripts/demo does)")
    return str(path.resolve())


@contextmanager
def scratch_directory():
    """A directory on the disk of the checkout, so that commits cost what they cost there. Removed at the end."""
    parent = ROOT / "build"
    parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as name:
        yield Path(name)


@contextmanager
def null_device():
    """A descriptor of /dev/null, for the standard output of what is timed."""
    descriptor = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def run(argv, environment, null, expected=(0,)):
    """Runs argv[0] (a full path) by posix_spawn, output discarded, and returns its exit status."""
    actions = [(os.POSIX_SPAWN_DUP2, null, 1)]
    pid = os.posix_spawn(argv[0], argv, environment, file_actions=actions)
    try:
        waited = os.waitpid(pid, 0)
    except BaseException:
        # Interrupted: what it uses is about to be removed, so let it end first. It is short.
        os.waitpid(pid, 0)
        raise
    status = os.waitstatus_to_exitcode(waited[1])
    if status not in expected:
        raise Failure(f"exit status {status} from: {' '.join(argv)}")
    return status


def timed(work):
    """Milliseconds that work() took."""
    began = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began) / 1e6


def interleaved(subjects, rounds, warm_up, after_round=lambda: None):
    """Times every subject once a round, in an order drawn anew each round, so that none always follows
    the same other (a commit leaves the disk busy). `subjects` maps a name to a function. `after_round` is
    called after each round, outside of what is timed. Returns name -> list of milliseconds, without those of
    the warm-up."""
    names = list(subjects)
    samples = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        order = random.sample(names, len(names))
        for name in order:
            milliseconds = timed(subjects[name])
            if number >= 0:
                samples[name].append(milliseconds)
        after_round()
    return samples


def percentile(values, share):
    """Nearest rank: the smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summary(values):
    return {
        "median_ms": round(statistics.median(values), 3),
        "mean_ms": round(statistics.fmean(values), 3),
        "p95_ms": round(percentile(values, 0.95), 3),
        "min_ms": round(min(values), 3),
        "rounds": len(values),
    }


def print_summaries(summaries):
    width = max(map(len, summaries))
    print(f"{'':{width}} {'median':>12} {'mean':>12} {'p95':>12} {'min':>12}")
    for name, numbers in summaries.items():
        cells = " ".join(f"{numbers[key]:>9.2f} ms" for key in ("median_ms", "mean_ms", "p95_ms", "min_ms"))
        print(f"{name:{width}} {cells}")


def end_on_signal(number, _frame):
    """Ends by an exception, so that what was made is removed on this way out too; once is enough for that."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def main_guard(main):
    """Runs main() -> exit status; a Failure becomes one line and exit status 1."""
    signal.signal(signal.SIGTERM, end_on_signal)
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"{Path(sys.argv[0]).name}: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
