"""Signals and job control: in a terminal, a job under jobward behaves as if it ran bare."""

import fcntl
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness


def shell_words(words):
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)


class InATerminal(harness.JobwardTest):
    def open_terminal(self, **size):
        terminal = harness.Terminal({**self.env, "JW": self.binary}, self.work, **size)
        self.addCleanup(terminal.close)
        self.shells.add(terminal.pid)
        return terminal

    def launch(self, terminal, command, suffix="", options=("--mem", "1G")):
        """Types a `jobward run` line; its result goes to result-tty.json."""
        words = [*options, "--result", self.path("result-tty.json"), "--", *command]
        terminal.type(f'"$JW" run {shell_words(words)}{suffix}')

    def tty_result(self):
        result = self.load_result(self.path("result-tty.json"))
        self.assertIsNotNone(result, "no result file was written")
        return result

    def test_ctrl_c_reaches_the_job_exactly_once_and_the_shell_sees_130(self):
        terminal = self.open_terminal()
        log = self.path("signals")
        self.launch(terminal, self.job("record_signals.py", self.path("pid"), log))
        harness.wait_for_pid(self.path("pid"))
        supervisor = terminal.foreground_pid()
        terminal.send("\x03")
        harness.wait_for_lines(log, 1)
        # Sent to the supervisor alone, so it arrives by forwarding: after a second INT, if there were one.
        os.kill(supervisor, signal.SIGUSR1)
        terminal.expect_prompt()
        self.assertEqual(terminal.last_status(), 130)
        lines = [line.split() for line in harness.read_lines(log)]
        interrupts = [int(code) for number, code, _ in lines if int(number) == signal.SIGINT]
        self.assertEqual(interrupts, [harness.SI_KERNEL], "one INT, from the terminal itself")
        self.assertIn(self.tty_result()["outcome"], ("signaled", "stopped"))

    def test_ctrl_c_leaves_a_job_alone_that_handles_it(self):
        terminal = self.open_terminal()
        self.launch(terminal, ["/bin/sh", "-c", 'trap "exit 9" INT; echo $$ > "$0"; while :; do sleep 0.05; done',
                               self.path("pid")])
        harness.wait_for_pid(self.path("pid"))
        terminal.send("\x03")
        terminal.expect_prompt()
        self.assertEqual(terminal.last_status(), 9)
        self.assertEqual(self.tty_result()["outcome"], "failed")

    def test_ctrl_z_stops_both_and_fg_resumes_them(self):
        terminal = self.open_terminal()
        self.launch(terminal, self.waiting_job(status=7))
        job = harness.wait_for_pid(self.path("pid"))
        supervisor = terminal.foreground_pid()
        terminal.send("\x1a")
        terminal.expect(r"Stopped")
        terminal.expect_prompt()
        for pid, who in ((job, "job"), (supervisor, "supervisor")):
            harness.wait_until(lambda: harness.state_of(pid) == "T", f"the {who} is stopped")
        terminal.type("fg")
        for pid, who in ((job, "job"), (supervisor, "supervisor")):
            harness.wait_until(lambda: harness.state_of(pid) in ("S", "R"), f"the {who} runs again")
        self.touch("finish")
        terminal.expect_prompt()
        self.assertEqual(terminal.last_status(), 7)
        self.assertEqual(self.tty_result()["exit_code"], 7)

    def test_ctrl_z_and_fg_work_twice(self):
        terminal = self.open_terminal()
        self.launch(terminal, self.waiting_job())
        job = harness.wait_for_pid(self.path("pid"))
        supervisor = terminal.foreground_pid()
        for _ in range(2):
            terminal.send("\x1a")
            terminal.expect(r"Stopped")
            terminal.expect_prompt()
            harness.wait_until(lambda: harness.state_of(job) == "T", "the job is stopped")
            terminal.type("fg")
            harness.wait_until(lambda: harness.state_of(job) in ("S", "R"), "the job runs again")
            harness.wait_until(lambda: harness.state_of(supervisor) == "S", "the supervisor waits again")
        self.touch("finish")
        terminal.expect_prompt()
        self.assertEqual(terminal.last_status(), 0)

    def test_a_background_job_that_reads_the_terminal_stops_until_fg(self):
        terminal = self.open_terminal()
        self.launch(terminal, ["/bin/sh", "-c", 'echo $$ > "$0"; read line; echo "it read <$line>"',
                               self.path("pid")], suffix=" &")
        job = harness.wait_for_pid(self.path("pid"))
        harness.wait_until(lambda: harness.state_of(job) == "T", "the job is stopped by TTIN")
        supervisor = harness.children_of(terminal.pid)[0]
        harness.wait_until(lambda: harness.state_of(supervisor) == "T", "the supervisor is stopped, too")
        terminal.type("fg")
        harness.wait_until(lambda: harness.state_of(job) in ("S", "R"), "the job runs again")
        terminal.type("some words")
        terminal.expect(r"it read <some words>")
        terminal.expect_prompt()
        self.assertEqual(terminal.last_status(), 0)

    def test_a_shell_loop_ends_on_ctrl_c(self):
        terminal = self.open_terminal()
        words = shell_words(["--mem", "1G", "--", "/bin/sh", "-c", 'echo $$ > "$0"; exec "$1" 5',
                             self.path("pid"), self.sleeper])
        terminal.type(f'while true; do "$JW" run {words}; done')
        harness.wait_for_pid(self.path("pid"))
        terminal.send("\x03")
        terminal.expect_prompt(4)
        self.assertEqual(terminal.last_status(), 130)
        self.assertEqual(harness.children_of(terminal.pid), [], "the loop went on")

    def test_term_to_the_supervisor_alone_ends_the_job(self):
        terminal = self.open_terminal()
        self.launch(terminal, self.waiting_job())
        job = harness.wait_for_pid(self.path("pid"))
        os.kill(terminal.foreground_pid(), signal.SIGTERM)
        terminal.expect_prompt()
        self.assertTrue(harness.is_dead(job))
        self.assertEqual(terminal.last_status(), 128 + signal.SIGTERM)

    def test_job_and_supervisor_share_the_foreground_process_group(self):
        terminal = self.open_terminal(rows=41, columns=137)
        self.launch(terminal, ["/bin/sh", "-c", '"$@"; until [ -e finish ]; do sleep 0.02; done', "sh",
                               *self.job("describe_self.py", self.path("me.json"))])
        supervisor = harness.wait_until(lambda: harness.children_of(terminal.pid), "the shell has a child")[0]
        self.touch("finish")
        terminal.expect_prompt()
        me = harness.strict_json(harness.read_bytes(self.path("me.json")))
        self.assertEqual(me["isatty"], [True, True, True])
        self.assertEqual(me["terminal_size"], [137, 41])
        self.assertEqual(me["sid"], terminal.pid)
        self.assertEqual(me["pgid"], supervisor, "bash made the supervisor the group's leader")

    def test_the_job_can_read_the_terminal(self):
        terminal = self.open_terminal()
        self.launch(terminal, ["/bin/sh", "-c", 'echo tell "me"; read line; echo "it read <$line>"'])
        terminal.expect(r"tell me")
        terminal.type("some words")
        terminal.expect(r"it read <some words>")
        terminal.expect_prompt()
        self.assertEqual(terminal.last_status(), 0)

    def test_closing_the_terminal_ends_everything(self):
        terminal = self.open_terminal()
        self.launch(terminal, self.waiting_job())
        job = harness.wait_for_pid(self.path("pid"))
        supervisor = terminal.foreground_pid()
        terminal.hang_up()
        for pid, who in ((job, "job"), (supervisor, "supervisor")):
            harness.wait_until(lambda: harness.is_dead(pid), f"the {who} ends with its terminal")
        self.assertIn(self.tty_result()["outcome"], ("signaled", "stopped"))


class WithoutATerminal(harness.JobwardTest):
    def test_term_hup_int_to_the_supervisor_are_forwarded(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            with self.subTest(signal=number.name):
                pid_file = self.path(f"pid-{number.name}")
                command = ["/bin/sh", "-c", f'trap "exit 33" {number.name[3:]}; echo $$ > "$0"; '
                           "while :; do sleep 0.02; done", pid_file]
                process = self.start_run(["--mem", "1G"], command)
                harness.wait_for_pid(pid_file)
                os.kill(process.pid, number)
                self.assert_outcome(self.finish(process, timeout=10), "failed", 33)

    def test_usr1_to_the_supervisor_is_forwarded(self):
        command = ["/bin/sh", "-c", 'trap "exit 34" USR1; echo $$ > "$0"; while :; do sleep 0.02; done',
                   self.path("pid")]
        process = self.start_run(["--mem", "1G"], command)
        harness.wait_for_pid(self.path("pid"))
        os.kill(process.pid, signal.SIGUSR1)
        self.assert_outcome(self.finish(process, timeout=10), "failed", 34)

    def test_term_that_kills_the_job_kills_the_supervisor_likewise(self):
        process = self.start_run(["--mem", "1G"], self.waiting_job())
        harness.wait_for_pid(self.path("pid"))
        os.kill(process.pid, signal.SIGTERM)
        run = self.finish(process, timeout=10)
        self.assertEqual(run.returncode, -signal.SIGTERM, run)
        self.assertIn(run.result["outcome"], ("signaled", "stopped"))
        self.assertIs(run.result["recorded"], True)

    def test_a_hangup_that_was_ignored_from_outside_stays_ignored(self):
        self.preexec = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        process = self.start_run(["--mem", "1G"], self.waiting_job())
        job = harness.wait_for_pid(self.path("pid"))
        os.killpg(process.pid, signal.SIGHUP)
        os.killpg(process.pid, signal.SIGCONT)  # handled after the HUP
        self.assertFalse(harness.is_dead(job))
        self.touch("finish")
        self.assert_ok(self.finish(process))

    def test_a_job_that_stops_itself_goes_on_when_it_is_continued(self):
        command = ["/bin/sh", "-c", 'echo $$ > "$0"; kill -STOP $$; exit 6', self.path("pid")]
        process = self.start_run(["--mem", "1G"], command)
        job = harness.wait_for_pid(self.path("pid"))
        harness.wait_until(lambda: harness.state_of(job) == "T", "the job is stopped")
        os.kill(job, signal.SIGCONT)  # whoever stopped the job knows its pid, not ours
        self.assert_outcome(self.finish(process, timeout=10), "failed", 6)

    def test_a_stopped_job_without_a_terminal_is_still_ended_at_its_wall_limit(self):
        process = self.start_run(["--mem", "1G", "--time", "1s"], ["/bin/sh", "-c", "kill -STOP $$"])
        self.assert_outcome(self.finish(process, timeout=20), "wall_limit", 124)

    def test_a_signal_while_the_rest_is_cleared_away_loses_neither_status_nor_record(self):
        # The main process ends at once; what it leaves has 200 MB to give back while TERM arrives.
        hog = self.job("touch_memory.py", 200, "--hold", 30)
        started = self.path("started")
        script = '"$@" > /dev/null 2>&1 & echo $! > "$0"; sleep 0.5; exit 7'
        process = self.start_run(["--mem", "1G"], ["/bin/sh", "-c", script, started, *hog])
        harness.wait_for_pid(started)
        job_main = harness.wait_until(lambda: harness.children_of(process.pid), "the job is there")[0]
        harness.wait_until(lambda: harness.is_dead(job_main), "its main process has ended")
        try:
            process.send_signal(signal.SIGTERM)
        except ProcessLookupError:
            pass  # faster than us: nothing to disturb
        run = self.finish(process)
        self.assertEqual(run.returncode, 7, run)
        self.assertIs(run.result["recorded"], True)

    def test_children_from_before_are_left_alone(self):
        pid_file = self.path("before")
        line = f'"{self.sleeper}" 100 > /dev/null 2>&1 & echo $! > "{pid_file}"; exec "{self.binary}" run --quiet --mem 1G -- true'
        run = self.bare(["/bin/bash", "-c", line])
        self.assertEqual(run.returncode, 0, run)
        pid = harness.wait_for_pid(pid_file)
        self.assertFalse(harness.is_dead(pid), "it was there before the job")
        os.kill(pid, signal.SIGKILL)
        self.expects_nothing_left = False

    def test_a_reader_that_does_not_read_does_not_lift_the_wall_limit(self):
        read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
        os.write(write_end, b"x" * 4096)  # full: the next write waits
        process = self.start_run(["--mem", "1G", "--time", "1s"], [self.sleeper, "100"], stderr=write_end)
        os.close(write_end)
        result = process.result_path
        harness.wait_until(lambda: os.path.exists(result), "the result is written all the same", 20)
        os.read(read_end, 65536)
        self.assert_outcome(self.finish(process), "wall_limit", 124)
        os.close(read_end)

    def test_the_grace_at_the_wall_limit_is_for_the_whole_job(self):
        checkpoint = self.path("checkpoint")
        handler = ("import signal,sys,time\n"
                   "def save(*_):\n  time.sleep(0.5); open(sys.argv[1], 'w').close(); sys.exit(0)\n"
                   "signal.signal(signal.SIGTERM, save)\ntime.sleep(60)\n")
        command = ["/bin/bash", "-c", f'{harness.PYTHON} -I -S -c "$0" "$1"; true', handler, checkpoint]
        self.assert_outcome(self.run_job(command, ["--mem", "1G", "--time", "4s"]), "wall_limit", 124)
        self.assertTrue(os.path.exists(checkpoint), "the child of the script could save its work")

    def test_a_pipe_that_breaks_kills_the_job_as_it_would_bare(self):
        line = f'"{self.binary}" run --quiet --mem 1G -- yes | head -n 1; echo "${{PIPESTATUS[0]}}"'
        run = self.bare(["/bin/bash", "-c", line])
        self.assertEqual(run.stdout, b"y\n141\n", run)

    def test_a_reader_that_left_our_stderr_does_not_hurt_the_run(self):
        read_end, write_end = os.pipe()
        process = self.start_run(["--mem", "1G"], ["/bin/sh", "-c", "exit 42"], stderr=write_end)
        os.close(read_end)
        os.close(write_end)
        self.assert_outcome(self.finish(process), "failed", 42)

    def test_supervisor_killed_with_sigkill_takes_the_job_along(self):
        process = self.start_run(["--mem", "1G"], self.waiting_job(), stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        job = harness.wait_for_pid(self.path("pid"))
        for entry in harness.proc_bytes(job, "environ").split(b"\0"):
            if entry.startswith(b"JOBWARD_RUN_ID="):
                self.run_ids.add(entry.partition(b"=")[2].decode())
        self.expects_nothing_left = False  # the dead supervisor cannot clear its cgroup away; _sweep does
        process.kill()
        harness.wait_until(lambda: harness.is_dead(job), "the job dies with its supervisor", 5)


if __name__ == "__main__":
    harness.main()
