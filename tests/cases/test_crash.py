"""Killed between any two steps, and at random times: nothing is left running, nothing reserved, no record is lost or
half written, and the next run works."""

import contextlib
import os
import random
import select
import shutil
import signal
import sqlite3
import subprocess

import crashes
import system
from crashes import FAILED, LOST, NOTHING, OK, POINTS
from harness import Session
from system import wait_until
from test_lost import DEAF, LostCase
from test_queue import Crowded
from variants import FRONT_END, SAME_CODE, not_on, only_on


class CrashCase(Crowded, LostCase):
    """The victim has much of the room reserved, so that the next run finds out whether it is free again."""

    VICTIM, NEXT = 0.4, 0.7  # shares of the room that do not fit together

    def faulty(self, point):
        return {**self.env, "JOBWARD_FAULT": point}

    def victim(self, point, command, *options, **popen):
        """A run with a fault."""
        options = ("--name", point, *(options or self.mem(self.VICTIM)))
        return self.start(command, *options, **{"env": self.faulty(point), **DEAF, **popen})

    def assert_killed(self, process, seconds=10):
        try:
            self.assertEqual(process.wait(self.bound(seconds)), -signal.SIGKILL, "the point was not reached")
        except subprocess.TimeoutExpired:
            self.fail("the point was not reached, and it goes on")

    def rows(self, limit=1000):
        """What is on record, newest first."""
        rows = self.json_of("history", "--json", "-n", str(limit))["runs"]
        for row in rows:
            self.run_ids.add(row["run"])
        return rows

    def outcome_of(self, name, rows):
        """Of the one run of this name: NOTHING if none is on record."""
        found = [row for row in rows if row.get("name") == name]
        self.assertLessEqual(len(found), 1, found)
        if not found:
            return NOTHING
        self.assertEqual(found[0]["state"], "ended", found)
        self.assertTrue(found[0]["cause"].strip(), found)
        return found[0]["outcome"]

    def assert_nothing_is_left(self, rows):
        gone = lambda: not system.survivors(self.tmp)
        wait_until(gone, "all processes are gone", self.bound(5))
        for row in rows:
            for name in (row["run"], f"jobward-{row['run']}.scope"):
                if self.variant in ("scope", "system"):  # systemd removes them, in its own time
                    try:
                        wait_until(lambda: not system.cgroup_directories(name), f"{name} is gone", self.bound(5))
                    except AssertionError as error:
                        self.fail(f"{error}\n{system.describe_unit(name)}\n{row}")
                self.assertEqual(system.cgroup_directories(name), [])
        self.assertEqual(crashes.integrity(self.path("state/jobward.db")), "ok")

    def assert_the_next_run_works(self):
        self.assert_outcome(self.run_job(["true"], *self.mem(self.NEXT), "--no-wait"), "ok", 0)

    def assert_put_right(self, name, expected, after=()):
        """By the next command, which is history if no other is named."""
        if after:
            next_command = self.jobward(*after)
            self.assertEqual(next_command.returncode, 0, next_command)
        rows = self.rows()
        self.assertEqual(self.outcome_of(name, rows), expected)
        self.assertEqual([row for row in rows if row["state"] != "ended"], [])
        self.assert_nothing_is_left(rows)
        self.assertEqual(os.listdir(self.path("state/locks")), [])
        self.assert_the_next_run_works()

    def each_point(self, scenario, check):
        """Calls check(point, what is on record afterwards) for each point of a scenario that this variant has."""
        for point, expected in POINTS[scenario].items():
            if not (point == "half_made" and self.variant == "none"):  # there is no directory to be made
                with self.subTest(point=point):
                    check(point, expected)

    def job_of(self, scenario):
        return ["/bin/sh", "-c", crashes.JOBS[scenario], self.sleeper]


@not_on("delegated", "system", because=SAME_CODE)
class Points(CrashCase):
    @only_on("hybrid", "unified", because=FRONT_END)
    def test_every_point_of_the_binary_is_in_a_scenario(self):
        points = crashes.points_in(Session.binary)
        self.assertTrue(points, "this is a release: configure with JOBWARD_FAULT_POINTS")
        self.assertEqual(crashes.named(), set(points))
        self.assertEqual(len(points), len(set(points)))

    def test_killed_before_it_is_recorded(self):
        def check(point, expected):
            if point == "migrating":
                shutil.rmtree(self.path("state"), ignore_errors=True)
            self.assert_killed(self.victim(point, self.counted()))
            self.assert_put_right(point, expected, after=("ps",))
        self.each_point("unrecorded", check)
        self.assertEqual(self.lines_of("count"), [], "what is not on record has not been started")

    def test_killed_before_the_job_is_started(self):
        def check(point, expected):
            self.assert_killed(self.victim(point, self.counted()))
            self.assert_put_right(point, expected)
            self.assertFalse(self.show(point)["started"])
        self.each_point("unstarted", check)
        self.assertEqual(self.lines_of("count"), [])

    def test_killed_while_the_job_goes_on(self):
        def check(point, expected):
            self.assert_killed(self.victim(point, self.job_of("going")))
            self.assert_put_right(point, expected)
            if point in ("spawn_noted", "running"):
                self.assertTrue(self.show(point)["started"])
        self.each_point("going", check)

    def test_killed_after_the_job_has_ended(self):
        def check(point, expected):
            self.assert_killed(self.victim(point, self.job_of("ended"), *self.mem(self.VICTIM), "--on-end", "true"))
            self.assert_put_right(point, expected)
            if expected == FAILED:
                self.assertEqual(self.show(point)["exit_code"], 3)
        self.each_point("ended", check)

    def test_the_next_run_puts_it_right_as_well(self):
        self.assert_killed(self.victim("running", self.job_of("going")))
        self.assert_the_next_run_works()
        rows = self.rows()
        self.assertEqual([row["outcome"] for row in rows], [OK, LOST])
        self.assert_nothing_is_left(rows)

    def test_killed_while_it_waits_or_is_let_in(self):
        def check(point, expected):
            first = self.hold(f"before-{point}", 0.6)
            waiting = self.victim(point, self.counted(), *self.mem(0.6), stderr=subprocess.PIPE)
            self.said(waiting, "(?i)wait")
            if point == "queued":
                self.assert_killed(waiting)
            self.release(first, f"before-{point}")
            self.assert_killed(waiting)
            self.assert_put_right(point, expected)
            self.assertFalse(self.show(point)["started"])
        self.each_point("queue", check)
        self.assertEqual(self.lines_of("count"), [])

    def test_killed_between_two_attempts(self):
        def check(point, expected):
            command = ["/bin/sh", "-c", 'echo once >> "$0"; exec "$@"', f"count-{point}", *self.needs(94)]
            self.assert_killed(self.victim(point, command, "--mem", "64M", "--retry-oom", "2"))
            self.assert_put_right(point, expected)
            self.assertEqual(self.lines_of(f"count-{point}"), ["once"])
        self.each_point("retry", check)

    def test_killed_in_the_background(self):
        def check(point, expected):
            run = self.jobward("run", "--detach", "--name", point, *self.mem(self.VICTIM), "--",
                               *self.job_of("going"), env=self.faulty(point))
            if point == "reported":
                self.assertEqual(run.returncode, 0, run)
            else:
                self.assertEqual((run.returncode, run.stdout), (125, b""), run)
                self.assertRegex(run.messages, "history")
            background = lambda: [pid for pid in system.survivors(self.tmp) if system.proc_bytes(
                pid, "cmdline").startswith(f"{self.binary}\0run\0".encode())]
            wait_until(lambda: not background(), "the supervisor is dead", self.bound(5))
            self.assert_put_right(point, expected)
        self.each_point("detached", check)

    def test_killed_while_it_closes_a_lost_run(self):
        def check(point, expected):
            lost = self.victim(point, self.job_of("reap"), env=self.env)
            self.wait_for_file("left")
            os.unlink(self.path("left"))
            lost.kill()
            lost.wait(self.bound(5))
            self.assert_killed(self.spawn([self.binary, "reap"], env=self.faulty(point), **DEAF))
            self.assert_put_right(point, expected, after=("reap",))
        self.each_point("reap", check)

    def test_a_kept_job_whose_supervisor_is_killed_before_it_is_started_goes_on_to_its_end(self):
        line = 'until [ -e end-job ]; do "$0" 0.1; done; echo > finished'
        options = (*self.mem(self.VICTIM), "--on-supervisor-loss=keep")
        self.assert_killed(self.victim("child_ready", ["/bin/sh", "-c", line, self.sleeper], *options))
        run, = self.listed()
        self.run_ids.add(run)
        self.end("job")
        self.wait_for_file("finished")
        wait_until(lambda: not system.survivors(self.tmp), "the job has ended", self.bound(5))
        self.assert_put_right("child_ready", LOST)


@only_on("hybrid", "unified", because=FRONT_END)
@not_on("delegated", "system", because=SAME_CODE)
class Records(CrashCase):
    PRUNE = ("history", "--prune", "--keep", "0s", "--keep-runs", "0")

    def test_killed_while_old_runs_are_removed(self):
        def check(point, expected):
            detached = self.jobward("run", "--detach", "--name", point, *self.mem(self.VICTIM), "--", "true")
            run = detached.stdout.decode().strip()
            self.run_ids.add(run)
            self.assertEqual(self.jobward("wait", run).returncode, 0)
            self.assert_killed(self.spawn([self.binary, *self.PRUNE], env=self.faulty(point), **DEAF))
            self.assert_put_right(point, expected)
            self.assertEqual(self.jobward(*self.PRUNE).returncode, 0)
            self.assertEqual(self.rows(), [])
            self.assertEqual(os.listdir(self.path("state/logs")), [], "logs that nobody knows of")
        self.each_point("prune", check)

    def test_killed_while_it_learns_many_runs(self):
        def check(point, expected):
            self.assert_outcome(self.run_job(["true"], "--name", point, *self.mem(self.VICTIM)), "ok", 0)
            database = self.path("state/jobward.db")
            if point != "importing":
                crashes.outdate(database)
            command = crashes.learning_command(point, self.path("."))
            self.assert_killed(self.spawn([self.binary, *command], env=self.faulty(point), **DEAF))
            self.assert_put_right(point, expected)
            self.assertEqual(self.jobward(*command).returncode, 0)
            with contextlib.closing(sqlite3.connect(database)) as connection:
                behind, = connection.execute("SELECT last - learned FROM learning").fetchone()
                versions, = connection.execute("SELECT count(DISTINCT version) FROM states").fetchone()
            self.assertEqual((behind, versions), (0, 1))
        self.each_point("learn", check)

    def test_logs_of_a_run_that_was_never_recorded_are_removed_with_old_runs(self):
        run = self.jobward("run", "--detach", *self.mem(self.VICTIM), "--", "true", env=self.faulty("log_files_made"))
        self.assertEqual(run.returncode, 125, run)
        logs = self.path("state/logs")
        name, = os.listdir(logs)
        self.assertEqual(self.jobward(*self.PRUNE).returncode, 0)
        self.assertEqual(os.listdir(logs), [name], "it may be that of a run that is just starting")
        os.utime(f"{logs}/{name}", (1e9, 1e9))
        self.assertEqual(self.jobward(*self.PRUNE).returncode, 0)
        self.assertEqual(os.listdir(logs), [])

    def test_killed_while_a_corrupt_database_is_set_aside(self):
        def check(point, expected):
            self.assert_the_next_run_works()
            crashes.corrupt(self.path("state/jobward.db"))
            self.assert_killed(self.victim(point, self.counted()))
            self.assert_put_right(point, expected)
            kept = [name for name in os.listdir(self.path("state")) if ".corrupt-" in name]
            self.assertTrue(any(system.read_bytes(self.path(f"state/{name}")).startswith(b"no database")
                                for name in kept), kept)
        self.each_point("corrupt", check)


@not_on("delegated", "system", because=SAME_CODE)
class Random(CrashCase):
    """Four at once, of four kinds; each is killed at some time, unless it was faster."""

    KILLS, IN_VMS = 20, 8  # they are slower; all variants together have far more
    SEED = 20

    def kinds(self):
        first = 'echo > "$STARTED"; '
        stray = ["/bin/sh", "-c", first + crashes.STRAY + '"$0" 0.3; exit 3', self.sleeper]
        large = ["/bin/sh", "-c", first + 'exec "$@"', "sh", *self.needs(94)]
        return {"plain": (self.mem(0.3), stray, (FAILED,)),
                "detached": ((*self.mem(0.2), "--detach"), stray, (FAILED,)),
                "queued": (self.mem(0.6), stray, (FAILED,)),  # does not fit beside the others
                "retried": (("--mem", "64M", "--retry-oom", "2"), large, (OK, "memory_limit"))}

    def supervisors(self, mark):
        """Of a run, also those that are about to become one; oldest first."""
        begins = f"{self.binary}\0run\0".encode()
        return sorted(pid for pid in system.survivors(mark) if system.proc_bytes(pid, "cmdline").startswith(begins))

    def kill(self, mark):
        """Whether there was one to kill. Dead when it returns: what is dying still holds its lock."""
        killed = False
        while pids := self.supervisors(mark):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    handle = os.pidfd_open(pid)
                    if system.carries(pid, mark):
                        signal.pidfd_send_signal(handle, signal.SIGKILL)
                        self.assertTrue(select.select([handle], [], [], self.bound(5))[0], "it does not die")
                        killed = True
                    os.close(handle)
        return killed

    def start_all(self, number):
        """[(mark, name, process, the outcomes that it may have)]"""
        started = []
        for kind, (options, command, outcomes) in self.kinds().items():
            name = f"{kind}-{number}"
            mark = f"{self.tmp}/{name};"
            env = {**self.env, "MARK": mark, "STARTED": self.path(f"started-{name}")}
            process = self.start(command, "--name", name, *options, env=env, **DEAF)
            started.append((mark, name, process, outcomes))
        return started

    def assert_one_is_put_right(self, mark, name, process, outcomes):
        """While the others go on. One that waits may be just about to close it: then history leaves it to that one."""
        def closed():
            rows = self.rows(20)
            is_open = any(row.get("name") == name and row["state"] != "ended" for row in rows)
            return None if is_open else rows
        outcome = self.outcome_of(name, wait_until(closed, f"{name} is closed", self.bound(5)))
        wait_until(lambda: not system.survivors(mark), f"all processes of {name} are gone", self.bound(5))
        self.assertIn(outcome, (NOTHING, LOST, *outcomes))
        if outcome == NOTHING:
            self.assertFalse(os.path.exists(self.path(f"started-{name}")), f"{name} has run, and is on no record")
        process.wait(self.bound(5))
        return outcome

    def one_round(self, number, chance):
        kills, outcomes = 0, []
        started = self.start_all(number)
        chance.shuffle(started)
        for victim in started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                victim[2].wait(self.bound(chance.expovariate(chance.choice((5, 50)))))
            if self.kill(victim[0]):
                kills += 1
                outcomes.append(self.assert_one_is_put_right(*victim))
        rows = self.rows()
        self.assertEqual([row for row in rows if row["state"] != "ended"], [])
        self.assert_nothing_is_left(rows[:20])
        self.assert_the_next_run_works()
        return kills, outcomes

    def test_killed_at_random_times(self):
        chance = random.Random(self.SEED)
        wanted = int(os.environ.get("JOBWARD_TEST_KILLS", self.IN_VMS if self.slow else self.KILLS))
        kills, number, outcomes = 0, 0, []
        while kills < wanted:
            number += 1
            try:
                more, seen = self.one_round(number, chance)
            except AssertionError:
                print(f"in round {number} of seed {self.SEED}, after {kills} kills")
                raise
            kills += more
            outcomes += seen
            self.assertLess(number, wanted, "too few were caught")
        print(f"{kills} kills in {number} rounds: " + ", ".join(
            f"{outcomes.count(outcome)} {outcome or 'unrecorded'}" for outcome in sorted(set(outcomes), key=str)))
