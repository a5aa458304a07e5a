"""What the integration tests share: running the binary, waiting, terminals, cgroups, cleaning up.

The tests are black boxes: they know the command line, the exit statuses, the result file, the state
directory and the kernel's own files, and nothing of the source. The binary is named by the environment
variable JOBWARD_BINARY (absolute path).

Every test has a directory of its own with a unique path. Whatever the test starts carries that path in
its environment or its arguments, so that `survivors` finds exactly what belongs to the test: nothing
else on the machine is ever signalled.
"""

import contextlib
import fcntl
import glob
import json
import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
# The system's: another user must be able to run it, too, which does not hold for one below /root.
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
CGROUP_ROOT = "/sys/fs/cgroup"
NOBODY = 65534
MIB = 1 << 20
SI_KERNEL = 0x80  # si_code of a signal that the terminal driver sent

BINARY = os.environ.get("JOBWARD_BINARY", "")
if not os.path.isabs(BINARY) or not os.access(BINARY, os.X_OK):
    raise SystemExit(f"JOBWARD_BINARY must be the absolute path of an executable, not {BINARY!r}")

needs_root = unittest.skipUnless(
    os.geteuid() == 0, "NOT RUN: this test needs root (cgroups, mounts, another uid) and we are not root")


# ------------------------------------------------------------------------------------------- waiting

def wait_until(condition, what, timeout=10.0):
    """Returns the first true value of condition(); fails, naming `what`, when the time is up."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s in vain: {what}")
        time.sleep(0.01)


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def read_lines(path):
    """The complete lines of a file that somebody else may still be writing; [] when there is none."""
    try:
        return read_bytes(path).decode().rpartition("\n")[0].splitlines()
    except FileNotFoundError:
        return []


def wait_for_lines(path, count=1, timeout=10.0):
    return wait_until(lambda: len(lines := read_lines(path)) >= count and lines,
                      f"{count} line(s) in {path}", timeout)


def wait_for_pid(path, timeout=10.0):
    return int(wait_for_lines(path, 1, timeout)[0])


# ----------------------------------------------------------------------------------------- processes

def stat_fields(pid):
    """Fields of /proc/PID/stat from the state on, or None when the process is gone."""
    try:
        return read_bytes(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def state_of(pid):
    """The letter of /proc/PID/stat, or None when the process is gone."""
    fields = stat_fields(pid)
    return fields[0].decode() if fields else None


def is_dead(pid):
    return state_of(pid) in (None, "Z", "X")


def parent_of(pid):
    fields = stat_fields(pid)
    return int(fields[1]) if fields else None


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def children_of(pid):
    return [child for child in all_pids() if parent_of(child) == pid]


def proc_bytes(pid, name):
    try:
        return read_bytes(f"/proc/{pid}/{name}")
    except OSError:
        return b""


def survivors(token):
    """Living processes that carry the test's unique path in their environment or arguments."""
    return [pid for pid in all_pids() if pid != os.getpid() and not is_dead(pid) and carries(pid, token)]


def carries(pid, token):
    mark = os.fsencode(token)
    return mark in proc_bytes(pid, "cmdline") or mark in proc_bytes(pid, "environ")


def describe(pids):
    return [(pid, state_of(pid), proc_bytes(pid, "cmdline").replace(b"\0", b" ")[:200]) for pid in pids]


def kill_survivors(token):
    """Kills what the test itself started (see `survivors`), again and again until nothing is left."""
    deadline = time.monotonic() + 10
    while (left := survivors(token)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                handle = os.pidfd_open(pid)
                try:
                    if carries(pid, token):  # the pid cannot change hands while the pidfd is open
                        signal.pidfd_send_signal(handle, signal.SIGKILL)
                finally:
                    os.close(handle)
        time.sleep(0.02)


# ------------------------------------------------------------------------------------------- cgroups

def cgroup_directories(run_id):
    """Every directory in any cgroup hierarchy that is named after the run."""
    return [os.path.join(parent, run_id)
            for parent, names, _ in os.walk(CGROUP_ROOT) if run_id in names]


def remove_cgroup_tree(top):
    """Removes a cgroup that belongs to the test, from the leaves up. Its processes are already dead."""
    for directory, _, _ in os.walk(top, topdown=False):
        def removed():
            try:
                os.rmdir(directory)
            except FileNotFoundError:
                pass
            except OSError:
                return False
            return True
        wait_until(removed, f"{directory} can be removed", 5)


def own_memory_cgroup():
    """The directory of this process in the hierarchy that has the memory controller."""
    for line in read_bytes("/proc/self/cgroup").decode().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return f"{CGROUP_ROOT}/memory{path}".rstrip("/")
    raise AssertionError("no v1 memory controller here: the tests cannot cage what fills memory")


@contextlib.contextmanager
def memory_cage(limit_bytes):
    """A memory cgroup of the test's own; yields its path. Nothing outside it can be hurt by a hog."""
    cage = f"{own_memory_cgroup()}/jobward-test-{uuid.uuid4().hex}"
    os.mkdir(cage)
    try:
        for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
            with open(f"{cage}/{name}", "w") as file:
                file.write(str(limit_bytes))
        yield cage
    finally:
        wait_until(lambda: not read_bytes(f"{cage}/cgroup.procs"), f"{cage} is empty", 10)
        remove_cgroup_tree(cage)


def enter_cgroup(path):
    with open(f"{path}/cgroup.procs", "w") as file:
        file.write("0")


# ------------------------------------------------------------------------------------ reading results

def flatten(value, path=""):
    """Yields (dotted path, leaf). In lists of {resource: name, ...} the name becomes part of the path."""
    if isinstance(value, dict):
        label = value.get("resource")
        if isinstance(label, str):
            path = f"{path}.{label}"
        for key, inner in value.items():
            yield from flatten(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from flatten(inner, path)
    else:
        yield path, value


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def numbers_at(value, *words):
    """All numbers in a JSON value whose dotted path contains every one of the words."""
    return [leaf for path, leaf in flatten(value)
            if is_number(leaf) and all(word in path.lower() for word in words)]


def limit_sources(result):
    """Where the run's limits came from (a guess, past runs, the user), as the result says it."""
    return sorted(str(leaf) for path, leaf in flatten(result.get("limits", {})) if "source" in path)


SIZE = re.compile(r"\d+(?:\.\d+)? ?[KMGT](?:i?B)?\b")


class Run:
    """What came out of one finished invocation."""

    def __init__(self, returncode, stdout, stderr, result, seconds):
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr
        self.result = result
        self.seconds = seconds

    @property
    def messages(self):
        return self.stderr.decode(errors="replace")

    @property
    def own_lines(self):
        """The lines that jobward itself wrote."""
        return [line for line in self.messages.splitlines() if line.startswith("jobward:")]

    def __str__(self):
        return (f"exit {self.returncode} after {self.seconds:.2f} s\nstdout: {self.stdout[-2000:]!r}\n"
                f"stderr: {self.messages[-4000:]}\nresult: {json.dumps(self.result)}")


# ------------------------------------------------------------------------------------- the test class

class JobwardTest(unittest.TestCase):
    """A test with its own directory, state and environment, that leaves nothing behind."""

    maxDiff = None
    expects_nothing_left = True

    def setUp(self):
        self.tmp = tempfile.mkdtemp(prefix=f"jobward-test-{uuid.uuid4().hex[:12]}-")
        self.addCleanup(shutil.rmtree, self.tmp, ignore_errors=True)
        self.addCleanup(self._sweep)
        os.chmod(self.tmp, 0o755)
        self.jobs = os.path.join(self.tmp, "jobs")
        shutil.copytree(f"{HERE}/jobs", self.jobs, ignore=shutil.ignore_patterns("__pycache__"))
        self.sleeper = os.path.join(self.tmp, "sleeper")  # a sleep whose argv carries our path
        os.symlink(shutil.which("sleep"), self.sleeper)
        self.work = os.path.join(self.tmp, "work")
        os.mkdir(self.work)
        self.state = os.path.join(self.tmp, "state")
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("JOBWARD_")}
        self.env["JOBWARD_STATE_DIR"] = self.state
        self.binary = BINARY
        self.prefix = []  # put before the command line, e.g. setpriv
        self.preexec = None
        self.run_ids = set()
        self.shells = set()  # pids of the test's own shells, which may outlive the runs in them
        self.serial = 0

    def tearDown(self):
        self._learn_run_ids()
        if self.expects_nothing_left:
            self.assert_nothing_left()

    def assert_nothing_left(self):
        left = lambda: [pid for pid in survivors(self.tmp) if pid not in self.shells]
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not left(), "all processes are gone", 2)
        self.assertEqual(describe(left()), [], "processes outlived the run")
        for run_id in self.run_ids:
            self.assertEqual(cgroup_directories(run_id), [], "directories left in the cgroup tree")

    def _learn_run_ids(self):
        """Adds the runs that wrote no result file, so that their cgroups are looked for, too."""
        state = self.env.get("JOBWARD_STATE_DIR", "")
        if os.path.exists(database(state)):
            with contextlib.suppress(Exception):
                self.run_ids.update(row["run"] for row in self.history())

    def _sweep(self):
        for pid in survivors(self.tmp):
            for entry in proc_bytes(pid, "environ").split(b"\0"):
                if entry.startswith(b"JOBWARD_RUN_ID="):
                    self.run_ids.add(entry.partition(b"=")[2].decode())
        kill_survivors(self.tmp)
        for run_id in self.run_ids:
            for directory in cgroup_directories(run_id):
                remove_cgroup_tree(directory)

    # -- paths and small commands

    def path(self, name):
        return os.path.join(self.work, name)

    def job(self, name, *arguments):
        """The command that runs one of the scripts in jobs/."""
        return [PYTHON, "-I", "-S", os.path.join(self.jobs, name), *map(str, arguments)]

    def waiting_job(self, pid_file="pid", finish_file="finish", status=0):
        """A command that writes its pid and then waits until the finish file is there."""
        return ["/bin/sh", "-c", f'echo $$ > "$0"; until [ -e "$1" ]; do sleep 0.02; done; exit {status}',
                self.path(pid_file), self.path(finish_file)]

    def touch(self, name):
        with open(self.path(name), "w"):
            pass

    # -- running

    def spawn(self, arguments, **options):
        """Starts a command line (bytes or str) in the test's environment and directory."""
        options.setdefault("env", self.env)
        options.setdefault("cwd", self.work)
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("preexec_fn", self.preexec)
        process = subprocess.Popen([*self.prefix, *arguments], start_new_session=True, **options)
        process.started = time.monotonic()
        process.result_path = None
        self.addCleanup(self._close, process)
        return process

    @staticmethod
    def _close(process):
        if process.poll() is None:
            process.kill()
            process.wait(10)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()

    def start_run(self, options, command, **popen):
        """Starts `jobward run OPTIONS --result FILE -- COMMAND`."""
        self.serial += 1
        result_path = self.path(f"result-{self.serial}.json")
        process = self.spawn([self.binary, "run", *options, "--result", result_path, "--", *command], **popen)
        process.result_path = result_path
        return process

    def finish(self, process, stdin=None, timeout=30):
        """Waits for the end and collects everything; fails when it takes longer than the time-out."""
        try:
            stdout, stderr = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            belongs = describe(survivors(self.tmp))
            kill_survivors(self.tmp)
            process.kill()
            stdout, stderr = process.communicate(timeout=10)
            self.fail(f"{process.args} did not end within {timeout} s; alive then: {belongs}\n{stderr!r}")
        seconds = time.monotonic() - process.started
        result = self.load_result(process.result_path) if process.result_path else None
        return Run(process.returncode, stdout or b"", stderr or b"", result, seconds)

    def load_result(self, path):
        """The result file as JSON, or None when there is none. Strict UTF-8, one object, no NaN."""
        if not os.path.exists(path):
            return None
        result = strict_json(read_bytes(path))
        if isinstance(result.get("run"), str) and result["run"]:
            self.run_ids.add(result["run"])
        return result

    def run_job(self, command, options=("--mem", "1G"), stdin=None, timeout=30, **popen):
        """Runs a job to its end. The default limit keeps jobward from having to guess."""
        if stdin is not None:
            popen["stdin"] = subprocess.PIPE
        run = self.finish(self.start_run(options, command, **popen), stdin, timeout)
        return run

    def jobward(self, *arguments, timeout=20, **popen):
        """Runs another subcommand, or a `run` whose options matter to the letter."""
        return self.finish(self.spawn([self.binary, *arguments], **popen), timeout=timeout)

    def bare(self, command, timeout=20, **popen):
        """Runs the command without jobward, for comparison."""
        return self.finish(self.spawn(command, **popen), timeout=timeout)

    # -- reading back

    def json_of(self, *arguments):
        """The JSON object that a subcommand prints."""
        run = self.jobward(*arguments)
        self.assertEqual(run.returncode, 0, run)
        return strict_json(run.stdout)

    def history(self):
        """The runs of `history --json`, in the order given."""
        answer = self.json_of("history", "--json")
        self.assertIn("schema_version", answer)
        lists = [value for value in answer.values() if isinstance(value, list)]
        self.assertTrue("runs" in answer or len(lists) == 1, f"no list of runs in {answer}")
        return answer["runs"] if "runs" in answer else lists[0]

    # -- assertions

    def assert_outcome(self, run, outcome, returncode):
        self.assertIsNotNone(run.result, f"no result file was written\n{run}")
        self.assertEqual((run.result.get("outcome"), run.returncode), (outcome, returncode), str(run))

    def assert_ok(self, run):
        self.assert_outcome(run, "ok", 0)

    def assert_within(self, measured, expected, fraction):
        self.assertGreaterEqual(measured, expected * (1 - fraction), f"{measured / MIB:.1f} MiB is too little")
        self.assertLessEqual(measured, expected * (1 + fraction), f"{measured / MIB:.1f} MiB is too much")

    def assert_printable(self, output):
        """UTF-8 without any control character but the line feed: safe to show in a terminal."""
        text = output.decode("utf-8", "strict")
        bad = {char for char in text if char != "\n" and (ord(char) < 32 or 127 <= ord(char) < 160)}
        self.assertEqual(bad, set(), f"raw control characters in {output!r}")


def strict_json(data):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")
    value = json.loads(data.decode("utf-8", "strict"), parse_constant=refuse)
    if not isinstance(value, dict):
        raise AssertionError(f"not one JSON object: {data[:200]!r}")
    return value


class UnprivilegedTest(JobwardTest):
    """Everything runs as a user without any cgroup rights, from a copy of the binary that it can reach."""

    def setUp(self):
        super().setUp()
        self.binary = os.path.join(self.tmp, "jobward")
        shutil.copyfile(BINARY, self.binary)
        os.chmod(self.binary, 0o755)
        self.env["HOME"] = self.work
        if os.geteuid() == 0:
            os.chown(self.work, NOBODY, NOBODY)
            self.state = os.path.join(self.work, "state")
            self.env["JOBWARD_STATE_DIR"] = self.state
            self.prefix = [shutil.which("setpriv") or "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                           "--clear-groups", "--"]


# ------------------------------------------------------------------------------------------ terminals

class Terminal:
    """An interactive bash with job control, in a session of its own on a real pseudo-terminal."""

    PROMPT = "give-me-a-line> "

    def __init__(self, env, cwd, rows=24, columns=80):
        env = {**env, "PS1": self.PROMPT, "TERM": "dumb", "HISTFILE": "/dev/null"}
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them
                    signal.signal(number, signal.SIG_DFL)
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                os.chdir(cwd)
                os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"], env)
            finally:
                os._exit(127)
        self.seen = ""
        self.transcript = ""
        self.expect_prompt()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, text):
        os.write(self.master, text.encode())

    def type(self, line):
        self.send(line + "\n")

    def _read(self, timeout):
        if not select.select([self.master], [], [], timeout)[0]:
            return
        try:
            data = os.read(self.master, 65536)
        except OSError:
            data = b""
        if not data:
            raise AssertionError(f"the terminal closed; it showed:\n{self.transcript}")
        text = data.decode(errors="replace").replace("\r\n", "\n")
        self.seen += text
        self.transcript += text

    def expect(self, pattern, timeout=10.0):
        """Reads until the pattern shows up, consumes up to its end, returns the match."""
        deadline = time.monotonic() + timeout
        while not (match := re.search(pattern, self.seen)):
            if time.monotonic() > deadline:
                raise AssertionError(f"{pattern!r} did not appear in {timeout} s; the terminal showed:\n"
                                     f"{self.transcript}")
            self._read(0.05)
        self.before = self.seen[:match.start()]
        self.seen = self.seen[match.end():]
        return match

    def expect_prompt(self, timeout=10.0):
        """Waits for the prompt; returns what was shown before it."""
        self.expect(re.escape(self.PROMPT), timeout)
        return self.before

    def last_status(self):
        """`$?` of the shell, which must be at its prompt."""
        self.type('echo "status=""$?"')
        status = int(self.expect(r"status=(\d+)\n").group(1))
        self.expect_prompt()
        return status

    def foreground_pid(self):
        """The one child of the shell: the supervisor of the job that was just started."""
        return wait_until(lambda: children_of(self.pid), "the shell has a child")[0]

    def hang_up(self):
        """Closes the terminal, as when a window is closed: the kernel sends HUP."""
        os.close(self.master)
        self.master = -1

    def close(self):
        if self.master >= 0:
            self.hang_up()
        deadline = time.monotonic() + 3
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)  # our own child, not yet reaped
                os.waitpid(self.pid, 0)
                return
            time.sleep(0.02)


# ------------------------------------------------------------------------------------------ databases

def database(state):
    return os.path.join(state, "jobward.db")


def checkpoint(path):
    """Moves everything from the write-ahead log into the database file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def state_files(state):
    return [path for path in glob.glob(f"{state}/**", recursive=True, include_hidden=True)]


def main():
    unittest.main(verbosity=2)
