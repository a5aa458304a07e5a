#!/usr/bin/env python3
"""Runs the cases on one variant, in one process, as root.

    run.py --list VARIANT [--tier ci|full]     full: only what ci leaves out (variants.RARELY)
    run.py --matrix
    run.py --variant VARIANT [--report-fd N] [ID...]

JOBWARD_BINARY names the binary, JOBWARD_WATCHDOG_BINARY the watchdog (else jobward-watchdog beside it);
JOBWARD_TEST_DISK a directory on an ext4 block device (in a VM);
JOBWARD_TEST_SECONDS how long a test may take (145), JOBWARD_TEST_KILLS how often test_crash kills at random (20; 8 in VMs).
To the report descriptor go lines `BEGIN ID` and `END ID PASS|FAIL|SKIP SECONDS`; exit 0 if all passed.
"""

import argparse
import contextlib
import importlib
import os
import py_compile
import shutil
import signal
import sys
import tempfile
import time
import traceback
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness
import system
import variants
from grounds import GROUNDS

SECONDS_A_TEST = int(os.environ.get("JOBWARD_TEST_SECONDS", "145"))  # below the bound of the VM's agent


def all_tests():
    """[(id, module, class, method name)] of everything, in the order of the names."""
    found = []
    for file in sorted(os.listdir(HERE)):
        if file.startswith("test_") and file.endswith(".py"):
            module = importlib.import_module(file[:-3])
            for cls in vars(module).values():
                if isinstance(cls, type) and issubclass(cls, harness.Case) and cls.__module__ == module.__name__:
                    for name in unittest.TestLoader().getTestCaseNames(cls):
                        found.append((f"{file[:-3]}.{cls.__name__}.{name}", cls, name))
    return found


def applicable(variant):
    return {test: (cls, name) for test, cls, name in all_tests()
            if variants.reason_against(getattr(cls, name), variant) is None}


def listed(variant, tier):
    rarely = variants.RARELY.get(variant, ())
    return [test for test in applicable(variant)
            if tier is None or (tier == "full") == (test.split(".")[0] in rarely)]


def print_matrix():
    """A markdown table: test x variant; a number stands for the reason below the table."""
    reasons = []
    print("| test | " + " | ".join(variants.ALL) + " |\n|---|" + "---|" * len(variants.ALL))
    for test, cls, name in all_tests():
        cells = []
        for variant in variants.ALL:
            reason = variants.reason_against(getattr(cls, name), variant)
            if reason and reason not in reasons:
                reasons.append(reason)
            cells.append(f"[{reasons.index(reason) + 1}]" if reason else "yes")
        print(f"| {test} | " + " | ".join(cells) + " |")
    print()
    for number, reason in enumerate(reasons, 1):
        print(f"{number}. {reason}")


class Report(unittest.TestResult):
    """Tells the descriptor what begins and how it ended; the text of failures goes to stdout."""

    def __init__(self, descriptor):
        super().__init__()
        self.descriptor, self.failed = descriptor, 0

    def tell(self, line):
        if self.descriptor is not None:
            os.write(self.descriptor, f"{line}\n".encode())

    def startTest(self, test):
        super().startTest(test)
        self.verdict, self.started = "PASS", time.monotonic()
        self.tell(f"BEGIN {test.id()}")

    def stopTest(self, test):
        seconds = time.monotonic() - self.started
        self.failed += self.verdict == "FAIL"
        print(f"{self.verdict} {test.id()} {seconds:.2f} s", flush=True)
        self.tell(f"END {test.id()} {self.verdict} {seconds:.2f}")
        super().stopTest(test)

    def _failed(self, error):
        self.verdict = "FAIL"
        print("".join(traceback.format_exception(*error)), flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        self._failed(err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._failed(err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            print(subtest.id())
            self._failed(err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.verdict = "SKIP"


def compiled(directory):
    """The file to start jobs from: compiled, where we are the interpreter that will run it. Takes a third of the time."""
    if os.path.realpath(harness.PYTHON) != os.path.realpath(sys.executable):
        return f"{directory}/jobs.py"
    py_compile.compile(f"{directory}/system.py")
    return py_compile.compile(f"{directory}/jobs.py")


@contextlib.contextmanager
def prepared(variant):
    """The ground, and copies of the binary and the jobs where every user can read them."""
    binary = os.environ.get("JOBWARD_BINARY", "")
    if os.geteuid() != 0 or not os.path.isabs(binary) or not os.access(binary, os.X_OK):
        sys.exit(f"run.py: must be root, and JOBWARD_BINARY the absolute path of an executable, not {binary!r}")
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="jobward-cases-bin-"))
        os.chmod(directory, 0o755)
        harness.Session.binary = shutil.copy(binary, f"{directory}/jobward")
        watchdog = os.environ.get("JOBWARD_WATCHDOG_BINARY") or os.path.join(os.path.dirname(binary), "jobward-watchdog")
        if os.access(watchdog, os.X_OK):  # where there is none, its cases fail and say so
            harness.Session.watchdog = shutil.copy(watchdog, f"{directory}/jobward-watchdog")
        for name in ("jobs.py", "system.py", "container.py"):
            shutil.copy(f"{HERE}/{name}", directory)
        harness.Session.programs = directory
        harness.Session.jobs = compiled(directory)
        for name in os.listdir(directory):
            os.chmod(f"{directory}/{name}", 0o755)
        harness.Session.variant, harness.Session.ground = variant, GROUNDS[variant]()
        harness.Session.ground.open()
        system.OLDER.update(system.processes())
        stack.callback(harness.Session.ground.close)
        yield


def out_of_time(*_):
    raise AssertionError("the test took too long as a whole")


def run(variant, wanted, report):
    tests = applicable(variant)
    unknown = [name for name in wanted if name not in tests]
    if unknown:
        sys.exit(f"run.py: not listed for {variant}: {' '.join(unknown)}")
    signal.signal(signal.SIGALRM, out_of_time)
    with prepared(variant):
        for cls, name in (tests[test] for test in wanted or tests):
            signal.alarm(SECONDS_A_TEST)
            cls(name).run(report)
            signal.alarm(0)
    print(f"{report.testsRun} run, {report.failed} failed on {variant}", flush=True)
    return 0 if report.wasSuccessful() else 1


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--list", metavar="VARIANT", choices=variants.ALL)
    options.add_argument("--tier", choices=("ci", "full"))
    options.add_argument("--matrix", action="store_true")
    options.add_argument("--variant", choices=variants.ALL)
    options.add_argument("--report-fd", type=int)
    options.add_argument("ids", nargs="*", metavar="ID")
    options = options.parse_args()
    if options.matrix:
        print_matrix()
    elif options.list:
        print("\n".join(listed(options.list, options.tier)))
    elif options.variant:
        return run(options.variant, options.ids, Report(options.report_fd))
    else:
        sys.exit("run.py: --list, --matrix or --variant")
    return 0


if __name__ == "__main__":
    sys.exit(main())
