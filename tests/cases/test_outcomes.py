"""Every outcome that a job can have, once, with a cause in words; and what is not to be taken for one."""

import signal

from grounds import Cage
from harness import ROOMY, Case
from system import MIB, wait_until
from variants import VM, not_on, only_on


class Outcomes(Case):
    def assert_named(self, run, outcome, returncode, source, cause):
        """Also the records must have it, not only the result file."""
        self.assert_outcome(run, outcome, returncode, source)
        self.assertRegex(run.result["cause"], cause)
        shown = self.json_of("show", run.result["run"], "--json")
        self.assertEqual((shown["outcome"], shown["cause"]), (outcome, run.result["cause"]))

    def test_ok(self):
        self.assert_named(self.run_job(["true"], *ROOMY), "ok", 0, "job", "exit status 0")

    def test_failed(self):
        self.assert_named(self.run_job(["/bin/sh", "-c", "exit 3"], *ROOMY), "failed", 3, "job", "exit status 3")

    def test_failed_with_137_of_its_own_is_not_called_an_oom(self):
        run = self.run_job(["/bin/sh", "-c", "exit 137"], *ROOMY)
        self.assert_named(run, "failed", 137, "job", "exit status 137")

    def test_signaled_by_its_own_kill_9_is_not_called_an_oom(self):
        run = self.run_job(["/bin/sh", "-c", "kill -9 $$"], *ROOMY)
        self.assert_named(run, "signaled", 137, "job", "SIGKILL")
        self.assertNotRegex(run.result["cause"], "memory limit|system is out of memory")

    def test_signaled(self):
        run = self.run_job(["/bin/sh", "-c", "kill -USR2 $$"], *ROOMY)
        self.assert_named(run, "signaled", 128 + signal.SIGUSR2, "job", "SIGUSR2")

    def test_memory_limit(self):
        run = self.run_job(self.dd(64, count=10**6), "--mem", "64M")
        self.assert_named(run, "memory_limit", 137, "jobward", "64")

    def test_wall_limit(self):
        run = self.run_job([self.sleeper, "1000"], *ROOMY, "--time", "1s")
        self.assert_named(run, "wall_limit", 124, "jobward", "wall limit")

    def test_cpu_limit(self):
        run = self.run_job(["/bin/sh", "-c", "while :; do :; done"], *ROOMY, "--cpu-time", "1s")
        self.assert_named(run, "cpu_limit", 124, "jobward", "(?i)cpu")

    def test_pids_limit(self):
        run = self.run_job(self.job("bomb", 4, "error"), "--mem", "192M", "--pids", "5")
        returncode, source = (137, "jobward") if self.variant == "none" else (3, "job")
        self.assert_named(run, "pids_limit", returncode, source, "5")

    def test_stall_limit(self):
        run = self.run_job([self.sleeper, "1000"], *ROOMY, "--stall", "1s")
        self.assert_named(run, "stall_limit", 124, "jobward", "(?i)stall|no CPU time")

    def test_stopped(self):
        process = self.start(["/bin/sh", "-c", 'echo > ready; exec "$0" 1000', self.sleeper], *ROOMY)
        self.wait_for_file("ready")
        process.send_signal(signal.SIGTERM)
        self.assert_named(self.finish(process), "stopped", -signal.SIGTERM, None, "TERM|stop")

    def test_launch_failed(self):
        run = self.run_job(["no-such-command"], *ROOMY)
        self.assert_outcome(run, "launch_failed", 127, "jobward")
        self.assertRegex(run.result["cause"], "not found")

    @not_on("unified", "delegated", "system", because="with all controllers every limit can be enforced; a refusal "
                                                      "by the policy is in test_configuration")
    def test_launch_failed_for_a_limit_that_cannot_be_enforced(self):
        options = {"none": ("--cpus", "0.5"), "scope": ("--cpuset", "0")}.get(
            self.variant, ("--io-write", f"5M/s@{self.work}"))
        self.assert_refused(self.run_job(["true"], *ROOMY, *options), options[0].removeprefix("--").split("-")[0])

    @not_on("none", because="no cgroup holds the jobs together, so there is no cap on all of them")
    def test_aggregate_limit(self):
        # In a place of its own where that can be made: the cap must not meet the runs of others.
        enter = None if self.variant in ("delegated", "scope") else self.cage(Cage(600 * MIB)).enter
        self.configure('[aggregate]\nmemory = "128M"\n')
        # Without limits of their own: what has one is not let in beside another that it does not fit with.
        # The VMs have swap, where they would go instead.
        options = ("--no-limit", "--time", "60s", *(("--swap", "0") if self.variant in VM else ()))
        runs = [self.start(self.job("fill", 84, f"full-{number}"), *options, enter=enter) for number in (1, 2)]
        first = self.wait_for_one_to_end(runs)
        ended = self.finish(first)
        self.assert_named(ended, "aggregate_limit", 137, "jobward", "128")
        other = next(process for process in runs if process is not first)
        other.terminate()  # the kernel may have taken both before the first one's memory was free
        self.assertIn(self.finish(other).result["outcome"], ("stopped", "aggregate_limit"))

    def wait_for_one_to_end(self, processes):
        return wait_until(lambda: next((process for process in processes if process.poll() is not None), None),
                          "one of the jobs is ended", self.bound(20))

    @only_on("unified", "delegated", because="exhausting the memory of a machine is for machines made for it, and "
             "one with nothing else to page in: with systemd around it this takes minutes under emulation")
    def test_system_oom(self):
        self.configure('[aggregate]\nmemory = "none"\n')
        run = self.run_job(self.job("exhaust_the_machine"), "--no-limit", "--time", "300s")
        self.assert_named(run, "system_oom", 137, "jobward", "(?i)system|machine")
