"""The memory limit holds, its end is named, and what is measured is what the job touched."""

import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import MIB

LIMIT = 100 * MIB


@harness.needs_root
class Limit(harness.JobwardTest):
    def hog(self, mib=300):
        return self.job("touch_memory.py", mib, "--hold", 10)

    def assert_memory_limit(self, run):
        self.assert_outcome(run, "memory_limit", 137)
        self.assertEqual(run.result["enforcement"]["memory"], "kernel")
        self.assertIn(LIMIT, harness.numbers_at(run.result["limits"], "mem"))
        peak = run.result["usage"]["memory_peak_bytes"]
        self.assert_within(peak, LIMIT, 0.05)
        self.assertRegex(run.result["cause"].lower(), r"memory")
        line = run.own_lines[-1]
        self.assertRegex(line.lower(), r"limit")
        self.assertRegex(line.lower(), r"peak")
        self.assertRegex(line, r"\b100(\.0+)? ?Mi?B?\b", "the line names the limit")
        self.assertGreaterEqual(len(harness.SIZE.findall(line)), 2, f"limit and peak: {line}")

    def test_300_mib_under_a_limit_of_100_mib_ends_with_memory_limit(self):
        self.assert_memory_limit(self.run_job(self.hog(), ["--mem", "100M"]))

    def test_a_shell_that_hides_its_hogs_end_is_not_a_success(self):
        script = '"$@"; exit 0'
        self.assert_memory_limit(self.run_job(["/bin/bash", "-c", script, "bash", *self.hog()], ["--mem", "100M"]))

    def test_the_whole_job_dies_together(self):
        script = '"$0" 1000 & setsid "$0" 1000 & "$@"; "$0" 1000'
        run = self.run_job(["/bin/bash", "-c", script, self.sleeper, *self.hog()], ["--mem", "100M"])
        self.assert_memory_limit(run)
        self.assertLess(run.seconds, 15)

    def test_many_small_processes_count_together(self):
        script = 'for i in 1 2 3 4 5 6; do "$@" & done; wait; exit 0'
        self.assert_memory_limit(self.run_job(["/bin/bash", "-c", script, "bash", *self.hog(40)], ["--mem", "100M"]))

    def test_shared_memory_counts_against_the_limit(self):
        command = self.job("touch_memory.py", 300, "--hold", 10, "--shared")
        self.assert_outcome(self.run_job(command, ["--mem", "100M"]), "memory_limit", 137)

    def test_an_end_at_the_limit_is_a_censored_observation(self):
        run = self.run_job(self.hog(), ["--mem", "100M"])
        self.assert_memory_limit(run)
        shown = self.json_of("show", "--json", run.result["run"])
        self.assertIn("censored", str(shown).lower())

    def test_killing_itself_is_signaled_not_memory_limit(self):
        run = self.run_job(["/bin/sh", "-c", "kill -KILL $$"], ["--mem", "100M"])
        self.assert_outcome(run, "signaled", 137)

    def test_exit_137_of_its_own_is_failed_not_memory_limit(self):
        self.assert_outcome(self.run_job(["/bin/sh", "-c", "exit 137"], ["--mem", "100M"]), "failed", 137)

    def test_a_job_that_stays_below_its_limit_is_untouched(self):
        run = self.run_job(self.job("touch_memory.py", 60), ["--mem", "100M"])
        self.assert_ok(run)

    def test_a_healthy_sibling_run_survives_an_out_of_memory_end(self):
        sibling = self.start_run(["--mem", "100M"], self.waiting_job())
        harness.wait_for_pid(self.path("pid"))
        self.assert_memory_limit(self.run_job(self.hog(), ["--mem", "100M"]))
        self.touch("finish")
        self.assert_ok(self.finish(sibling))


@harness.needs_root
class WhereTheLimitIs(harness.JobwardTest):
    def described(self, options):
        run = self.run_job(self.job("describe_self.py", self.path("me.json")), options)
        self.assert_ok(run)
        return run, harness.strict_json(harness.read_bytes(self.path("me.json")))

    def test_the_kernel_holds_memory_and_swap_limit_on_the_jobs_own_cgroup(self):
        run, me = self.described(["--mem", "100M"])
        wanted = {"memory.limit_in_bytes": LIMIT, "memory.memsw.limit_in_bytes": LIMIT}
        self.assertIn(wanted, me["memory_limits"], "swap is 0 by default")
        memory = next(line for line in me["cgroups"] if ":memory:" in line)
        self.assertIn(run.result["run"], memory.split("/"))

    def test_no_limit_sets_none_and_says_so(self):
        bare = self.bare(self.job("describe_self.py", self.path("bare.json")))
        self.assertEqual(bare.returncode, 0, bare)
        config = self.path("config.toml")
        with open(config, "w") as file:
            file.write('[aggregate]\nmemory = "none"\n')  # the cap on all jobs together is a limit, too
        self.env["JOBWARD_CONFIG"] = config
        run, me = self.described(["--no-limit"])
        tightest = [min(limits.get("memory.limit_in_bytes", 1 << 63) for limits in described["memory_limits"])
                    for described in (harness.strict_json(harness.read_bytes(self.path("bare.json"))), me)]
        self.assertEqual(tightest[0], tightest[1])
        self.assertEqual(run.result["enforcement"].get("memory", "none"), "none")
        self.assertEqual(harness.numbers_at(run.result["limits"], "mem"), [])

    def test_the_first_auto_limit_says_that_it_is_a_guess(self):
        guessed, me = self.described(["--mem", "auto"])
        self.assertRegex(guessed.own_lines[0].lower(), r"guess")
        self.assertEqual(len(guessed.own_lines), 2, "one line at the start, one at the end")
        explicit, _ = self.described(["--mem", "1G"])
        sources = [harness.limit_sources(run.result) for run in (guessed, explicit)]
        self.assertTrue(sources[0], f"limits tell no source: {guessed.result['limits']}")
        self.assertNotEqual(sources[0], sources[1])
        self.assertEqual(guessed.result["enforcement"]["memory"], "kernel")
        limit = harness.numbers_at(guessed.result["limits"], "mem")[0]
        self.assertIn(limit, [limits.get("memory.limit_in_bytes") for limits in me["memory_limits"]])

    def test_auto_is_the_default_and_learns_from_past_runs(self):
        command = self.job("touch_memory.py", 64)
        for _ in range(3):
            self.assert_ok(self.run_job(command, ["--mem", "1G"]))
        learned = self.run_job(command, [])
        self.assert_ok(learned)
        self.assertNotIn("guess", learned.messages.lower())
        limit = harness.numbers_at(learned.result["limits"], "mem")[0]
        self.assertGreater(limit, 64 * MIB, "room for what the job needs")
        self.assertLess(limit, 1024 * MIB, "but learned, not half of the machine")

    def test_the_jobs_oom_score_is_raised_and_the_callers_is_not(self):
        before = harness.read_bytes("/proc/self/oom_score_adj")
        _, me = self.described(["--mem", "1G"])
        self.assertGreater(me["oom_score_adj"], int(before))
        self.assertEqual(harness.read_bytes("/proc/self/oom_score_adj"), before)


@harness.needs_root
class Measured(harness.JobwardTest):
    SIZE = 400

    def assert_need(self, run):
        self.assert_ok(run)
        self.assert_within(run.result["usage"]["memory_need_bytes"], self.SIZE * MIB, 0.05)
        self.assertTrue(run.result["usage"]["need_basis"])

    def test_need_of_a_job_of_200_ms(self):
        self.assert_need(self.run_job(self.job("touch_memory.py", self.SIZE, "--huge", "--total", 0.2)))

    def test_need_of_a_job_of_5_s(self):
        run = self.run_job(self.job("touch_memory.py", self.SIZE, "--total", 5))
        self.assert_need(run)
        self.assertGreaterEqual(run.result["usage"]["wall_seconds"], 5.0)
        self.assertLess(run.result["usage"]["wall_seconds"], 8.0)

    def test_need_of_a_short_peak_before_a_long_valley(self):
        self.assert_need(self.run_job(self.job("touch_memory.py", self.SIZE, "--huge", "--hold", 0.05, "--valley", 2)))

    def test_need_includes_shared_memory(self):
        run = self.run_job(self.job("touch_memory.py", self.SIZE, "--shared", "--hold", 0.5))
        self.assert_need(run)

    def test_need_of_several_processes_is_their_sum(self):
        script = '"$@" & "$@" & wait'
        command = self.job("touch_memory.py", self.SIZE // 2, "--huge", "--hold", 3)
        run = self.run_job(["/bin/sh", "-c", script, "sh", *command])
        self.assert_ok(run)
        self.assert_within(run.result["usage"]["memory_need_bytes"], self.SIZE * MIB, 0.08)

    def test_need_leaves_out_the_page_cache_of_a_500_mb_file(self):
        big = self.path("big")
        with open(big, "wb") as file:
            for _ in range(500):
                file.write(os.urandom(1_000_000))
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        run = self.run_job(["dd", f"if={big}", "of=/dev/null", "bs=1M", "status=none"])
        self.assert_ok(run)
        usage = run.result["usage"]
        self.assertLess(usage["memory_need_bytes"], 100 * MIB)
        if "memory_file_peak_bytes" in usage:
            self.assertGreater(usage["memory_file_peak_bytes"], 100 * MIB)

    def test_cpu_time_and_processes_are_measured(self):
        script = 'import time\nwhile time.process_time() < 0.5: pass'
        run = self.run_job(["/bin/sh", "-c", '"$@" & "$@" & wait', "sh", harness.PYTHON, "-I", "-S", "-c", script])
        self.assert_ok(run)
        usage = run.result["usage"]
        self.assertGreaterEqual(usage["cpu_user_seconds"] + usage["cpu_system_seconds"], 0.95)
        self.assertLess(usage["cpu_user_seconds"] + usage["cpu_system_seconds"], 2.0)
        self.assertGreaterEqual(usage["processes_peak"], 3)
        self.assertLess(usage["processes_peak"], 6)

    def test_written_bytes_are_measured_or_absent_but_never_zero(self):
        script = 'dd if=/dev/zero of="$0" bs=1M count=20 conv=fsync status=none; sleep 0.5'
        run = self.run_job(["/bin/sh", "-c", script, self.path("written")])
        self.assert_ok(run)
        usage = run.result["usage"]
        if "io_write_bytes" in usage:
            self.assertGreaterEqual(usage["io_write_bytes"], 15 * MIB)
            self.assertTrue(re.fullmatch(r"\w[\w ./-]*", usage["io_basis"]))


if __name__ == "__main__":
    harness.main()
