"""Supervisors that are killed, records that cannot be kept: what is left is true, and nothing is left running."""

import contextlib
import os
import signal
import sqlite3
import subprocess

import system
from harness import ROOMY
from system import MIB, wait_until
from test_queue import Crowded, Scene
from variants import ROOT, SAME_CODE, not_on, only_on

DEAF = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # or what is left would hold our pipes open
STRAY = 'setsid "$0" 1000 & echo $! > left; wait'  # outlives the main process, which dies with its supervisor


class LostCase(Scene):
    def start_to_lose(self, line='exec "$0" 1000', *options, **popen):
        """A run to be lost, once its job has said who it is; its id."""
        script = f"echo $$ > pid; echo $JOBWARD_RUN_ID > id; {line}"
        process = self.start(["/bin/sh", "-c", script, self.sleeper], *(options or ROOMY), **DEAF, **popen)
        run = self.wait_for_file("id")
        self.run_ids.add(run)
        # The job runs a moment before its start is on record.
        wait_until(lambda: self.show(run).get("started"), "its start is on record", self.bound(10))
        return process, run

    def lose(self, line='exec "$0" 1000', *options, ready=None):
        """A run whose supervisor was killed (once the file `ready` was there); its id."""
        process, run = self.start_to_lose(line, *options)
        if ready:
            self.wait_for_file(ready)
        process.kill()
        process.wait(self.bound(5))
        return run

    def assert_lost(self, run):
        shown = self.show(run)
        self.assertEqual((shown["outcome"], shown["state"]), ("supervisor_lost", "ended"), shown)
        self.assertTrue(shown["started"], shown)
        self.assertRegex(shown["cause"], "(?i)supervisor")
        self.assertEqual(system.cgroup_directories(run), [])
        return shown

    def assert_dies(self, pid):
        wait_until(lambda: system.is_dead(pid), f"{system.describe([pid])} is dead", self.bound(5))


@not_on("delegated", "system", because=SAME_CODE)
class Lost(LostCase):
    def test_ps_closes_a_run_whose_supervisor_is_gone(self):
        run = self.lose()
        self.assertEqual(self.listed(), {})
        self.assert_dies(self.wait_for_pid("pid"))
        self.assert_lost(run)

    def test_history_closes_it_likewise(self):
        run = self.lose()
        row = self.json_of("history", "--json")["runs"][0]
        self.assertEqual((row["run"], row["outcome"]), (run, "supervisor_lost"))
        self.assert_lost(run)

    def test_the_next_run_closes_it_likewise(self):
        run = self.lose(STRAY, ready="left")
        self.assert_outcome(self.run_job(["true"], *ROOMY), "ok", 0)
        self.assert_dies(self.wait_for_pid("left"))
        self.assert_lost(run)

    def test_reap_kills_what_is_left_and_removes_its_cgroups(self):
        run = self.lose(STRAY, ready="left")
        reaped = self.jobward("reap")
        self.assertEqual(reaped.returncode, 0, reaped)
        self.assertIn(run, reaped.stdout.decode() + reaped.messages)
        self.assertTrue(system.is_dead(self.wait_for_pid("left")), "dead when reap has ended")
        self.assert_lost(run)

    def test_reap_leaves_alone_what_is_going_on(self):
        process = self.start(self.holder("job"), *ROOMY)
        run = self.wait_for_file("job")
        self.assertEqual(self.jobward("reap").returncode, 0)
        self.assertIn(run, self.listed())
        self.end("job")
        self.assert_outcome(self.finish(process), "ok", 0)

    @not_on("none", because="what was polled went with the one who polled: no counter is left to read")
    @not_on("scope", "system", because="systemd removes a scope as soon as nobody is in it, its counters included")
    def test_the_usage_that_is_known_is_recorded(self):
        process = self.start(self.job("fill", 60, "full"), *ROOMY, **DEAF)
        self.wait_for_file("full")
        process.kill()
        process.wait(self.bound(5))
        row = self.json_of("history", "--json")["runs"][0]
        self.assertEqual(row["outcome"], "supervisor_lost")
        self.assertGreater(row["usage"]["memory_peak_bytes"], 60 * MIB)

    def test_why_says_that_the_supervisor_was_lost(self):
        self.assertRegex(self.jobward("why", self.lose()).stdout.decode(), "(?i)supervisor")

    # -- left running on purpose

    KEPT = 'until [ -e end-job ]; do "$0" 0.1; done; echo > finished'

    def test_a_kept_job_goes_on_to_its_end_and_is_closed_then(self):
        run = self.lose(self.KEPT, *ROOMY, "--on-supervisor-loss=keep")
        self.assertIn(run, self.listed())
        self.assertEqual(self.jobward("reap").returncode, 0)
        job = self.wait_for_pid("pid")
        self.assertFalse(system.is_dead(job))
        self.end("job")
        self.wait_for_file("finished")
        self.assert_dies(job)
        self.assertNotIn(run, self.listed())
        self.assert_lost(run)

    def test_stop_ends_a_kept_job(self):
        run = self.lose(self.KEPT, *ROOMY, "--on-supervisor-loss=keep")
        self.assertEqual(self.jobward("stop", run).returncode, 0)
        self.assertTrue(system.is_dead(self.wait_for_pid("pid")))
        self.assertNotIn(run, self.listed())

    # -- another boot

    def pretend_another_boot(self, run):
        boot = system.read_text("/proc/sys/kernel/random/boot_id").strip()
        with contextlib.closing(sqlite3.connect(self.path("state/jobward.db"), timeout=10)) as database:
            database.execute("UPDATE runs SET request = replace(request, ?, ?) WHERE id = ?",
                             (boot, "00000000-1111-2222-3333-444444444444", run))
            self.assertEqual(database.execute("SELECT count(*) FROM runs WHERE request LIKE '%-2222-3333-%'"
                                              ).fetchone(), (1,), "the record has no boot id")
            database.commit()

    def test_a_run_of_before_a_reboot_is_closed_and_nothing_is_killed(self):
        run = self.lose()
        system.kill_survivors(self.tmp)  # as after a reboot: neither processes nor cgroups are left
        for directory in system.cgroup_directories(run):
            system.remove_cgroup_tree(directory)
        self.pretend_another_boot(run)
        namesake = self.spawn([self.sleeper, "1000"], env={**self.env, "JOBWARD_RUN_ID": run})
        self.assertEqual(self.jobward("reap").returncode, 0)
        self.assertRegex(self.assert_lost(run)["cause"], "(?i)boot")
        self.assertIsNone(namesake.poll(), "a process of this boot was killed for a run of another one")
        namesake.kill()


@not_on("delegated", "system", because=SAME_CODE)
class Reserved(Crowded, LostCase):
    def test_what_a_lost_run_had_reserved_is_free_again(self):
        self.lose(STRAY, *self.mem(0.6), ready="left")
        self.assert_outcome(self.run_job(["true"], *self.mem(0.6), "--no-wait"), "ok", 0)
        self.assert_dies(self.wait_for_pid("left"))

    @not_on("none", because="without a supervisor and without a cgroup nothing tells what a kept job has reserved")
    def test_what_a_kept_job_had_reserved_stays_reserved(self):
        run = self.lose(Lost.KEPT, *self.mem(0.6), "--on-supervisor-loss=keep")
        refused = self.run_job(["true"], *self.mem(0.6), "--no-wait")
        self.assert_outcome(refused, "not_admitted", 75, "jobward")
        self.end("job")
        self.assert_dies(self.wait_for_pid("pid"))
        self.assert_outcome(self.run_job(["true"], *self.mem(0.6), "--no-wait"), "ok", 0)
        self.assert_lost(run)


@only_on("hybrid", "unified", "system", because="only root makes a pid namespace here, and one kind of v1 is enough")
@not_on("delegated", "system", because=SAME_CODE)
class Namespaces(LostCase):
    # Process 1 of a pid namespace: stays when its child, the supervisor, is killed; reaps when it is told to.
    FIRST = """
        jobward=$0 sleeper=$1; shift
        "$@" &
        until [ -e reap-now ]; do "$sleeper" 0.1; done
        "$jobward" reap > reaped-part 2>&1; echo $? >> reaped-part; mv reaped-part reaped
        until [ -e leave ]; do "$sleeper" 0.1; done
    """

    def start_inside(self, line):
        """A run in a pid namespace with the same state directory; its id and its supervisor's pid out here."""
        prefix = [*self.place("pid1"), "/bin/sh", "-c", self.FIRST, self.binary, self.sleeper]
        _, run = self.start_to_lose(line, *ROOMY, prefix=prefix, drop=False)
        return run, self.pid_of(f"{self.binary}\0run\0")

    def pid_of(self, beginning):
        def found():
            return [pid for pid in system.survivors(self.tmp)
                    if system.proc_bytes(pid, "cmdline").startswith(beginning.encode())]
        return wait_until(found, f"{beginning!r} is there", self.bound(10))[0]

    def leave(self):
        """Ends the namespace, and with it all that is in it."""
        self.write("reap-now", "")
        self.write("leave", "")
        wait_until(lambda: not system.survivors(self.tmp), "the namespace is gone", self.bound(10))

    def test_a_run_that_goes_on_in_another_pid_namespace_is_left_alone(self):
        run, supervisor = self.start_inside('exec "$0" 1000')
        self.assertEqual(self.jobward("reap").returncode, 0)
        self.assertIn(run, self.listed())
        self.assertFalse(system.is_dead(supervisor))
        os.kill(supervisor, signal.SIGTERM)
        wait_until(lambda: self.show(run).get("outcome") == "stopped", "its own supervisor closes it", self.bound(10))
        self.leave()

    def test_a_run_lost_in_another_pid_namespace_is_reaped_there_only(self):
        run, supervisor = self.start_inside(STRAY)
        stray = self.pid_of(f"{self.sleeper}\0" + "1000\0")
        os.kill(supervisor, signal.SIGKILL)
        wait_until(lambda: system.is_dead(supervisor), "the supervisor is dead", self.bound(5))
        self.assertEqual(self.jobward("reap").returncode, 0)
        self.assertFalse(system.is_dead(stray), "reaped from outside of its namespace")
        self.assertNotIn("outcome", self.show(run))
        self.write("reap-now", "")
        self.assertEqual(self.wait_for_file("reaped").split()[-1], "0")
        self.assertTrue(system.is_dead(stray))
        self.assert_lost(run)
        self.leave()


@only_on(*ROOT, because="who is not root cannot mount a file system that is full or read-only")
@not_on("delegated", "system", because=SAME_CODE)
class Unwritable(Scene):
    def on_a_file_system(self, options, line, command, *more):
        """A run whose state directory is one of its own, in a mount namespace; `line` is done in it before."""
        script = f'mkdir -p "$0"; mount -t tmpfs -o {options} tmpfs "$0" || exit 99; {line}; exec "$@"'
        prefix = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, self.path("state")]
        return self.run_job(command, *more, prefix=prefix)

    def on_a_full_one(self, command, *more):
        fill = 'dd if=/dev/zero of="$0/fill" bs=4k 2>/dev/null'
        return self.on_a_file_system("size=64k,mode=700", fill, command, *more)

    def assert_runs_unrecorded(self, run):
        self.assert_outcome(run, "failed", 3, "job")
        self.assertEqual(run.stdout, b"ran\n")
        self.assertIs(run.result["recorded"], False)
        self.assertRegex(run.messages, "(?i)record")

    def test_with_a_read_only_state_directory_the_job_runs_unrecorded(self):
        self.assert_runs_unrecorded(self.on_a_file_system("ro", ":", ["/bin/sh", "-c", "echo ran; exit 3"]))

    def test_with_a_full_disk_the_job_runs_unrecorded(self):
        self.assert_runs_unrecorded(self.on_a_full_one(["/bin/sh", "-c", "echo ran; exit 3"]))

    def test_what_depends_on_the_record_does_not_start_with_a_full_disk(self):
        for options in (("--mem", "64M"), ("--request-id", "ticket-7")):
            with self.subTest(options=options):
                run = self.on_a_full_one(["/bin/sh", "-c", "echo > ran"], *options)
                self.assert_outcome(run, "launch_failed", 125, "jobward")
                self.assertRegex(run.said, "(?i)record")
                self.assertFalse(os.path.exists(self.path("ran")), run)

    def test_a_disk_that_fills_up_during_the_run_costs_neither_status_nor_result(self):
        command = ["/bin/sh", "-c", 'dd if=/dev/zero of="$0/fill" bs=4k 2>/dev/null; exit 3', self.path("state")]
        run = self.on_a_file_system("size=4M,mode=700", ":", command)
        self.assert_outcome(run, "failed", 3, "job")
        if not run.result["recorded"]:
            self.assertRegex(run.said, "(?i)record")


@not_on("delegated", "system", because=SAME_CODE)
class Locked(Scene):
    def test_a_locked_database_is_waited_for(self):
        self.assert_outcome(self.run_job(["true"], *ROOMY), "ok", 0)  # makes it
        locker = self.spawn(self.job("lock_database", self.path("state/jobward.db"), 2 if self.slow else 1, "locked"))
        self.wait_for_file("locked")
        run = self.run_job(["true"], *ROOMY)
        self.assert_outcome(run, "ok", 0)
        self.assertIs(run.result["recorded"], True)
        self.assertEqual(self.show(run.result["run"])["outcome"], "ok")
        self.assertEqual(self.finish(locker).returncode, 0)
