"""Elastic limits: a job at its limit gets more while there is room that nobody has reserved; it is never stuck."""

import os
import signal
import subprocess

import system
from harness import Case
from system import MIB, wait_until
from test_queue import Crowded
from variants import SAME_CODE, not_on, only_on

NO_HELP = "without a cgroup there is neither memory.high nor an OOM notification: nothing holds a job at its limit"


@not_on("delegated", "system", because=SAME_CODE)
class WithoutTheKernel(Case):
    @only_on("none", because="a cgroup v2 has memory.high, v1 an OOM notification: there it can be done")
    def test_elastic_is_refused_unless_best_effort(self):
        run = self.run_job(["/bin/sh", "-c", "echo > ran"], "--mem", "64M", "--elastic")
        self.assert_refused(run, "(?i)elastic")
        self.assertFalse(os.path.exists(self.path("ran")), run)
        self.assert_outcome(self.run_job(["true"], "--mem", "64M", "--elastic", "--best-effort"), "ok", 0)


@not_on("none", because=NO_HELP)
@not_on("delegated", "system", because=SAME_CODE)
class Elastic(Crowded):
    def assert_raised(self, run):
        """Raises are listed one after the other, each to more than before."""
        raises, limit = run.result.get("raises", []), 64 * MIB
        self.assertNotEqual(raises, [], run)
        for step in raises:
            self.assertEqual(step["from_bytes"], limit, raises)
            self.assertGreater(step["to_bytes"], limit, raises)
            self.assertLessEqual(0, step["seconds"])
            self.assertLessEqual(step["seconds"], run.result["usage"]["wall_seconds"])
            limit = step["to_bytes"]
        self.assertEqual(self.show(run.result["run"])["raises"], raises)
        return limit

    def test_a_job_that_grows_fast_beyond_its_limit_gets_more(self):
        run = self.run_job(self.job("grab", 102), "--mem", "64M", "--elastic")
        self.assert_outcome(run, "ok", 0)
        self.assertGreater(self.assert_raised(run), 102 * MIB)
        self.assertGreater(run.result["usage"]["memory_need_bytes"], 102 * MIB)

    def test_a_job_that_grows_page_by_page_gets_more(self):
        run = self.run_job(self.job("peak_then_valley", 102, 0.3), "--mem", "64M", "--elastic")
        self.assert_outcome(run, "ok", 0)
        self.assertGreater(self.assert_raised(run), 102 * MIB)

    def test_a_job_below_its_limit_is_not_given_more(self):
        run = self.run_job(self.job("grab", 10), "--mem", "64M", "--elastic")
        self.assert_outcome(run, "ok", 0)
        self.assertEqual(run.result.get("raises", []), [])
        self.assertEqual(run.result["limits"]["memory_bytes"], 64 * MIB)

    def test_without_the_option_nothing_is_raised(self):
        run = self.run_job(self.job("grab", 102), "--mem", "64M")
        self.assert_outcome(run, "memory_limit", 137, "jobward")
        self.assertEqual(run.result.get("raises", []), [])

    def test_a_cap_below_the_need_ends_the_job_at_the_cap(self):
        run = self.run_job(self.job("grab", 160), "--mem", "64M", "--elastic=96M")
        self.assert_outcome(run, "memory_limit", 137, "jobward")
        self.assertLessEqual(self.assert_raised(run), 96 * MIB)
        self.assertLess(run.result["usage"]["memory_peak_bytes"], 98 * MIB)

    def test_the_true_need_is_learned(self):
        command = self.job("grab", 102)
        self.assert_raised(self.run_job(command, "--mem", "64M", "--elastic"))
        again = self.run_job(command, "--elastic")
        self.assert_outcome(again, "ok", 0)
        self.assertEqual(again.result.get("raises", []), [], "the limit was enough from the start")

    def test_what_others_have_reserved_is_not_given_away(self):
        other = self.hold("other", 0.85)
        run = self.run_job(self.job("grab", 256), "--mem", "64M", "--elastic", "--no-wait")
        self.assert_outcome(run, "memory_limit", 137, "jobward")
        self.assertLess(run.result["usage"]["memory_peak_bytes"], 0.2 * self.room)
        self.release(other, "other")

    def test_what_was_given_is_reserved(self):
        grown = int(0.5 * self.room) // MIB
        first = self.start(self.job("fill_and_release", grown, "released"), "--mem", "64M", "--elastic")
        self.wait_for_file("released", 20)
        run = self.run_job(["true"], *self.mem(0.6), "--no-wait")
        self.assert_outcome(run, "not_admitted", 75, "jobward")
        first.terminate()
        self.assert_outcome(self.finish(first), "stopped", -signal.SIGTERM)

    # -- the supervisor asleep or dead

    def reach_the_limit(self, *options, number, **popen):
        """A job told to grow beyond its limit right after this signal to its supervisor; returns both."""
        process = self.start(self.job("fill", 102, "full", "go"), "--mem", "64M", "--elastic", *options, **popen)
        job = self.wait_for_pid("full-to-go")
        process.send_signal(number)
        wait_until(lambda: system.state_of(process.pid) in ("T", "Z"), "the signal has arrived", self.bound(5))
        self.write("go", "")
        return process, job

    def test_a_job_is_not_stuck_while_its_supervisor_is_stopped(self):
        process, job = self.reach_the_limit(number=signal.SIGSTOP)
        wait_until(lambda: system.is_dead(job), "the kernel kills the job as without --elastic", self.bound(6))
        process.send_signal(signal.SIGCONT)
        self.assert_outcome(self.finish(process), "memory_limit", 137, "jobward")

    def test_a_job_is_not_stuck_when_its_supervisor_is_dead(self):
        process, job = self.reach_the_limit("--on-supervisor-loss=keep", number=signal.SIGKILL,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: system.is_dead(job), "the kernel kills the job as without --elastic", self.bound(6))
        process.wait(self.bound(5))
        self.assertEqual(self.json_of("history", "--json")["runs"][0]["outcome"], "supervisor_lost")
