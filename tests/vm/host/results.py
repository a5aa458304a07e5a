"""The logs of the tests: one file a test and variant, its first line `PASS|FAIL|SKIP seconds`."""

import os
import sys
from pathlib import Path


def log_path(out, variant, test):
    return Path(out) / f"{variant}.{test}.log"


class Results:
    """Writes what the agent tells into the directory `out`, and counts."""

    def __init__(self, out, tests):
        """`tests`: {variant: [test id]}. Their old logs are removed: what did not run must not pass."""
        self._out = Path(out)
        self._out.mkdir(parents=True, exist_ok=True)
        self._open = {(variant, test) for variant, names in tests.items() for test in names}
        self._running = None
        self.counts = dict.fromkeys(("PASS", "FAIL", "SKIP"), 0)
        for variant in tests:
            for log in self._out.glob(f"{variant}.*.log"):
                log.unlink()

    def take(self, message):
        """Keeps one message; returns a line to show, or None."""
        if message["kind"] not in ("begin", "end"):
            return None
        key = message["variant"], message["test"]
        if message["kind"] == "begin":
            self._running = key
            return None
        self._running = None
        self._write(*key, message["status"], message["seconds"], message["output"])
        return f"{message['status']} {message['seconds']:6.2f} s  {key[0]}: {key[1]}"

    def broke_down(self, why):
        """The machine is gone: the test that ran then failed; the others keep having no log. Did one run?"""
        broken, self._running = self._running, None
        if broken:
            self._write(*broken, "FAIL", 0.0, f"the machine broke down in this test: {why}\n")
        return broken is not None

    def left(self, tests):
        """Those of {variant: [test id]} of which nothing is known yet."""
        open_ones = {variant: [name for name in names if (variant, name) in self._open]
                     for variant, names in tests.items()}
        return {variant: names for variant, names in open_ones.items() if names}

    def missing(self):
        return sorted(f"{variant}: {test}" for variant, test in self._open)

    def _write(self, variant, test, status, seconds, output):
        path = log_path(self._out, variant, test)
        content = f"{status} {seconds:.2f}\n".encode() + output.encode(errors="surrogateescape")
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(content)
        os.replace(temporary, path)
        self.counts[status] = self.counts.get(status, 0) + 1
        self._open.discard((variant, test))


def check(out, variant, test):
    """Shows the log of one test; the exit status for CTest: 0 only if it passed."""
    path = log_path(out, variant, test)
    try:
        head, _, output = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        print(f"DID NOT RUN: there is no {path}")
        return 1
    sys.stdout.flush()
    sys.stdout.buffer.write(head + b"\n" + output)
    sys.stdout.buffer.flush()
    status = head.split()[0] if head else b"empty"
    if status == b"SKIP":
        print("\nSKIPPED, which counts as failed: it is listed for this variant, so it has to run there")
    return 0 if status == b"PASS" else 1

