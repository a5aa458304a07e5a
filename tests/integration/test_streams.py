"""`run` is transparent: streams, environment, descriptors, signal state and arguments are as if bare."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness

HUNDRED_MB = 100_000_000


class Streams(harness.JobwardTest):
    def test_100_mb_pass_through_a_pipe_byte_for_byte(self):
        block = os.urandom(1_000_000)
        sent, received, count = hashlib.sha256(), hashlib.sha256(), 0
        process = self.start_run(["--quiet", "--mem", "1G"], ["cat"], stdin=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL)

        def feed():
            with contextlib.suppress(BrokenPipeError), process.stdin:
                for number in range(HUNDRED_MB // len(block)):
                    data = number.to_bytes(8, "big") + block[8:]
                    sent.update(data)
                    process.stdin.write(data)

        feeder = threading.Thread(target=feed)
        feeder.start()
        while data := process.stdout.read(1 << 20):
            received.update(data)
            count += len(data)
        feeder.join(30)
        process.stdin = None
        self.assert_ok(self.finish(process))
        self.assertEqual((count, received.hexdigest()), (HUNDRED_MB, sent.hexdigest()))

    def test_stdin_from_a_file_and_from_dev_null(self):
        content = bytes(range(256)) * 1000
        with open(self.path("input"), "wb") as file:
            file.write(content)
        with open(self.path("input"), "rb") as file:
            self.assertEqual(self.run_job(["cat"], stdin=None, **{"stdout": subprocess.PIPE}).stdout, b"")
            process = self.start_run(["--mem", "1G"], ["cat"], stdin=file)
            self.assertEqual(self.finish(process).stdout, content)

    def test_stdout_and_stderr_stay_separate(self):
        run = self.run_job(["/bin/sh", "-c", "echo to-out; echo to-err >&2; exit 3"], ["--quiet", "--mem", "1G"])
        self.assertEqual((run.returncode, run.stdout, run.stderr), (3, b"to-out\n", b"to-err\n"))

    @harness.needs_root  # without cgroups the limit is polled
    def test_one_line_of_ours_at_the_end_and_on_stderr_only(self):
        run = self.run_job(["/bin/sh", "-c", "echo to-out; echo to-err >&2"])
        self.assertEqual(run.stdout, b"to-out\n")
        lines = run.messages.splitlines()
        self.assertEqual(lines[0], "to-err", "nothing at the start: the limit is neither guessed nor polled")
        self.assertEqual(len(lines), 2, run)
        self.assertTrue(lines[1].startswith("jobward:"), run)
        self.assertTrue(run.stderr.endswith(b"\n"))

    def test_quiet_silences_the_lines_but_never_an_error(self):
        quiet = self.run_job(["true"], ["--quiet"])  # has to guess, and does not say so
        self.assertEqual((quiet.returncode, quiet.stdout, quiet.stderr), (0, b"", b""))
        failed = self.run_job(["no-such-command-here"], ["--quiet", "--mem", "1G"])
        self.assertEqual(failed.returncode, 127)
        self.assertIn("no-such-command-here", failed.messages)

    def test_output_of_a_job_that_dies_is_not_lost(self):
        run = self.run_job(["/bin/sh", "-c", "echo before; kill -KILL $$"])
        self.assertEqual((run.returncode, run.stdout), (137, b"before\n"))


class LikeBare(harness.JobwardTest):
    """Runs the same self-describing command bare and under jobward and compares."""

    def descriptions(self, *arguments, **popen):
        described = []
        for name in ("bare.json", "job.json"):
            command = self.job("describe_self.py", self.path(name)) + list(arguments)
            if name == "bare.json":
                run = self.bare(command, **popen)
            else:
                run = self.finish(self.start_run(["--mem", "1G"], command, **popen))
            self.assertEqual(run.returncode, 0, run)
            described.append(harness.strict_json(harness.read_bytes(self.path(name))))
        self.result = run.result
        return described

    def assert_same(self, bare, job, *keys):
        self.assertEqual({key: job[key] for key in keys}, {key: bare[key] for key in keys})

    def test_exactly_three_variables_are_added_to_the_environment(self):
        self.env["ODD"] = os.fsdecode(b"\xff\xfe\n=\x1b")
        self.env["EMPTY"] = ""
        bare, job = self.descriptions()
        added = [bytes.fromhex(entry) for entry in job["environ"]]
        for entry in bare["environ"]:
            added.remove(bytes.fromhex(entry))
        added = dict(entry.decode().split("=", 1) for entry in added)
        self.assertEqual(sorted(added), ["JOBWARD_ATTEMPT", "JOBWARD_MEM_LIMIT", "JOBWARD_RUN_ID"])
        self.assertEqual(added["JOBWARD_RUN_ID"], self.result["run"])
        self.assertEqual(added["JOBWARD_ATTEMPT"], "1")
        self.assertEqual(added["JOBWARD_MEM_LIMIT"], str(1 << 30))

    @harness.needs_root  # without cgroups the limit is polled
    def test_directory_umask_nice_limits_ids_and_scheduling_are_the_callers(self):
        def unusual():
            os.umask(0o027)
            os.nice(3)
        self.preexec = unusual
        bare, job = self.descriptions()
        self.assert_same(bare, job, "cwd", "umask", "nice", "rlimits", "uid", "gid", "groups", "scheduler",
                         "no_new_privs", "capabilities", "isatty")

    def test_signal_mask_and_dispositions_are_the_callers(self):
        def unusual():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGRTMIN + 3})
        for preexec in (None, unusual):
            with self.subTest(preexec=preexec):
                self.preexec = preexec
                bare, job = self.descriptions()
                self.assert_same(bare, job, "signals")

    def test_the_job_is_in_the_callers_session_and_process_group(self):
        process = self.start_run(["--mem", "1G"], self.job("describe_self.py", self.path("me.json")))
        self.assert_ok(self.finish(process))
        me = harness.strict_json(harness.read_bytes(self.path("me.json")))
        self.assertEqual((me["sid"], me["pgid"]), (process.pid, process.pid))

    def test_open_descriptors_are_those_that_were_passed_on(self):
        read_end, write_end = os.pipe()
        try:
            bare, job = self.descriptions(pass_fds=[read_end])
        finally:
            os.close(read_end)
            os.close(write_end)
        self.assertEqual(bare["fds"], [0, 1, 2, read_end], "what the test itself expects")
        self.assert_same(bare, job, "fds")

    def test_closed_standard_streams_stay_closed(self):
        for closed in (0, 1, 2):
            with self.subTest(fd=closed):
                self.preexec = lambda: os.close(closed)
                bare, job = self.descriptions()
                self.assert_same(bare, job, "fds")

    def test_arguments_arrive_byte_for_byte_and_are_shown_safely(self):
        odd = [b"a b", b"new\nline", b"q'uo\"te", b"", b"\xff\xfe\x80", b"\x1b[31mred\x07", b"*", b"$HOME", b"--",
               b"-x", b"--mem", "naïve→".encode(), b"back\\slash", b"\xc2\x9b2J"]
        bare, job = self.descriptions(*odd)
        self.assert_same(bare, job, "arguments")
        self.assertEqual([bytes.fromhex(argument) for argument in job["arguments"]], odd)
        run_id = self.result["run"]
        for arguments in (["history"], ["show", run_id], ["history", "--json"], ["show", "--json", run_id],
                          ["estimate", "--", "echo", *odd], ["estimate", "--json", "--", "echo", *odd]):
            with self.subTest(arguments=arguments[:2]):
                shown = self.jobward(*arguments)
                self.assertEqual(shown.returncode, 0, shown)
                self.assert_printable(shown.stdout)

    def test_odd_commands_and_directories_are_shown_safely_on_stderr(self):
        directory = os.fsencode(self.work) + b"/odd\n\x1b[2J\xff dir"
        os.mkdir(directory)
        run = self.run_job([b"no-such\x1b[31m\n\xffcommand"], cwd=directory)
        self.assert_outcome(run, "launch_failed", 127)
        self.assert_printable(run.stderr)


if __name__ == "__main__":
    harness.main()
