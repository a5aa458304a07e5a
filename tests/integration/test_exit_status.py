"""The exit status of `jobward run`: the job's own, and jobward's when jobward ended or never started it."""

import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness

DIE = "import os, resource, signal, sys; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); " \
      "signal.signal(int(sys.argv[1]), signal.SIG_DFL) if int(sys.argv[1]) != 9 else None; " \
      "os.kill(os.getpid(), int(sys.argv[1]))"


class ExitStatus(harness.JobwardTest):
    def die_of(self, number):
        return [harness.PYTHON, "-I", "-S", "-c", DIE, str(int(number))]

    def test_status_of_the_job_passes_through(self):
        for status in (0, 1, 2, 42, 255):
            with self.subTest(status=status):
                run = self.run_job(["/bin/sh", "-c", f"exit {status}"])
                self.assert_outcome(run, "ok" if status == 0 else "failed", status)
                self.assertEqual(run.result["exit_code"], status)
                self.assertEqual(run.result["exit_source"], "job")
                self.assertIs(run.result["started"], True)

    def test_a_job_may_return_the_numbers_that_jobward_uses(self):
        for status in (75, 77, 124, 125, 126, 127, 137):
            with self.subTest(status=status):
                run = self.run_job(["/bin/sh", "-c", f"exit {status}"])
                self.assert_outcome(run, "failed", status)
                self.assertEqual(run.result["exit_source"], "job")

    def test_killed_by_other_signals_gives_128_plus_n(self):
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGPIPE, signal.SIGUSR1):
            with self.subTest(signal=number.name):
                run = self.run_job(self.die_of(number))
                self.assert_outcome(run, "signaled", 128 + number)
                self.assertIn(run.result["signal"], (int(number), number.name, number.name[3:]))

    def test_int_quit_term_hup_kill_the_supervisor_with_the_same_signal(self):
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number.name):
                run = self.run_job(self.die_of(number))
                self.assert_outcome(run, "signaled", -number)
                self.assertIs(run.result["recorded"], True)

    def test_the_supervisor_dumps_no_core_when_it_dies_of_the_jobs_signal(self):
        import resource
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        self.assertNotEqual(hard, 0, "the hard core limit is 0: this cannot be tested here")
        self.preexec = lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        process = self.start_run(["--mem", "1G"], self.die_of(signal.SIGQUIT))
        harness.wait_until(lambda: harness.is_dead(process.pid), "jobward ends", 15)
        info = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self.assertEqual((info.si_code, info.si_status), (os.CLD_KILLED, signal.SIGQUIT))
        self.finish(process)
        self.assertEqual([name for name in os.listdir(self.work) if name.startswith("core")], [])

    def test_command_not_found_is_127(self):
        for command in ("no-such-command-here", "/no/such/file", "./missing"):
            with self.subTest(command=command):
                run = self.run_job([command, "argument"])
                self.assert_outcome(run, "launch_failed", 127)
                self.assertIs(run.result["started"], False)
                self.assertEqual(run.result["exit_source"], "jobward")
                self.assertIn(command, run.messages)
                self.assertEqual(run.stdout, b"")

    def test_not_executable_is_126(self):
        plain = self.path("plain-file")
        with open(plain, "w") as file:
            file.write("#!/bin/sh\nexit 0\n")
        os.chmod(plain, 0o644)
        directory = self.path("directory")
        os.mkdir(directory)
        for command in (plain, directory):
            with self.subTest(command=command):
                run = self.run_job([command])
                self.assert_outcome(run, "launch_failed", 126)
                self.assertIs(run.result["started"], False)
                self.assertEqual(run.result["exit_source"], "jobward")
                self.assertIn(command, run.messages)

    def test_a_launch_that_failed_has_no_measurements(self):
        run = self.run_job(["no-such-command-here"])
        usage = run.result.get("usage", {})
        self.assertEqual([key for key in usage if key.startswith(("memory_", "cpu_", "io_", "processes_"))], [])

    def test_wall_limit_is_124(self):
        run = self.run_job([self.sleeper, "100"], ["--mem", "1G", "--time", "1s"])
        self.assert_outcome(run, "wall_limit", 124)
        self.assertEqual(run.result["exit_source"], "jobward")
        self.assertGreaterEqual(run.seconds, 1.0)
        self.assertLess(run.seconds, 4.0)
        self.assertRegex(run.own_lines[-1], r"\b1(\.0+)? ?s")

    def test_wall_limit_kills_a_job_that_ignores_term_and_its_children(self):
        script = 'trap "" TERM; setsid "$1" 1000 & "$1" 1000 & echo $$ > "$0"; while :; do sleep 0.05; done'
        run = self.run_job(["/bin/sh", "-c", script, self.path("pid"), self.sleeper],
                           ["--mem", "1G", "--time", "1s"], timeout=30)
        self.assert_outcome(run, "wall_limit", 124)
        self.assertTrue(harness.is_dead(harness.wait_for_pid(self.path("pid"))))
        self.assertEqual(harness.describe(harness.survivors(self.tmp)), [])

    def test_wall_limit_sends_term_first(self):
        script = 'trap "echo tidied; exit 0" TERM; while :; do sleep 0.05; done'
        run = self.run_job(["/bin/sh", "-c", script], ["--mem", "1G", "--time", "1s"])
        self.assert_outcome(run, "wall_limit", 124)
        self.assertEqual(run.stdout, b"tidied\n")

    def test_a_job_that_ends_before_its_wall_limit_is_untouched(self):
        run = self.run_job(["/bin/sh", "-c", "exit 3"], ["--mem", "1G", "--time", "1h"])
        self.assert_outcome(run, "failed", 3)

    def test_leftover_children_do_not_change_the_status_of_main(self):
        run = self.run_job(["/bin/sh", "-c", '"$0" 1000 & exit 5', self.sleeper])
        self.assert_outcome(run, "failed", 5)
        self.assertLess(run.seconds, 10)

    def test_help_and_version_succeed_on_stdout(self):
        for arguments in (["--help"], ["--version"], ["run", "--help"]):
            with self.subTest(arguments=arguments):
                run = self.jobward(*arguments)
                self.assertEqual((run.returncode, run.stderr), (0, b""), run)
                self.assertNotEqual(run.stdout, b"")


if __name__ == "__main__":
    harness.main()
