"""The test class: a directory, a state and an environment of its own; nothing is left behind.

The tests are black boxes: they know the command line, the exit statuses, the result file, the kernel's
own files. Whatever a test starts carries the path of its directory in its environment or arguments, so
that `system.survivors` finds exactly what belongs to the test: nothing else is ever signalled.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

import system
from system import MIB, read_bytes, wait_until
from terminal import Terminal

# The system's if there is one: an interpreter below /root would be out of an ordinary user's reach.
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ROOMY = ("--mem", "128M")  # for jobs whose memory does not matter: keeps jobward from having to guess


class Session:
    """What run.py sets once for all tests: the ground, and copies of what every user must reach."""

    variant = None
    ground = None
    binary = None
    watchdog = None
    programs = None  # the directory of jobs.py
    jobs = None  # that file, or what it was compiled to


class Run:
    """What came out of one finished invocation."""

    def __init__(self, returncode, stdout, stderr, result, seconds):
        self.returncode, self.stdout, self.stderr = returncode, stdout, stderr
        self.result, self.seconds = result, seconds

    @property
    def messages(self):
        return self.stderr.decode(errors="replace")

    @property
    def said(self):
        """Everything that a user can read about it, for questions like "is the limit named?"."""
        result = self.result or {}
        return "\n".join([self.messages, str(result.get("cause")), *map(str, result.get("problems", []))])

    def __str__(self):
        return (f"exit {self.returncode} after {self.seconds:.2f} s\nstdout: {self.stdout[-2000:]!r}\n"
                f"stderr: {self.messages[-4000:]}\nresult: {json.dumps(self.result)}")


def strict_json(data):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")
    value = json.loads(data.decode("utf-8", "strict"), parse_constant=refuse)
    if not isinstance(value, dict):
        raise AssertionError(f"not one JSON object: {data[:200]!r}")
    return value


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.variant, self.ground = Session.variant, Session.ground
        self.slow = self.ground.slow
        self.tmp = tempfile.mkdtemp(prefix=f"jobward-cases-{uuid.uuid4().hex[:12]}-")
        self.addCleanup(shutil.rmtree, self.tmp, ignore_errors=True)
        self.run_ids, self.results = set(), []  # what the runs were called; where their results should be
        self.ground.prepare(self)
        self.addCleanup(self.sweep)
        os.chmod(self.tmp, 0o755)
        self.work = os.path.join(self.tmp, "work")
        os.mkdir(self.work)
        os.chown(self.work, self.ground.uid, self.ground.uid)
        os.mkdir(self.path("bin"))
        self.sleeper = self.path("bin/sleep")  # a sleep whose argv carries our path (busybox needs the name)
        os.symlink(shutil.which("sleep"), self.sleeper)
        self.binary = Session.binary
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("JOBWARD_")}
        # A directory in PATH that the user cannot search would turn "not found" into "no permission".
        self.env.update(self.ground.environment, PATH=PATH, HOME=self.work,
                        JOBWARD_STATE_DIR=self.path("state"))
        self.configure("")

    # -- leaving nothing behind

    def tearDown(self):
        left = lambda: system.survivors(self.tmp)
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not left(), "all processes are gone", self.bound(2))
        self.assertEqual(system.describe(left()), [], "processes outlived the run")
        for run_id in self.run_ids:
            self.assertEqual(system.cgroup_directories(run_id), [], "directories left in the cgroup tree")

    def sweep(self):
        for pid in system.survivors(self.tmp):
            for entry in system.proc_bytes(pid, "environ").split(b"\0"):
                if entry.startswith(b"JOBWARD_RUN_ID="):
                    self.run_ids.add(entry.partition(b"=")[2].decode())
        system.kill_survivors(self.tmp)
        self._learn_of_runs_without_result()
        for run_id in self.run_ids:
            for directory in system.cgroup_directories(run_id):
                system.remove_cgroup_tree(directory)

    def _learn_of_runs_without_result(self):
        """The records know the runs whose supervisor was killed."""
        if all(os.path.exists(path) for path in self.results):
            return
        with contextlib.suppress(AssertionError, KeyError):
            self.run_ids.update(row["run"] for row in self.json_of("history", "--json")["runs"])

    # -- small things

    def bound(self, seconds):
        """How long to wait for what must happen: a machine with much else to do is no failure."""
        return seconds * (12 if self.slow else 3)

    def soon(self, seconds):
        """A time that something must not have taken longer than: more under emulation."""
        return seconds * (6 if self.slow else 1.5)

    def is_ours(self, pid, members):
        """Waits for what tells: for a moment of its exec a process has neither arguments nor environment."""
        def told():
            if system.carries(pid, self.tmp):
                return "ours"
            gone = system.is_dead(pid) or str(pid) not in system.read_text(members).split()
            return "gone" if gone else None
        return system.wait_until(told, f"whether process {pid} is the test's", self.bound(5)) == "ours"

    def path(self, name):
        return os.path.join(self.work, name)

    def write(self, name, text):
        """Writes a file in the working directory, as its user; returns the path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        system.write(path, text)
        os.chown(path, self.ground.uid, self.ground.uid)
        return path

    def configure(self, toml):
        """The user's configuration from now on (never that of the machine)."""
        self.env["JOBWARD_CONFIG"] = self.write("user.toml", toml)

    def job(self, name, *arguments):
        """The command that runs one of the programs in jobs.py."""
        return [PYTHON, "-I", "-S", "-B", Session.jobs, name, *map(str, arguments)]

    def dd(self, mib, count=1):
        """The command that fills a buffer of so many MiB, `count` times; refuses without a limit around it."""
        copy = ["dd", "if=/dev/zero", "of=/dev/null", f"bs={mib}M", f"count={count}"]
        return ["/bin/sh", "-c", LIMITED + 'exec "$@" 2>/dev/null', "sh", *copy]

    def wait_for_file(self, name, seconds=10):
        """Waits until the job has written a whole line there; returns the text."""
        def text():
            with contextlib.suppress(FileNotFoundError):
                found = system.read_text(self.path(name))
                return found if found.endswith("\n") else None
        return wait_until(text, f"{name} is written", self.bound(seconds)).strip()

    def wait_for_pid(self, name):
        return int(self.wait_for_file(name))

    # -- running

    def spawn(self, command, drop=True, enter=None, **options):
        """Starts a command in the variant's place, as its user; `enter` puts it into another place first."""
        def prepare():
            (enter or self.ground.enter)()
            if drop:
                self.ground.drop()
        options = {"env": self.env, "cwd": self.work, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, "start_new_session": True, **options}
        process = subprocess.Popen(command, preexec_fn=prepare, **options)
        process.started, process.result_path = time.monotonic(), None
        self.addCleanup(self._close, process)
        return process

    @staticmethod
    def _close(process):
        if process.poll() is None:
            process.kill()
            process.wait(30)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()

    def place(self, way):
        """What goes before a command to run it somewhere special (see container.py), with drop=False."""
        return [PYTHON, "-I", "-S", "-B", f"{Session.programs}/container.py", str(self.ground.uid), way, "--"]

    def run_command(self, command, *options):
        """`jobward run OPTIONS --result FILE -- COMMAND` as a list, and the file."""
        result = self.path(f"result-{len(self.results)}.json")
        self.results.append(result)
        return [self.binary, "run", *options, "--result", result, "--", *command], result

    def start(self, command, *options, prefix=(), **popen):
        """Starts a run; `prefix` goes before the whole command line."""
        line, result = self.run_command(command, *options)
        process = self.spawn([*prefix, *line], **popen)
        process.result_path = result
        return process

    def finish(self, process, stdin=None, seconds=10):
        """Waits for the end and collects everything; fails when it takes longer than the bound."""
        seconds = self.bound(seconds)
        try:
            stdout, stderr = process.communicate(stdin, seconds)
        except subprocess.TimeoutExpired:
            alive = system.describe(system.survivors(self.tmp))
            system.kill_survivors(self.tmp)
            process.kill()
            stdout, stderr = b"", b"(unknown: something still holds it open)"
            with contextlib.suppress(subprocess.TimeoutExpired):
                stdout, stderr = process.communicate(timeout=2)
            self.fail(f"{process.args} did not end within {seconds} s; alive then: {alive}\n{stderr!r}")
        elapsed = time.monotonic() - process.started
        result = self.load_result(process.result_path) if process.result_path else None
        return Run(process.returncode, stdout or b"", stderr or b"", result, elapsed)

    def load_result(self, path):
        """The result file, or None when there is none. Strict UTF-8, one object, no NaN."""
        if not os.path.exists(path):
            return None
        result = strict_json(read_bytes(path))
        if result.get("run"):
            self.run_ids.add(result["run"])
        return result

    def run_job(self, command, *options, stdin=None, seconds=10, **popen):
        if stdin is not None:
            popen["stdin"] = subprocess.PIPE
        return self.finish(self.start(command, *options, **popen), stdin, seconds)

    def jobward(self, *arguments, **popen):
        """Runs another subcommand, or a `run` whose options matter to the letter."""
        return self.finish(self.spawn([self.binary, *arguments], **popen))

    def json_of(self, *arguments):
        run = self.jobward(*arguments)
        self.assertEqual(run.returncode, 0, run)
        return strict_json(run.stdout)

    def cage(self, cage):
        """Sees to the removal of a cage after everything in it is dead; returns it."""
        self.addCleanup(cage.remove)
        self.addCleanup(self.sweep)
        return cage

    def terminal(self, command):
        """The command in the foreground of a terminal of its own, in the variant's place."""
        def prepare():
            self.ground.enter()
            self.ground.drop()
        terminal = Terminal(command, self.env, self.work, prepare)
        self.addCleanup(terminal.close)
        return terminal

    # -- reading results

    def peak(self, run):
        """The kernel's peak; what was polled is given as the need only."""
        return run.result["usage"]["memory_need_bytes" if self.variant == "none" else "memory_peak_bytes"]

    # -- assertions

    def assert_outcome(self, run, outcome, returncode, source=None):
        self.assertIsNotNone(run.result, f"no result file was written\n{run}")
        self.assertEqual((run.result.get("outcome"), run.returncode), (outcome, returncode), str(run))
        expected = returncode if returncode >= 0 else 128 - returncode
        self.assertEqual(run.result["exit_code"], expected, run)
        self.assertTrue(run.result["cause"].strip(), f"no cause in words\n{run}")
        if source:
            self.assertEqual(run.result["exit_source"], source, run)

    def assert_refused(self, run, *words):
        """Nothing ran, because a limit cannot be enforced, and the cause names it."""
        self.assert_outcome(run, "launch_failed", 125, "jobward")
        self.assertFalse(run.result["started"], run)
        for word in words:
            self.assertRegex(run.said, word)

    def assert_died_of(self, run, number):
        """Jobward itself died of the signal, as the bare command would have."""
        self.assertEqual(run.returncode, -number, f"{signal.Signals(number).name}: {run}")


# Shell text that ends with 99 unless a memory cgroup of at most 2 GiB holds us. On pure v2 we are in a VM.
LIMITED = f"""
if [ -d /sys/fs/cgroup/memory ]; then
  here=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
  limit=$(sed -n 's/^hierarchical_memory_limit //p' "/sys/fs/cgroup/memory$here/memory.stat")
  [ "${{limit:-9999999999}}" -le {2048 * MIB} ] || {{ echo "no limit around us" >&2; exit 99; }}
fi
"""
