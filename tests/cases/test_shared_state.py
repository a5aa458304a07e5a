"""One state directory: shared with another version, another machine, a hog; and a clock that is set back."""

import fcntl
import os
import signal
import sqlite3
import time
import uuid

import system
from harness import ROOMY
from system import wait_until
from test_detached import DetachedCase
from test_lost import DEAF, STRAY, LostCase
from test_queue import Crowded, Scene
from variants import FRONT_END, only_on

# The first schema that was shipped. It never changes.
FIRST_TABLES = """
CREATE TABLE migrations(name TEXT NOT NULL, applied_ms INTEGER NOT NULL);
CREATE TABLE runs(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, state TEXT NOT NULL,
  outcome TEXT, project BLOB NOT NULL, program BLOB NOT NULL, argv BLOB NOT NULL, cwd BLOB NOT NULL,
  created_ms INTEGER NOT NULL, admitted_ms INTEGER, spawned_ms INTEGER, ended_ms INTEGER, fp_exact TEXT NOT NULL,
  fp_masked TEXT NOT NULL, fp_program TEXT NOT NULL, request TEXT NOT NULL, ending TEXT, curve BLOB);
CREATE INDEX runs_open ON runs(seq) WHERE state <> 'ended';
CREATE INDEX runs_named ON runs(name, seq) WHERE name <> '';
CREATE TABLE learned(level TEXT NOT NULL, key TEXT NOT NULL, blob BLOB NOT NULL, UNIQUE(level, key));
"""
FIRST_COLUMNS = ("seq, id, name, state, outcome, project, program, argv, cwd, created_ms, admitted_ms, spawned_ms, "
                 "ended_ms, fp_exact, fp_masked, fp_program, request, ending, curve")


class Shared(Scene):
    def database(self):
        database = sqlite3.connect(self.path("state/jobward.db"), isolation_level=None)
        self.addCleanup(database.close)
        return database

    def value(self, query):
        return self.database().execute(query).fetchone()[0]


@only_on("hybrid", "unified", because=FRONT_END)
class NewerVersion(Shared):
    """The database has been taken over by a version that this one knows nothing of."""

    def setUp(self):
        super().setUp()
        self.assert_outcome(self.run_job(["true"], *ROOMY), "ok", 0)
        self.database().execute("PRAGMA user_version=999")

    def tearDown(self):
        self.assertEqual(self.value("PRAGMA user_version"), 999)
        self.assertEqual(self.value("SELECT count(*) FROM runs"), 1, "it must not be written")
        super().tearDown()

    def test_the_job_runs_unrecorded_and_is_told_why(self):
        run = self.run_job(["/bin/sh", "-c", "echo ran; exit 3"])
        self.assert_outcome(run, "failed", 3, "job")
        self.assertEqual(run.stdout, b"ran\n")
        self.assertIs(run.result["recorded"], False)
        self.assertRegex(run.messages, "NOT recorded.*newer version.*999")

    def test_what_depends_on_the_record_does_not_start(self):
        for options in (("--mem", "64M"), ("--request-id", "ticket-7"), ("--detach",)):
            with self.subTest(options=options):
                run = self.run_job(["/bin/sh", "-c", "echo > ran"], *options)
                self.assertEqual(run.returncode, 125, run)
                self.assertRegex(run.messages, "newer version")
                self.assertFalse(os.path.exists(self.path("ran")))

    def test_commands_about_runs_say_so(self):
        for command in (("ps",), ("history",), ("top",), ("reap",), ("show", "x"), ("history", "--prune")):
            with self.subTest(command=command):
                run = self.jobward(*command)
                self.assertEqual((run.returncode, run.stdout), (2, b""), run)
                self.assertRegex(run.messages, "newer version.*another JOBWARD_STATE_DIR")


@only_on("hybrid", "unified", because=FRONT_END)
class OlderVersion(Shared):
    """The database is of the first version, which a process of that version goes on to use."""

    def setUp(self):
        super().setUp()
        self.old_run = self.run_job(["true"], *ROOMY).result["run"]
        self.newest = self.value("PRAGMA user_version")
        os.rename(self.path("state/jobward.db"), self.path("new.db"))
        for name in ("jobward.db-wal", "jobward.db-shm"):
            if os.path.exists(self.path(f"state/{name}")):
                os.rename(self.path(f"state/{name}"), self.path(f"new.db{name[10:]}"))
        self.old = self.database()
        self.old.execute("PRAGMA journal_mode=WAL")
        self.old.executescript(FIRST_TABLES)
        self.old.execute(f"ATTACH '{self.path('new.db')}' AS new")
        self.old.execute(f"INSERT INTO runs SELECT {FIRST_COLUMNS} FROM new.runs")
        self.old.execute("INSERT INTO learned SELECT * FROM new.learned")
        self.old.execute("INSERT INTO migrations VALUES('runs and learned', 1)")
        self.old.execute("DETACH new")
        self.old.execute("PRAGMA user_version=1")

    def begin_as_the_old_version_does(self, run):
        names = FIRST_COLUMNS.removeprefix("seq, ")
        values = names.replace("id,", "?,", 1).replace("state", "'admitted'").replace("outcome", "NULL")
        values = values.replace("ended_ms", "NULL").replace("ending", "NULL")
        self.old.execute(f"INSERT INTO runs({names}) SELECT {values} FROM runs WHERE id=?", (run, self.old_run))

    def end_as_the_old_version_does(self, run):
        self.old.execute("UPDATE runs SET state='ended', outcome='ok', ended_ms=created_ms, ending=(SELECT ending FROM "
                         "runs WHERE id=?) WHERE id=? AND state<>'ended'", (self.old_run, run))

    def assert_migrated_once(self):
        self.assertEqual(self.value("PRAGMA user_version"), self.newest)
        self.assertEqual(self.value("SELECT count(*) FROM migrations"), self.newest)
        self.assertEqual(self.value("SELECT count(DISTINCT name) FROM migrations"), self.newest)

    def test_it_is_taken_over_while_the_old_version_has_it_open(self):
        lock = os.open(self.path("state/locks/old0000001.lock"), os.O_CREAT | os.O_RDWR, 0o600)
        self.addCleanup(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)  # its supervisor is alive
        self.begin_as_the_old_version_does("old0000001")
        run = self.run_job(["true"], *ROOMY)
        self.assert_outcome(run, "ok", 0)
        self.assertIs(run.result["recorded"], True)
        self.assert_migrated_once()
        self.end_as_the_old_version_does("old0000001")
        self.begin_as_the_old_version_does("old0000002")
        self.end_as_the_old_version_does("old0000002")
        rows = {row["run"]: row["outcome"] for row in self.json_of("history", "--json")["runs"]}
        self.assertEqual(rows, {name: "ok" for name in (self.old_run, "old0000001", "old0000002", run.result["run"])})

    def test_many_at_once_take_it_over_once(self):
        processes = [self.start(["true"], *ROOMY) for _ in range(8)]
        for process in processes:
            run = self.finish(process, seconds=20)
            self.assert_outcome(run, "ok", 0)
            self.assertIs(run.result["recorded"], True, run)
        self.assert_migrated_once()
        self.assertEqual(len(self.json_of("history", "--json")["runs"]), 9)


@only_on("hybrid", "unified", because=FRONT_END)
class HeldLock(Shared):
    """Another process writes to the database for longer than anybody waits for it (10 s)."""

    def hold(self, database):
        database.execute("BEGIN EXCLUSIVE")
        self.addCleanup(lambda: database.in_transaction and database.rollback())

    def test_what_begins_meanwhile_runs_unrecorded_or_not_at_all(self):
        self.assert_outcome(self.run_job(["true"], *ROOMY), "ok", 0)
        database = self.database()
        self.hold(database)
        free = self.start(["/bin/sh", "-c", "echo ran; exit 3"])
        held = self.start(["/bin/sh", "-c", "echo > ran"], "--mem", "64M")
        run = self.finish(free, seconds=20)
        self.assert_outcome(run, "failed", 3, "job")
        self.assertIs(run.result["recorded"], False)
        self.assertRegex(run.messages, "NOT recorded.*locked")
        run = self.finish(held, seconds=20)
        self.assert_outcome(run, "launch_failed", 125, "jobward")
        self.assertRegex(run.said, "locked")
        self.assertFalse(os.path.exists(self.path("ran")))
        database.rollback()
        self.assertEqual(len(self.json_of("history", "--json")["runs"]), 1)

    def test_what_ends_meanwhile_keeps_its_result_and_says_that_its_end_is_not_recorded(self):
        process = self.start(self.holder("job", status=3), *ROOMY)
        run = self.wait_for_file("job")
        database = self.database()
        self.hold(database)
        self.end("job")
        ended = self.finish(process, seconds=20)
        self.assert_outcome(ended, "failed", 3, "job")
        self.assertIs(ended.result["recorded"], False)
        self.assertRegex(ended.messages, "end of the run is NOT recorded.*locked")
        database.rollback()
        self.assertEqual(self.listed(), {})
        self.assertEqual(self.show(run)["state"], "ended")
        self.assert_outcome(self.run_job(["true"], *ROOMY, "--no-wait"), "ok", 0)


@only_on("hybrid", "unified", "system", because="only root makes a mount namespace with another machine id")
class Machines(LostCase):
    """Containers with machine ids and pid namespaces of their own, and the state directory of all."""

    # Process 1 of a container: stays when its child, the supervisor, is killed; reaps when it is told to.
    FIRST = """
        jobward=$0 sleeper=$1 name=$2; shift 2
        "$@" &
        until [ -e "reap-$name" ]; do "$sleeper" 0.1; done
        "$jobward" reap > "part-$name" 2>&1; echo $? >> "part-$name"; mv "part-$name" "reaped-$name"
        until [ -e leave ]; do "$sleeper" 0.1; done
    """

    def machine(self, name):
        """What goes before a command to run it on another machine, as far as anybody can see."""
        if not os.path.exists("/etc/machine-id"):  # a VM of ours: an empty one says nothing either
            self.assertTrue(self.slow)
            system.write("/etc/machine-id", "")
        identity = self.path(f"machine-{name}")
        if not os.path.exists(identity):
            self.write(os.path.basename(identity), f"{uuid.uuid4().hex}\n")
        line = 'mount --bind "$0" /etc/machine-id || exit 99; exec "$@"'
        return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", line, identity]

    def on(self, name, *arguments, inside=()):
        return self.finish(self.spawn([*self.machine(name), *inside, self.binary, *arguments], drop=False))

    def pids_of(self, beginning):
        return [pid for pid in system.survivors(self.tmp)
                if system.proc_bytes(pid, "cmdline").startswith(beginning.encode())]

    def pid_of(self, beginning):
        return wait_until(lambda: self.pids_of(beginning), f"{beginning!r} is there", self.bound(10))[0]

    def supervisors(self):
        return self.pids_of(f"{self.binary}\0run\0")

    def test_a_run_lost_on_another_machine_is_reaped_there_only(self):
        process, run = self.start_to_lose(STRAY, *ROOMY, prefix=self.machine("one"), drop=False)
        stray = self.wait_for_pid("left")
        process.kill()
        process.wait(self.bound(5))
        self.assertEqual(self.jobward("reap").returncode, 0)
        self.assertEqual(self.on("two", "reap").returncode, 0)
        self.assertEqual(self.on("two", "run", *ROOMY, "--", "true").returncode, 0)
        self.assertFalse(system.is_dead(stray), "reaped by another machine")
        self.assertNotIn("outcome", self.show(run))
        self.assertEqual(self.on("one", "reap").returncode, 0)
        self.assert_dies(stray)
        self.assert_lost(run)

    def lose_in_a_container(self, name, seconds):
        """A run whose supervisor was killed, and what it has left, which sleeps for so long."""
        inside = [*self.place("pid1"), "/bin/sh", "-c", self.FIRST, self.binary, self.sleeper, name]
        prefix = [*self.machine(name), *inside]
        _, run = self.start_to_lose(f'setsid "$0" {seconds} & wait', *ROOMY, prefix=prefix, drop=False)
        stray = self.pid_of(f"{self.sleeper}\0{seconds}\0")
        os.unlink(self.path("id"))
        os.kill(self.supervisors()[0], signal.SIGKILL)
        wait_until(lambda: not self.supervisors(), "its supervisor is dead", self.bound(5))
        return run, stray

    def test_two_containers_that_share_the_state_reap_only_their_own(self):
        self.addCleanup(self.write, "leave", "")
        runs = {name: self.lose_in_a_container(name, seconds) for name, seconds in (("one", 1001), ("two", 1002))}
        for name in runs:  # once more the same machine, but another pid namespace
            self.assertEqual(self.on(name, "reap", inside=self.place("pid1")).returncode, 0)
        self.assertEqual(self.jobward("reap").returncode, 0)
        for name in ("two", "one"):
            for run, stray in runs.values():
                self.assertFalse(system.is_dead(stray), "reaped by another container")
                self.assertNotIn("outcome", self.show(run))
            run, stray = runs.pop(name)
            self.write(f"reap-{name}", "")
            self.assertEqual(self.wait_for_file(f"reaped-{name}").split()[-1], "0")
            self.assert_dies(stray)
            self.assert_lost(run)
        self.write("leave", "")
        wait_until(lambda: not system.survivors(self.tmp), "the containers are gone", self.bound(10))


@only_on("unified", "system", because="the clock is the whole machine's: only that of a VM may be set")
class ClockSetBack(Crowded, DetachedCase):
    HOUR = 3600

    def set_back(self):
        """An hour; undone after the test."""
        self.assertTrue(self.slow, "this is no VM")
        time.clock_settime(time.CLOCK_REALTIME, time.time() - self.HOUR)
        self.addCleanup(lambda: time.clock_settime(time.CLOCK_REALTIME, time.time() + self.HOUR))

    def test_a_run_keeps_its_result_its_time_and_its_record(self):
        process = self.start(self.holder("job"), *ROOMY)
        run = self.wait_for_file("job")
        self.set_back()
        row = self.listed()[run]
        self.assertGreaterEqual(row["elapsed_seconds"], 0)
        self.assertNotIn("-", self.jobward("ps").stdout.decode().splitlines()[1].split("running")[1].split()[0])
        self.end("job")
        ended = self.finish(process)
        self.assert_outcome(ended, "ok", 0)
        self.assertIs(ended.result["recorded"], True)
        self.assertTrue(0 < ended.result["usage"]["wall_seconds"] < 60, ended)
        self.assertEqual(self.show(run)["outcome"], "ok")
        later = self.run_job(["true"], *ROOMY)
        self.assertEqual([row["run"] for row in self.json_of("history", "--json")["runs"]],
                         [later.result["run"], run], "newest first")
        for command in ("show", "why"):
            self.assertEqual(self.jobward(command, run).returncode, 0)

    def test_limits_of_time_hold(self):
        process = self.start([self.sleeper, "1000"], *ROOMY, "--time", "3s")
        wait_until(self.listed, "it is on record", self.bound(5))
        self.set_back()
        run = self.finish(process, seconds=10)
        self.assert_outcome(run, "wall_limit", 124, "jobward")
        self.assertTrue(3 <= run.result["usage"]["wall_seconds"] < 30, run)

    def test_waiting_goes_on_and_ends_in_time(self):
        first, second = self.hold("first", 0.6, "--time", "1h"), self.queue("second", 0.6)
        third = self.start(self.holder("third"), *self.mem(0.6), "--wait=4s")
        self.said(third, "(?i)wait")
        self.set_back()
        self.assert_outcome(self.finish(third), "not_admitted", 75, "jobward")
        self.release(first, "first")
        self.wait_for_file("second")
        self.release(second, "second")

    def test_a_lost_run_is_closed_and_a_request_is_known(self):
        request = lambda: self.run_job(self.counted(), *ROOMY, "--request-id", "ticket-7")
        first = request()
        process = self.start(self.holder("job"), *ROOMY, **DEAF)
        run = self.wait_for_file("job")
        process.kill()
        process.wait(self.bound(5))
        self.set_back()
        self.assertEqual(self.jobward("reap").returncode, 0)
        self.assertEqual(self.show(run)["outcome"], "supervisor_lost")
        self.assertEqual(request().result["run"], first.result["run"])
        self.assertEqual(self.lines_of("count"), ["once"])
