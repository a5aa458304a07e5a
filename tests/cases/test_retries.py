"""Retries: after the run's own memory limit, after its wall limit, and after nothing else."""

from harness import LIMITED, ROOMY
from system import MIB
from test_queue import Crowded
from variants import FRONT_END, SAME_CODE, not_on, only_on

# Notes the attempt and the limit that it was told, then becomes the rest.
NOTE = 'echo "$JOBWARD_ATTEMPT" >> attempts; echo "$JOBWARD_MEM_LIMIT" >> limits; exec "$@"'
# Fills as much as its limit is, so it always needs a little more.
OUTGROW = LIMITED + 'exec dd if=/dev/zero of=/dev/null bs="$JOBWARD_MEM_LIMIT" count=1000000 2>/dev/null'


@not_on("v1", "delegated", "system", because=SAME_CODE)
class Retries(Crowded):
    """In a place of known size: limits of later attempts are chosen by what is free."""

    def noted(self, command):
        return ["/bin/sh", "-c", NOTE, "sh", *command]

    def outcomes(self, run):
        return [attempt["outcome"] for attempt in run.result["attempts"]]

    def limits(self, run, name):
        return [attempt["limits"][name] for attempt in run.result["attempts"]]

    def assert_attempts(self, run, outcomes):
        """Each is listed with what there is to know about it, in the result and in the records, as one run."""
        attempts = run.result["attempts"]
        self.assertEqual([(attempt["attempt"], attempt["outcome"]) for attempt in attempts],
                         list(enumerate(outcomes, 1)), run)
        for attempt in attempts:
            self.assertTrue(attempt["cause"].strip(), attempt)
            self.assertGreater(attempt["wall_seconds"], 0, attempt)
            if self.variant != "none":  # who polls has no peak of a process that ends between two looks
                self.assertGreater(attempt["memory_peak_bytes"], 0, attempt)
        runs = self.json_of("history", "--json")["runs"]
        self.assertEqual([row["run"] for row in runs], [run.result["run"]], "it stays one run")
        self.assertEqual(runs[0]["attempts"], attempts)

    # -- memory

    def test_a_job_that_needs_half_as_much_again_ends_ok_in_the_second_attempt(self):
        run = self.run_job(self.noted(self.needs(94)), "--mem", "64M", "--retry-oom", "2")
        self.assert_outcome(run, "ok", 0)
        self.assert_attempts(run, ["memory_limit", "ok"])
        first, second = self.limits(run, "memory_bytes")
        self.assertEqual(first, 64 * MIB)
        self.assertGreater(second, 94 * MIB)
        self.assertEqual(run.result["limits"]["memory_bytes"], second, "of the last attempt")
        self.assertEqual(self.lines_of("attempts"), ["1", "2"])
        self.assertEqual(self.lines_of("limits"), [str(first), str(second)])

    def test_a_job_that_always_needs_more_ends_at_its_limit_after_the_last_attempt(self):
        run = self.run_job(self.noted(["/bin/sh", "-c", OUTGROW]), "--mem", "32M", "--retry-oom", "2", seconds=20)
        self.assert_outcome(run, "memory_limit", 137, "jobward")
        self.assert_attempts(run, ["memory_limit"] * 3)
        limits = self.limits(run, "memory_bytes")
        self.assertEqual(limits, sorted(set(limits)), "each has more than the one before")
        self.assertLessEqual(limits[-1], self.room)
        self.assertEqual(self.lines_of("attempts"), ["1", "2", "3"])

    def test_without_the_option_nothing_is_retried(self):
        run = self.run_job(self.noted(self.dd(64, count=10**6)), "--mem", "64M")
        self.assert_outcome(run, "memory_limit", 137, "jobward")
        self.assert_attempts(run, ["memory_limit"])

    @only_on("hybrid", "unified", because=FRONT_END)
    def test_the_configuration_can_ask_for_retries(self):
        self.configure("[defaults]\nretry_oom = 2\n")
        run = self.run_job(self.noted(self.needs(94)), "--mem", "64M")
        self.assert_outcome(run, "ok", 0)
        self.assert_attempts(run, ["memory_limit", "ok"])

    def test_the_need_that_a_retry_has_found_is_learned(self):
        command = self.noted(self.needs(94))
        self.assert_outcome(self.run_job(command, "--mem", "64M", "--retry-oom", "2"), "ok", 0)
        run = self.run_job(command, "--no-wait")
        self.assert_outcome(run, "ok", 0)
        self.assertGreater(run.result["limits"]["memory_bytes"], 94 * MIB)

    # -- time

    def test_a_job_that_takes_half_as_long_again_ends_ok_in_the_second_attempt(self):
        run = self.run_job(self.noted([self.sleeper, "3"]), *ROOMY, "--time", "2s", "--retry-time", "2", seconds=20)
        self.assert_outcome(run, "ok", 0)
        self.assert_attempts(run, ["wall_limit", "ok"])
        first, second = self.limits(run, "wall_seconds")
        self.assertEqual(first, 2)
        self.assertGreater(second, 3)

    def test_a_job_that_never_ends_ends_at_its_wall_limit_after_the_last_attempt(self):
        run = self.run_job(self.noted([self.sleeper, "1000"]), *ROOMY, "--time", "1s", "--retry-time", "1", seconds=20)
        self.assert_outcome(run, "wall_limit", 124, "jobward")
        self.assert_attempts(run, ["wall_limit"] * 2)
        first, second = self.limits(run, "wall_seconds")
        self.assertLess(first, second)

    # -- nothing else

    def assert_not_retried(self, command, *options, outcome):
        run = self.run_job(self.noted(command), "--name", outcome, *options)
        self.assertEqual((run.result["outcome"], self.outcomes(run)), (outcome, [outcome]), run)
        self.assertEqual(self.lines_of("attempts"), ["1"], run)

    def test_a_failure_is_not_retried(self):
        both = ("--retry-oom", "3", "--retry-time", "3")
        self.assert_not_retried(["/bin/sh", "-c", "exit 1"], *ROOMY, *both, outcome="failed")

    def test_an_exit_status_of_137_is_not_retried(self):
        self.assert_not_retried(["/bin/sh", "-c", "exit 137"], *ROOMY, "--retry-oom", "3", outcome="failed")

    def test_a_signal_is_not_retried(self):
        self.assert_not_retried(["/bin/sh", "-c", "kill -9 $$"], *ROOMY, "--retry-oom", "3", outcome="signaled")

    def test_retry_oom_does_not_retry_a_wall_limit(self):
        self.assert_not_retried([self.sleeper, "1000"], *ROOMY, "--time", "1s", "--retry-oom", "3",
                                outcome="wall_limit")

    def test_retry_time_does_not_retry_a_memory_limit(self):
        self.assert_not_retried(self.dd(64, count=10**6), "--mem", "64M", "--retry-time", "3", outcome="memory_limit")

    def test_a_run_that_is_stopped_is_not_retried(self):
        command = self.noted(["/bin/sh", "-c", 'echo > ready; exec "$0" 1000', self.sleeper])
        process = self.start(command, *ROOMY, "--time", "1h", "--retry-oom", "3", "--retry-time", "3")
        self.wait_for_file("ready")
        process.terminate()
        run = self.finish(process)
        self.assertEqual((run.result["outcome"], self.outcomes(run)), ("stopped", ["stopped"]), run)
        self.assertEqual(self.lines_of("attempts"), ["1"])
