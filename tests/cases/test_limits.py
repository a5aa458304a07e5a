"""Every limit of `jobward run`, seen from the job that is held to it."""

import json
import os

import system
from harness import ROOMY, Case
from system import MIB
from variants import NO_CGROUP, NO_SWAP, V1, VM, not_on, only_on

V1_BUFFERED = ("v1's blkio sees only direct I/O: buffered writes cannot be held back, so the limit is refused, "
               "see test_outcomes")
NO_IO_DELEGATED = "systemd delegates cpu, memory and pids to a user's manager, neither io nor cpuset"


class Memory(Case):
    def test_mem_is_in_the_result_and_in_the_jobs_environment(self):
        run = self.run_job(self.job("describe", "seen"), "--mem", "96M")
        self.assert_outcome(run, "ok", 0)
        self.assertEqual(run.result["limits"]["memory_bytes"], 96 * MIB)
        self.assertEqual(run.result["limits"]["sources"]["memory"], "--mem")
        self.assertEqual(json.loads(self.wait_for_file("seen"))["memory"], str(96 * MIB))

    def test_no_limit_leaves_memory_without_one(self):
        run = self.run_job(self.job("describe", "seen"), "--no-limit")
        self.assert_outcome(run, "ok", 0)
        self.assertNotIn("memory_bytes", run.result["limits"])
        self.assertEqual(json.loads(self.wait_for_file("seen"))["memory"], "max")

    @not_on("none", because=NO_CGROUP)
    def test_swap_is_in_the_result_and_held_by_the_kernel(self):
        run = self.run_job(["true"], "--mem", "64M", "--swap", "0")
        self.assert_outcome(run, "ok", 0)
        self.assertEqual((run.result["limits"]["swap_bytes"], run.result["enforcement"]["swap"]), (0, "kernel"))

    @only_on(*VM, because=NO_SWAP)
    def test_swap_lets_a_job_grow_beyond_its_memory_limit(self):
        run = self.run_job(self.dd(96), "--mem", "64M", "--swap", "128M")
        self.assert_outcome(run, "ok", 0)
        self.assertEqual(run.result["limits"]["swap_bytes"], 128 * MIB)

    def leave_the_hog(self):
        """A main process that starts a child too large for 64 MiB, survives it, and exits 7."""
        return ["/bin/sh", "-c", '"$@"; echo "child $?"; exit 7', "sh", *self.dd(96, count=10**6)]

    def test_oom_kill_process_takes_the_large_child_only(self):
        run = self.run_job(self.leave_the_hog(), "--mem", "64M", "--oom-kill=process")
        self.assert_outcome(run, "memory_limit", 7, "job")
        self.assertEqual(run.stdout, b"child 137\n")

    def test_oom_kill_job_is_the_default_and_takes_everything(self):
        for options in ([], ["--oom-kill=job"]):
            run = self.run_job(self.leave_the_hog(), "--mem", "64M", *options)
            self.assert_outcome(run, "memory_limit", 137, "jobward")
            self.assertEqual(run.stdout, b"")

    def test_warn_signal_comes_before_the_memory_limit(self):
        run = self.run_job(self.job("checkpoint", 128, 0.1, "saved"), "--mem", "128M", "--warn-signal", "USR1@90%")
        self.assert_outcome(run, "ok", 0)
        self.assertGreaterEqual(int(self.wait_for_file("saved")), 96)


class Time(Case):
    def test_time_is_in_the_result(self):
        run = self.run_job(["true"], *ROOMY, "--time", "90s", "--cpu-time", "2m", "--stall", "3m")
        self.assert_outcome(run, "ok", 0)
        limits = run.result["limits"]
        self.assertEqual((limits["wall_seconds"], limits["cpu_time_seconds"], limits["stall_seconds"]),
                         (90, 120, 180))

    def test_warn_signal_comes_before_the_wall_limit(self):
        line = 'trap "echo warned; exit 0" USR1; while :; do "$0" 0.1; done'
        run = self.run_job(["/bin/sh", "-c", line, self.sleeper], *ROOMY, "--time", "5s", "--warn-signal", "USR1@3s")
        self.assert_outcome(run, "ok", 0)
        self.assertEqual(run.stdout, b"warned\n")
        self.assertGreaterEqual(run.result["usage"]["wall_seconds"], 1.9)
        self.assertLess(run.result["usage"]["wall_seconds"], 5)

    def test_a_job_that_does_nothing_is_stalled(self):
        run = self.run_job([self.sleeper, "1000"], *ROOMY, "--stall", "1s")
        self.assert_outcome(run, "stall_limit", 124, "jobward")
        self.assertGreaterEqual(run.result["usage"]["wall_seconds"], 1)
        self.assertLess(run.seconds, self.soon(5))

    def test_a_job_that_computes_is_not_stalled(self):
        run = self.run_job(self.job("spin", 3, "seconds"), *ROOMY, "--stall", "2s")
        self.assert_outcome(run, "ok", 0)

    def test_a_job_that_writes_output_is_not_stalled(self):
        line = 'for i in 1 2 3 4 5 6; do echo $i; "$0" 0.5; done'
        run = self.run_job(["/bin/sh", "-c", line, self.sleeper], *ROOMY, "--stall", "2s")
        self.assert_outcome(run, "ok", 0)


class Cpu(Case):
    def cpu_value(self, v1_file, v2_file):
        """What this file says in the job's cpu cgroup and its ancestors, read while the job runs."""
        found = system.cgroups_of(self.wait_for_pid("full"))
        if "cpu" in found:
            return system.values_up_from(found["cpu"], v1_file)
        return system.values_up_from(found[""], v2_file)

    @not_on("none", because=NO_CGROUP)
    def test_half_a_cpu_takes_twice_as_long(self):
        run = self.run_job(self.job("spin", 0.6, "seconds"), *ROOMY, "--cpus", "0.5")
        self.assert_outcome(run, "ok", 0)
        self.assertEqual(run.result["limits"]["cpus_count"], 0.5)
        self.assertEqual(run.result["enforcement"]["cpus"], "kernel")
        self.assertGreater(float(self.wait_for_file("seconds")), 0.6 * 1.5)

    @not_on("none", because=NO_CGROUP)
    def test_cpu_weight_is_set_on_the_job(self):
        process = self.start(self.job("fill", 1, "full"), *ROOMY, "--cpu-weight", "50")
        # v1 counts in shares, of which 1024 are a weight of 100
        self.assertIn("512" if self.variant in V1 else "50", self.cpu_value("cpu.shares", "cpu.weight"))
        process.terminate()
        run = self.finish(process)
        self.assertEqual((run.result["limits"]["cpu_weight"], run.result["enforcement"]["cpu_weight"]),
                         (50, "kernel"))

    @not_on("none", because="a job can change its affinity again: only a cpuset cgroup holds it")
    @not_on("scope", because=NO_IO_DELEGATED)
    def test_cpuset_is_all_the_job_can_use(self):
        run = self.run_job(self.job("describe", "seen"), *ROOMY, "--cpuset", "0")
        self.assert_outcome(run, "ok", 0)
        self.assertEqual(json.loads(self.wait_for_file("seen"))["affinity"], [0])
        self.assertEqual((run.result["limits"]["cpuset"], run.result["enforcement"]["cpuset"]), ("0", "kernel"))

    def test_nice_open_files_and_oom_score_are_what_the_job_has(self):
        run = self.run_job(self.job("describe", "seen"), *ROOMY, "--nice", "5", "--open-files", "64",
                           "--oom-score", "700")
        self.assert_outcome(run, "ok", 0)
        seen = json.loads(self.wait_for_file("seen"))
        self.assertEqual((seen["nice"], seen["open_files"], seen["oom_score_adj"]), (5, ["64", "64"], 700))
        self.assertEqual((run.result["limits"]["open_files_count"], run.result["enforcement"]["open_files"]),
                         (64, "kernel"))


class Processes(Case):
    @only_on("none", because="where there is a pids controller fork itself fails, see test_run_cases")
    def test_beyond_a_polled_number_of_processes_the_run_is_ended(self):
        run = self.run_job(self.job("bomb", 4, "error"), *ROOMY, "--pids", "5")
        self.assert_outcome(run, "pids_limit", 137, "jobward")
        self.assertEqual(run.result["enforcement"]["processes"], "polled")

    def test_pids_does_not_hinder_a_job_below_it(self):
        run = self.run_job(["/bin/sh", "-c", "true & true & wait"], *ROOMY, "--pids", "20")
        self.assert_outcome(run, "ok", 0)
        self.assertEqual(run.result["limits"]["processes_count"], 20)


class Disk(Case):
    """Rates on the real block device of the VM."""

    def setUp(self):
        super().setUp()
        self.disk = os.environ["JOBWARD_TEST_DISK"]
        self.file = f"{self.disk}/{os.path.basename(self.tmp)}"
        self.addCleanup(lambda: os.path.exists(self.file) and os.unlink(self.file))
        system.write(self.file, "")
        os.chown(self.file, self.ground.uid, self.ground.uid)

    def assert_takes_its_time(self, option, key, direction):
        run = self.run_job(self.job("disk", direction, self.file, 10, "seconds"), *ROOMY,
                           option, f"5M/s@{self.disk}")
        self.assert_outcome(run, "ok", 0)
        self.assertGreater(float(self.wait_for_file("seconds")), 1.5, "10 MiB at 5 MiB/s")
        self.assertEqual(run.result["limits"][f"{key}_bytes_per_second"], 5 * MIB)
        self.assertEqual(run.result["enforcement"][key], "kernel")

    @not_on(*V1, because=V1_BUFFERED)
    @not_on("none", because=NO_CGROUP)
    @not_on("scope", because=NO_IO_DELEGATED)
    def test_io_write_is_held_to_its_rate(self):
        self.assert_takes_its_time("--io-write", "io_write_rate", "write")

    @not_on(*V1, because="no block device whose use would harm nobody is known on this machine")
    @not_on("none", because=NO_CGROUP)
    @not_on("scope", because=NO_IO_DELEGATED)
    def test_io_read_is_held_to_its_rate(self):
        with open(self.file, "wb") as file:
            file.write(bytes(10 * MIB))
            os.fsync(file.fileno())
        self.assert_takes_its_time("--io-read", "io_read_rate", "read")


class Preview(Case):
    def test_dry_run_prints_each_limit_with_its_source_and_enforcement_and_runs_nothing(self):
        run = self.jobward("run", "--dry-run", "--mem", "64M", "--time", "90s", "--open-files", "64",
                           "--", "/bin/sh", "-c", "echo > ran")
        self.assertEqual(run.returncode, 0, run)
        self.assertFalse(os.path.exists(self.path("ran")))
        text = run.stdout.decode()
        for option, value in (("--mem", r"64(\.0)? Mi?B?"), ("--time", r"90|1m 30s|1:30"), ("--open-files", "64")):
            line = next((line for line in text.splitlines() if option in line), None)
            self.assertIsNotNone(line, f"no line with the source {option}\n{run}")
            self.assertRegex(line, value)
            self.assertRegex(line, "kernel|polled|none")

    @not_on("unified", "delegated", "system", because="with all controllers every limit can be enforced")
    def test_best_effort_runs_without_what_cannot_be_enforced_and_says_so_loudly(self):
        options, key, word = {
            "none": (["--cpus", "0.5"], "cpus", "cpu"),
            "scope": (["--cpuset", "0"], "cpuset", "cpuset"),
        }.get(self.variant, (["--io-write", f"5M/s@{self.work}"], "io_write_rate", "write"))
        run = self.run_job(["true"], *ROOMY, "--best-effort", *options)
        self.assert_outcome(run, "ok", 0)
        self.assertEqual(run.result["enforcement"][key], "none")
        self.assertRegex(run.messages, f"(?i){word}")
        self.assertRegex(run.messages, "(?i)not enforced|cannot be enforced")
