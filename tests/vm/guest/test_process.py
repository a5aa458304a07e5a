"""Runs the tests of one variant, all in one Python process, and goes on with the rest when that is lost.

Starting Python and importing the tests takes seconds under emulation, so one process runs them all. It tells
on a descriptor which test it is at; what it prints meanwhile is that test's output.
"""

import os
import select
import signal
import subprocess
import time
from pathlib import Path

RUNNER = "/ground/tests/cases/run.py"
OUTPUT_LIMIT = 256 * 1024  # of one test; the beginning and the end are kept
SPARED = ("systemd", "(sd-", "dbus-daemon")  # services that started after the baseline


def processes():
    """{pid: start time} of everything that is not a kernel thread; the time tells reused pids apart."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                head, _, tail = Path(f"/proc/{entry}/stat").read_text().rpartition(")")
            except (FileNotFoundError, ProcessLookupError):
                continue
            fields = tail.split()
            state, parent, name = fields[0], fields[1], head.partition("(")[2]
            kernel = "2" in (entry, parent)
            if not kernel and state not in "ZX" and not name.startswith(SPARED):
                found[int(entry)] = fields[19]
    return found


def kill_all_but(baseline, seconds=10):
    """Kills what was not there before the tests, again and again: what dies may just have forked."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        left = [pid for pid, start in processes().items() if baseline.get(pid) != start]
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)


def describe(pids):
    """What these processes are, for the log of a test that hangs."""
    lines = [b"\nprocesses that the tests have started:\n"]
    for pid in sorted(pids):
        try:
            entry = Path(f"/proc/{pid}")
            state, parent = (entry / "stat").read_bytes().rpartition(b")")[2].split()[:2]
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")[:300]
            place, waits_in = (entry / "cgroup").read_bytes().strip(), (entry / "wchan").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        facts = (pid, parent, state, waits_in, place, command)
        lines.append(b"%d parent %s state %s in %s cgroup %s: %s\n" % facts)
    return b"".join(lines)


class VariantRun:
    """The tests of one variant. run_all() tells the host a `begin` and an `end` for every one of them."""

    def __init__(self, host, variant, tests, place, environment, as_child, test_seconds, end, baseline):
        self._host = host
        self._variant = variant
        self._left = list(tests)
        self._place = place
        self._environment = dict(environment, JOBWARD_VARIANT=variant, PYTHONDONTWRITEBYTECODE="1")
        self._as_child = as_child
        self._test_seconds = test_seconds
        self._end = end
        self._baseline = baseline
        self._current = None
        self._since = 0.0
        self._output = bytearray()

    def run_all(self):
        while self._left:
            if time.monotonic() > self._end:
                self._give_up("NOT RUN: no time was left for it")
                return
            before = len(self._left)
            why = self._run_one_process()
            kill_all_but(self._baseline)
            if self._current:
                self._tell_end("FAIL", time.monotonic() - self._since, why)
            elif len(self._left) == before:  # the next process would do no better
                self._give_up(f"NOT RUN: the test process did not come to a test: {why}")
                return

    def _give_up(self, why):
        printed = bytes(self._output)
        for test in list(self._left):
            self._tell_begin(test)
            self._output[:] = printed
            self._tell_end("FAIL", 0.0, why)

    def _run_one_process(self):
        """Runs what is left until it is done, dies or takes too long; returns how that process ended."""
        output, output_end = os.pipe()
        report, report_end = os.pipe()
        command = [*self._place, "/usr/bin/python3", "-B", "-X", "faulthandler", RUNNER,
                   "--variant", self._variant, "--report-fd", str(report_end), *self._left]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output_end, stderr=output_end,
                                   pass_fds=[report_end], env=self._environment, preexec_fn=self._as_child)
        os.close(output_end)
        os.close(report_end)
        for descriptor in (output, report):
            os.set_blocking(descriptor, False)
        try:
            return self._follow(process, output, report)
        finally:
            os.close(output)
            os.close(report)

    def _follow(self, process, output, report):
        # Ends with the process, not with the pipes: what a test leaves behind holds them open.
        ended = os.pidfd_open(process.pid)
        self._current, self._since, lines = None, time.monotonic(), b""
        try:
            while True:
                wait = max(0.0, self._bound() - time.monotonic())
                ready, _, _ = select.select([output, report, ended], [], [], wait)
                # In this order: what a test printed before it told its end is in the pipe by now.
                lines += self._read(report)
                self._keep(self._read(output))
                while b"\n" in lines:
                    line, lines = lines.split(b"\n", 1)
                    self._reported(line.decode().split())
                if ended in ready:
                    return f"the test process died: {_status(process.wait())}"
                if time.monotonic() >= self._bound():
                    self._keep(describe(processes().keys() - self._baseline.keys()))
                    process.send_signal(signal.SIGABRT)  # faulthandler then shows where the test is
                    select.select([ended], [], [], 5)
                    kill_all_but(self._baseline)
                    process.wait()
                    self._keep(self._read(output))
                    whole = self._bound() == self._end
                    return "timed out: " + ("no time is left" if whole else f"{self._test_seconds:.0f} s")
        finally:
            os.close(ended)

    def _bound(self):
        """When the current test, or the wait for the first one, has taken too long."""
        return min(self._since + self._test_seconds, self._end)

    @staticmethod
    def _read(descriptor):
        chunks = []
        try:
            # Bounded: what a test left behind may print for ever, and the clock must be looked at.
            while len(chunks) < 64 and (chunk := os.read(descriptor, 1 << 16)):
                chunks.append(chunk)
        except BlockingIOError:
            pass
        return b"".join(chunks)

    def _keep(self, printed):
        self._output += printed
        if len(self._output) > 2 * OUTPUT_LIMIT:
            half = OUTPUT_LIMIT // 2
            self._output[half:-half] = b"\n... the middle of a very long output is left out ...\n"

    def _reported(self, words):
        if words[0] == "BEGIN":
            self._tell_begin(words[1])
        elif words[0] == "END" and words[1] == self._current:
            self._tell_end(words[2], float(words[3]))

    def _tell_begin(self, test):
        self._current, self._since = test, time.monotonic()
        self._host.tell("begin", variant=self._variant, test=test)

    def _tell_end(self, status, seconds, why=None):
        text = self._output.decode(errors="surrogateescape")
        if why:
            text += f"\n{self._variant}: {self._current}: {why}\n"
        self._host.tell("end", variant=self._variant, test=self._current, status=status, seconds=seconds,
                        output=text)
        if self._current in self._left:
            self._left.remove(self._current)
        self._current, self._since = None, time.monotonic()
        self._output.clear()


def _status(code):
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
