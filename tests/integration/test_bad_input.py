"""Bad input of every kind ends in a clear message, never in a surprise."""

import contextlib
import glob
import os
import shlex
import sqlite3
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness


class CommandLine(harness.JobwardTest):
    def assert_usage_error(self, status, named, *arguments):
        marker = self.path("the-job-ran")
        run = self.jobward(*arguments, *(["--", "touch", marker] if arguments[0] == "run" else []))
        self.assertEqual(run.returncode, status, run)
        self.assertEqual(run.stdout, b"")
        self.assertIn(named, run.messages)
        self.assertTrue(run.own_lines, f"not said as jobward: {run}")
        self.assertFalse(os.path.exists(marker), "the job was started all the same")

    def test_bad_sizes_are_named_and_nothing_runs(self):
        for size in ("8Q", "-1", "99999999999999999999G", "1Gjunk", "junk", "1.2.3G", "1G 2G", "nan", "1e400G", "0x10",
                     "G", "0"):
            with self.subTest(size=size):
                self.assert_usage_error(125, size, "run", "--mem", size)
                self.assert_usage_error(125, size, "run", f"--mem={size}")

    def test_bad_durations_are_named_and_nothing_runs(self):
        for duration in ("5parsecs", "-5s", "99999999999999999999h", "5sjunk", "h", "inf"):
            with self.subTest(duration=duration):
                self.assert_usage_error(125, duration, "run", f"--time={duration}")

    def test_empty_values_are_errors(self):
        for option in ("--mem", "--time"):
            with self.subTest(option=option):
                self.assert_usage_error(125, option, "run", f"{option}=")

    def test_a_result_file_is_written_when_the_options_cannot_be_understood(self):
        result = self.path("result.json")
        with open(result, "w") as stale:
            stale.write("of an earlier run")
        run = self.bare([self.binary, "run", "--frob", "--result", result, "--", "true"])
        self.assertEqual(run.returncode, 125, run)
        written = self.load_result(result)
        self.assertEqual((written["outcome"], written["started"], written["exit_code"]), ("launch_failed", False, 125))

    def test_what_looks_like_a_secret_is_nowhere_on_record(self):
        secret = "98877665544"
        self.run_job(["true", "--password", secret], ["--name", f"token={secret}"])
        self.run_job([f"API_TOKEN={secret}", "true"])
        for name in os.listdir(self.state):
            path = os.path.join(self.state, name)
            if os.path.isfile(path):
                self.assertNotIn(secret.encode(), harness.read_bytes(path), name)

    def test_unknown_flags_are_named(self):
        self.assert_usage_error(125, "--no-such-flag", "run", "--no-such-flag")
        for subcommand in ("history", "show", "estimate", "doctor"):
            with self.subTest(subcommand=subcommand):
                self.assert_usage_error(2, "--no-such-flag", subcommand, "--no-such-flag")

    def test_an_unknown_subcommand_is_named(self):
        self.assert_usage_error(2, "no-such-command", "no-such-command")

    def test_a_missing_command_or_run_is_an_error(self):
        for arguments, status in ((["run"], 125), (["run", "--"], 125), (["run", "--mem", "1G", "--"], 125),
                                  (["estimate"], 2), (["estimate", "--"], 2), (["show"], 2)):
            with self.subTest(arguments=arguments):
                run = self.jobward(*arguments)
                self.assertEqual((run.returncode, run.stdout), (status, b""), run)
                self.assertTrue(run.own_lines, run)

    def test_an_empty_command_name_is_not_found(self):
        self.assert_outcome(self.run_job([""]), "launch_failed", 127)

    def test_flags_after_the_double_dash_belong_to_the_job(self):
        run = self.run_job(["echo", "--mem", "8Q", "--help", "--no-such-flag"])
        self.assertEqual((run.returncode, run.stdout), (0, b"--mem 8Q --help --no-such-flag\n"), run)

    def test_a_result_file_that_cannot_be_written_is_named(self):
        target = "/no/such/directory/result.json"
        run = self.jobward("run", "--mem", "1G", "--result", target, "--", "/bin/sh", "-c", "exit 42")
        self.assertIn(run.returncode, (42, 125), run)
        self.assertIn(target, run.messages)


class Database(harness.JobwardTest):
    def put_database(self, content):
        os.makedirs(self.state, 0o700)
        with open(harness.database(self.state), "wb") as file:
            file.write(content)
        os.chmod(harness.database(self.state), 0o600)

    def assert_kept_aside(self, run, content):
        kept = glob.glob(harness.database(self.state) + ".corrupt-*")
        self.assertTrue(kept, f"not kept aside: {os.listdir(self.state)}\n{run}")
        self.assertIn(content, [harness.read_bytes(path) for path in kept], "the same bytes")
        self.assertIn("corrupt", run.messages)
        self.assertIn("jobward.db.corrupt-", run.messages, "says under which name")

    def newer_database(self):
        os.makedirs(self.state, 0o700)
        with contextlib.closing(sqlite3.connect(harness.database(self.state))) as connection:
            connection.execute("CREATE TABLE from_the_future (x)")
            connection.execute("PRAGMA user_version = 9999")
            connection.commit()
        os.chmod(harness.database(self.state), 0o600)
        return harness.read_bytes(harness.database(self.state))

    def test_a_database_from_a_newer_version_is_refused_and_untouched(self):
        content = self.newer_database()
        for arguments in (["history"], ["history", "--json"], ["show", "x"]):
            with self.subTest(arguments=arguments):
                run = self.jobward(*arguments)
                self.assertNotEqual(run.returncode, 0, run)
                self.assertRegex(run.messages, r"newer")
                self.assertEqual(run.stdout, b"")
        limited = self.run_job(["true"], ["--mem", "1G"])
        self.assertEqual(limited.returncode, 125, limited)
        self.assertRegex(limited.messages, r"newer")
        self.assertEqual(harness.read_bytes(harness.database(self.state)), content)
        self.assertEqual(glob.glob(harness.database(self.state) + ".corrupt-*"), [])

    def test_with_a_newer_database_a_run_without_limits_goes_on_unrecorded(self):
        content = self.newer_database()
        run = self.run_job(["/bin/sh", "-c", "exit 42"], [])
        self.assert_outcome(run, "failed", 42)
        self.assertIs(run.result["recorded"], False)
        self.assertRegex(run.messages, r"newer")
        self.assertEqual(harness.read_bytes(harness.database(self.state)), content)

    def test_garbage_is_kept_aside_and_the_run_recorded_in_a_new_database(self):
        garbage = os.urandom(64 * 1024)
        self.put_database(garbage)
        run = self.run_job(["/bin/sh", "-c", "exit 42"])
        self.assert_outcome(run, "failed", 42)
        self.assertIs(run.result["recorded"], True)
        self.assert_kept_aside(run, garbage)
        self.assertEqual([row["run"] for row in self.history()], [run.result["run"]])
        again = self.run_job(["true"])
        self.assert_ok(again)
        self.assertNotIn("corrupt", again.messages, "said once")
        self.assertEqual(len(self.history()), 2)

    def test_a_database_of_ours_that_was_damaged_is_kept_aside(self):
        self.assert_ok(self.run_job(["true"]))
        path = harness.database(self.state)
        harness.checkpoint(path)
        content = harness.read_bytes(path)
        damaged = content[:100] + b"\xa5" * (len(content) - 100)
        with open(path, "wb") as file:
            file.write(damaged)
        run = self.run_job(["/bin/sh", "-c", "exit 42"])
        self.assert_outcome(run, "failed", 42)
        self.assertIs(run.result["recorded"], True)
        self.assert_kept_aside(run, damaged)

    def test_a_corrupt_database_is_never_lost_by_only_looking(self):
        garbage = os.urandom(16 * 1024)
        self.put_database(garbage)
        run = self.jobward("history")
        copies = [harness.read_bytes(path) for path in glob.glob(harness.database(self.state) + "*")]
        self.assertIn(garbage, copies, run)
        self.assertIn("corrupt", run.messages)

    def test_an_empty_database_file_is_a_new_database(self):
        self.put_database(b"")
        run = self.run_job(["true"])
        self.assert_ok(run)
        self.assertIs(run.result["recorded"], True)

    def test_a_state_directory_that_is_a_file_is_named(self):
        with open(self.state, "w"):
            pass
        limited = self.run_job(["true"], ["--mem", "1G"])
        self.assertEqual(limited.returncode, 125, limited)
        self.assertIn(self.state, limited.messages)
        free = self.run_job(["/bin/sh", "-c", "exit 42"], [])
        self.assert_outcome(free, "failed", 42)
        self.assertIs(free.result["recorded"], False)


class UnwritableState(harness.UnprivilegedTest):
    def setUp(self):
        super().setUp()
        closed = os.path.join(self.tmp, "closed")
        os.mkdir(closed, 0o755)
        if os.geteuid() != 0:
            os.chmod(closed, 0o555)
        self.env["JOBWARD_STATE_DIR"] = os.path.join(closed, "state")

    def test_with_an_explicit_limit_nothing_runs_and_the_status_is_125(self):
        run = self.run_job(["touch", self.path("the-job-ran")], ["--mem", "1G"])
        self.assertEqual(run.returncode, 125, run)
        self.assertFalse(os.path.exists(self.path("the-job-ran")))
        self.assertIn(self.env["JOBWARD_STATE_DIR"], run.messages)
        self.assertIsNotNone(run.result, "the result is written on every path")
        self.assertEqual((run.result["started"], run.result["recorded"]), (False, False))

    def test_without_a_limit_the_job_runs_warned_and_unrecorded(self):
        run = self.run_job(["/bin/sh", "-c", "exit 42"], [])
        self.assert_outcome(run, "failed", 42)
        self.assertIs(run.result["recorded"], False)
        self.assertRegex(run.messages.lower(), r"not (be )?recorded|unrecorded")

    def test_quiet_does_not_silence_the_warning(self):
        run = self.run_job(["true"], ["--quiet"])
        self.assert_ok(run)
        self.assertRegex(run.messages.lower(), r"not (be )?recorded|unrecorded")


def root_is_a_mount():
    with open("/proc/self/mountinfo") as file:
        return any(line.split()[4] == "/" for line in file)


@harness.needs_root
class InAMountNamespace(harness.JobwardTest):
    """The test's mounts live in a private mount namespace and end with it."""

    propagation = "private"
    private = ":"

    def setUp(self):
        super().setUp()
        if not root_is_a_mount():
            # In a chroot below a plain directory the mount that holds it cannot be made private from inside. What
            # is mounted then goes below mounts that can: /sys, and /dev for the state directory.
            self.propagation = "unchanged"
            self.private = "mount --make-rprivate /sys; mount --make-rprivate /dev"
            scratch = tempfile.mkdtemp(prefix="jobward-test-", dir="/dev/shm")
            self.addCleanup(shutil.rmtree, scratch)
            self.state = os.path.join(scratch, "state")
            self.env["JOBWARD_STATE_DIR"] = self.state

    def run_after(self, mounts, options, command):
        """Runs the job after the shell lines in `mounts`, which nobody else sees."""
        result = self.path("result-mount.json")
        words = [self.binary, "run", *options, "--result", result, "--", *command]
        script = f"set -e; {self.private}; {mounts}; exec {' '.join(shlex.quote(word) for word in words)}"
        process = self.spawn(["unshare", "--mount", "--propagation", self.propagation, "--", "/bin/sh", "-c", script])
        process.result_path = result
        return self.finish(process)

    def test_a_disk_that_is_full_at_the_end_does_not_hide_the_jobs_status(self):
        os.mkdir(self.state, 0o700)
        fill = 'dd if=/dev/zero of="$0/filler" bs=4096 2>/dev/null; echo full; exit 42'
        run = self.run_after(f"mount -t tmpfs -o size=4m,mode=700 tmpfs {self.state}", ["--mem", "1G"],
                             ["/bin/sh", "-c", fill, self.state])
        self.assertEqual(run.stdout, b"full\n")
        self.assert_outcome(run, "failed", 42)
        self.assertIs(run.result["recorded"], False)
        self.assertRegex(run.messages.lower(), r"full|no space|not (be )?recorded|unrecorded")

    def test_a_disk_that_is_full_from_the_start_counts_as_unwritable(self):
        os.mkdir(self.state, 0o700)
        mounts = (f"mount -t tmpfs -o size=64k,mode=700 tmpfs {self.state}; "
                  f"dd if=/dev/zero of={self.state}/filler bs=4096 2>/dev/null || true")
        limited = self.run_after(mounts, ["--mem", "1G"], ["true"])
        self.assertEqual(limited.returncode, 125, limited)
        free = self.run_after(mounts, [], ["/bin/sh", "-c", "exit 42"])
        self.assert_outcome(free, "failed", 42)
        self.assertIs(free.result["recorded"], False)

    def assert_polled(self, mounts):
        run = self.run_after(mounts, ["--mem", "1G"], ["/bin/sh", "-c", "exit 42"])
        self.assert_outcome(run, "failed", 42)
        self.assertEqual(run.result["enforcement"]["memory"], "polled")
        self.assertIn("polled", run.own_lines[0])

    def test_no_cgroups_at_all_falls_back_to_polling(self):
        self.assert_polled(f"mount -t tmpfs -o mode=755 tmpfs {harness.CGROUP_ROOT}")

    def test_a_read_only_cgroup_tree_falls_back_to_polling(self):
        self.assert_polled(f"for h in {harness.CGROUP_ROOT}/*; do mount -o remount,bind,ro $h; done")


class HalfOfAPipe(harness.JobwardTest):
    def test_output_of_history_into_a_closed_pipe_is_no_crash(self):
        self.assert_ok(self.run_job(["true"]))
        line = f'{shlex.quote(self.binary)} history | true; echo "${{PIPESTATUS[0]}}"'
        run = self.bare(["/bin/bash", "-c", line])
        self.assertNotIn(int(run.stdout), (134, 139), run)

    def test_output_onto_a_full_device_is_an_error(self):
        self.assert_ok(self.run_job(["true"]))
        with open("/dev/full", "w") as full:
            run = self.jobward("history", stdout=full)
        self.assertNotEqual(run.returncode, 0, run)


if __name__ == "__main__":
    harness.main()
