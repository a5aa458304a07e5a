"""The same for a user without any cgroup rights: the job runs, polled, and the result says so."""

import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import MIB


class WithoutCgroupRights(harness.UnprivilegedTest):
    def test_status_and_streams_pass_through(self):
        for status in (0, 1, 42, 255):
            with self.subTest(status=status):
                run = self.run_job(["/bin/sh", "-c", f"cat; id -u >&2; exit {status}"], stdin=b"\0\xffbytes")
                self.assert_outcome(run, "ok" if status == 0 else "failed", status)
                self.assertEqual(run.stdout, b"\0\xffbytes")
                self.assertIn(str(harness.NOBODY if os.geteuid() == 0 else os.geteuid()), run.messages.splitlines())

    def test_a_limit_is_polled_and_the_start_line_says_so(self):
        run = self.run_job(["/bin/sh", "-c", "echo the-job >&2"], ["--mem", "1G"])
        self.assert_ok(run)
        self.assertEqual(run.result["enforcement"]["memory"], "polled")
        lines = run.messages.splitlines()
        self.assertTrue(lines[0].startswith("jobward:") and "polled" in lines[0], run)
        self.assertEqual(lines[1], "the-job")
        self.assertTrue(lines[2].startswith("jobward:"), run)
        self.assertEqual(len(lines), 3)

    def test_quiet_is_quiet(self):
        run = self.run_job(["true"], ["--quiet", "--mem", "1G"])
        self.assertEqual((run.returncode, run.stderr), (0, b""))

    def test_runs_are_recorded_in_the_users_own_state_directory(self):
        del self.env["JOBWARD_STATE_DIR"]
        self.env["XDG_STATE_HOME"] = self.path("xdg")
        run = self.run_job(["true"])
        self.assert_ok(run)
        state = os.path.join(self.env["XDG_STATE_HOME"], "jobward")
        self.assertTrue(os.path.exists(harness.database(state)))
        self.assertEqual(oct(harness.mode_of(state)), oct(0o700))
        self.assertEqual(oct(harness.mode_of(harness.database(state))), oct(0o600))
        self.assertEqual([row["run"] for row in self.history()], [run.result["run"]])

    def test_without_xdg_state_home_it_is_below_home(self):
        del self.env["JOBWARD_STATE_DIR"]
        self.env.pop("XDG_STATE_HOME", None)
        self.assert_ok(self.run_job(["true"]))
        self.assertTrue(os.path.exists(harness.database(self.path(".local/state/jobward"))))

    def test_processes_that_try_to_escape_are_dead_after_the_run(self):
        run = self.run_job(self.job("leave_behind.py", self.work, self.sleeper))
        self.assert_ok(run)
        for name in ("left-nohup", "left-setsid", "left-stubborn", "left-daemon"):
            self.assertTrue(harness.is_dead(harness.wait_for_pid(self.path(name))), name)

    def test_wall_limit(self):
        run = self.run_job(["/bin/sh", "-c", 'setsid "$0" 1000 & exec "$0" 100', self.sleeper],
                           ["--mem", "1G", "--time", "1s"])
        self.assert_outcome(run, "wall_limit", 124)
        self.assertLess(run.seconds, 4)

    def test_open_descriptors_and_environment_are_as_root_has_them(self):
        run = self.run_job(self.job("describe_self.py", self.path("me.json")))
        self.assert_ok(run)
        me = harness.strict_json(harness.read_bytes(self.path("me.json")))
        self.assertEqual(me["fds"], [0, 1, 2])
        names = {bytes.fromhex(entry).partition(b"=")[0].decode() for entry in me["environ"]}
        self.assertEqual(names - set(self.env), {"JOBWARD_RUN_ID", "JOBWARD_ATTEMPT", "JOBWARD_MEM_LIMIT"})

    def test_supervisor_killed_with_sigkill_takes_the_job_along(self):
        self.expects_nothing_left = False
        process = self.start_run(["--mem", "1G"], self.waiting_job(), stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        job = harness.wait_for_pid(self.path("pid"))
        process.kill()
        harness.wait_until(lambda: harness.is_dead(job), "the job dies with its supervisor", 5)


@harness.needs_root
class PolledMemory(harness.UnprivilegedTest):
    """What fills memory does so inside a memory cgroup of the test's own, as a second line of defence."""

    def setUp(self):
        super().setUp()
        cage = self.enterContext(harness.memory_cage(1536 * MIB))
        self.addCleanup(self._sweep)  # before the cage is removed
        self.preexec = lambda: harness.enter_cgroup(cage)

    def test_300_mib_under_a_polled_limit_of_100_mib_ends_with_memory_limit(self):
        run = self.run_job(self.job("touch_memory.py", 300, "--hold", 10), ["--mem", "100M"])
        self.assert_outcome(run, "memory_limit", 137)
        self.assertEqual(run.result["enforcement"]["memory"], "polled")
        self.assertIn("polled", run.own_lines[0])
        self.assertRegex(run.own_lines[-1].lower(), r"limit.*peak|peak.*limit")
        self.assertLess(run.seconds, 10)

    def test_a_shell_that_hides_its_hogs_end_is_not_a_success(self):
        run = self.run_job(["/bin/bash", "-c", '"$@"; exit 0', "bash",
                            *self.job("touch_memory.py", 300, "--hold", 10)], ["--mem", "100M"])
        self.assert_outcome(run, "memory_limit", 137)

    def test_a_hog_that_left_the_session_and_environment_is_counted(self):
        hog = self.job("touch_memory.py", 300, "--hold", 10)
        run = self.run_job(["/bin/sh", "-c", 'setsid env -i "$@" & wait; exit 0', "sh", *hog], ["--mem", "100M"])
        self.assert_outcome(run, "memory_limit", 137)

    def test_a_job_below_its_limit_is_untouched_and_its_need_is_measured(self):
        run = self.run_job(self.job("touch_memory.py", 400, "--hold", 1), ["--mem", "1G"])
        self.assert_ok(run)
        self.assert_within(run.result["usage"]["memory_need_bytes"], 400 * MIB, 0.08)

    def test_two_processes_that_share_memory_are_not_counted_twice(self):
        script = ("import mmap, os, time\n"
                  "area = mmap.mmap(-1, 70 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
                  "for offset in range(0, len(area), 4096): area[offset] = 1\n"
                  "if os.fork() == 0: time.sleep(1.5); os._exit(0)\n"
                  "os.wait()\n")
        run = self.run_job([harness.PYTHON, "-I", "-S", "-c", script], ["--mem", "120M"])
        self.assert_ok(run)


if __name__ == "__main__":
    harness.main()
