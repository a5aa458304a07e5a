"""The fifteen run cases that any good launcher passes (reference/peers.md), numbered as there."""

import json
import os
import signal
import subprocess

import system
from harness import ROOMY, Case
from system import MIB, wait_until
from variants import NO_SWAP, V1, VM, not_on, only_on

SPIN = ["/bin/sh", "-c", "while :; do :; done"]


class RunCases(Case):
    # -- 1: not found, not executable

    def assert_never_launched(self, run, status, name):
        self.assert_outcome(run, "launch_failed", status, "jobward")
        self.assertFalse(run.result["started"])
        self.assertNotIn("memory_peak_bytes", run.result.get("usage", {}), "a measurement of nothing")
        self.assertIn(name, run.messages)

    def test_01_command_not_found_is_127(self):
        self.assert_never_launched(self.run_job(["no-such-command"], *ROOMY), 127, "no-such-command")
        self.assert_never_launched(self.run_job(["/no/such/path"], *ROOMY), 127, "/no/such/path")

    def test_01_not_executable_is_126(self):
        plain = self.write("plain-file", "echo never\n")
        for path in (plain, self.work):
            self.assert_never_launched(self.run_job([path], *ROOMY), 126, path)

    # -- 2: streams

    def test_02_stdin_stdout_stderr_are_byte_exact_and_separate(self):
        data = bytes(range(256)) * 64
        run = self.run_job(["/bin/sh", "-c", r"cat; printf '\377err\0' >&2; exit 5"], *ROOMY, "--quiet", stdin=data)
        self.assert_outcome(run, "failed", 5, "job")
        self.assertEqual((run.stdout, run.stderr), (data, b"\xfferr\0"))

    def test_02_stdin_can_be_a_file_or_dev_null(self):
        with open(self.write("input", "from a file\n")) as file:
            self.assertEqual(self.finish(self.start(["cat"], *ROOMY, stdin=file)).stdout, b"from a file\n")
        self.assertEqual(self.finish(self.start(["cat"], *ROOMY, stdin=subprocess.DEVNULL)).stdout, b"")

    def test_02_a_terminal_is_a_terminal_for_the_job(self):
        command, _ = self.run_command(["/bin/sh", "-c", "test -t 0 && test -t 1 && test -t 2"], *ROOMY)
        self.assertEqual(self.terminal(command).report(self.bound(10)), "exited 0")

    # -- 3: time limits

    def test_03_cpu_limit_ends_a_spinning_job(self):
        run = self.run_job(SPIN, *ROOMY, "--cpu-time", "1s")
        self.assert_outcome(run, "cpu_limit", 124, "jobward")
        used = run.result["usage"]["cpu_user_seconds"] + run.result["usage"]["cpu_system_seconds"]
        self.assertGreater(used, 0.9)
        self.assertLess(used, 1.9, "the limit of 1 s was not held")

    def test_03_cpu_limit_counts_all_processes_of_the_job(self):
        run = self.run_job(["/bin/sh", "-c", "(while :; do :; done) & while :; do :; done"], *ROOMY,
                           "--cpu-time", "2s")
        self.assert_outcome(run, "cpu_limit", 124, "jobward")
        used = run.result["usage"]["cpu_user_seconds"] + run.result["usage"]["cpu_system_seconds"]
        self.assertLess(used, 3.5, "each process had a limit of its own")

    def test_03_wall_limit_ends_a_sleeping_job(self):
        run = self.run_job([self.sleeper, "1000"], *ROOMY, "--time", "1s")
        self.assert_outcome(run, "wall_limit", 124, "jobward")
        self.assertGreaterEqual(run.result["usage"]["wall_seconds"], 1)
        self.assertLess(run.seconds, self.soon(3))

    def test_03_of_cpu_and_wall_limit_the_first_reached_is_named(self):
        run = self.run_job(SPIN, *ROOMY, "--cpu-time", "1s", "--time", "300s")
        self.assert_outcome(run, "cpu_limit", 124, "jobward")
        run = self.run_job([self.sleeper, "1000"], *ROOMY, "--cpu-time", "300s", "--time", "1s")
        self.assert_outcome(run, "wall_limit", 124, "jobward")

    def test_03_the_jobs_own_soft_cpu_limit_is_not_taken_for_ours(self):
        run = self.run_job(["/bin/sh", "-c", "ulimit -S -t 1; while :; do :; done"], *ROOMY,
                           "--cpu-time", "100s", "--time", "300s")
        self.assert_outcome(run, "signaled", 128 + signal.SIGXCPU, "job")
        self.assertEqual(run.result["signal"], signal.SIGXCPU)

    def test_03_of_all_three_limits_together_the_first_is_named(self):
        spin = "while :; do :; done"
        for soft, hard, wall, outcome, status in (("1", "100s", "100s", "signaled", 128 + signal.SIGXCPU),
                                                  ("100", "1s", "100s", "cpu_limit", 124),
                                                  ("100", "100s", "1s", "wall_limit", 124)):
            with self.subTest(first=outcome):
                run = self.run_job(["/bin/sh", "-c", f"ulimit -S -t {soft}; {spin}"], *ROOMY,
                                   "--cpu-time", hard, "--time", wall)
                self.assert_outcome(run, outcome, status)

    # -- 4, 5: memory

    def test_04_a_buffer_at_the_limit_names_the_memory_limit(self):
        # dd goes on filling its buffer, so that a polled limit sees it, too
        run = self.run_job(self.dd(64, count=10**6), "--mem", "64M", "--time", "60s")
        self.assert_outcome(run, "memory_limit", 137, "jobward")
        self.assertRegex(run.result["cause"], "memory limit of 64")
        self.assertEqual(run.result["enforcement"]["memory"], "polled" if self.variant == "none" else "kernel")
        tolerance = 0.5 if self.variant == "none" else 0.05
        self.assertAlmostEqual(self.peak(run), 64 * MIB, delta=64 * MIB * tolerance, msg=run)

    def test_05_the_jobs_oom_spares_supervisor_sibling_and_caller(self):
        sibling = self.start(["/bin/sh", "-c", 'echo $$ > sibling; exec "$0" 1000', self.sleeper], *ROOMY)
        pid = self.wait_for_pid("sibling")
        bystander = self.spawn([self.sleeper, "1000"])  # beside the supervisor, where jobward was started
        self.assert_outcome(self.run_job(self.dd(64, count=10**6), "--mem", "64M"), "memory_limit", 137)
        self.assertFalse(system.is_dead(pid), "the sibling job died")
        self.assertIsNone(bystander.poll(), "the caller's other child died")
        bystander.kill()
        sibling.terminate()
        self.assert_outcome(self.finish(sibling), "stopped", -signal.SIGTERM)

    # -- 6: processes that try to stay

    def assert_does_not_stay(self, line):
        """Runs a shell line that leaves a process behind, whose pid is then in the file `left`."""
        wait = 'until grep -q sleep "/proc/$(cat left)/cmdline"; do :; done 2>/dev/null'
        run = self.run_job(["/bin/sh", "-c", f"{line}\n{wait}", self.sleeper], *ROOMY)
        self.assert_outcome(run, "ok", 0)
        self.assertTrue(system.is_dead(self.wait_for_pid("left")), "it outlived the run")

    def test_06_nohup_with_an_empty_environment_is_dead_after_the_run(self):
        self.assert_does_not_stay('nohup env -i "$0" 1000 >/dev/null 2>&1 & echo $! > left')

    def test_06_setsid_is_dead_after_the_run(self):
        self.assert_does_not_stay('setsid "$0" 1000 & echo $! > left')

    def test_06_a_double_forked_daemon_is_dead_after_the_run(self):
        self.assert_does_not_stay(
            '(setsid env -i /bin/sh -c \'echo $$ > left; exec "$0" 1000\' "$0" &) ; until [ -s left ]; do :; done')

    # -- 7, 8: cgroups, seen from inside

    @not_on("none", because="a job without rights to cgroups cannot make or freeze one")
    def test_07_a_child_that_froze_itself_in_a_locked_cgroup_is_killed_at_the_wall_limit(self):
        name = f"nested-{os.path.basename(self.tmp)}"
        self.addCleanup(self.thaw_and_remove, name)
        limit = "6s" if self.slow else "3s"
        self.configure('[time]\ngrace = "1s"\n')
        run = self.run_job(self.job("freeze", name, "frozen"), *ROOMY, "--time", limit, seconds=8)
        self.assert_outcome(run, "wall_limit", 124, "jobward")
        self.assertTrue(system.is_dead(self.wait_for_pid("frozen")))

    def thaw_and_remove(self, name):
        for directory in system.cgroup_directories(name):
            os.chmod(directory, 0o755)
            for file, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                if os.path.exists(f"{directory}/{file}"):
                    system.write(f"{directory}/{file}", word)
            system.kill_survivors(self.tmp)
            system.remove_cgroup_tree(directory)

    @not_on("none", because="without a cgroup there is no cgroup.procs to look at")
    def test_08_the_job_sees_exactly_its_own_processes_in_its_cgroup(self):
        self.assert_outcome(self.run_job(self.job("members", "members"), *ROOMY), "ok", 0)
        seen = json.loads(self.wait_for_file("members"))
        self.assertEqual(seen["listed"], seen["own"])

    # -- 9: nested runs

    def test_09_three_runs_inside_each_other(self):
        inner, inner_result = self.run_command(["/bin/sh", "-c", "echo deep; exit 3"], "--mem", "32M", "--quiet")
        middle, middle_result = self.run_command(inner, "--mem", "64M", "--quiet")
        outer = self.run_job(middle, *ROOMY, "--quiet")
        self.assertEqual(outer.stdout, b"deep\n")
        self.assert_outcome(outer, "failed", 3, "job")
        middle, inner = self.load_result(middle_result), self.load_result(inner_result)
        self.assertEqual((middle["outcome"], inner["outcome"]), ("failed", "failed"))
        self.assertEqual((middle["parent_run"], inner["parent_run"]), (outer.result["run"], middle["run"]))

    def test_09_a_nested_oom_is_not_blamed_on_the_run_around_it(self):
        inner, inner_result = self.run_command(self.dd(32, count=10**6), "--mem", "32M", "--quiet")
        outer = self.run_job(["/bin/sh", "-c", '"$@"; test $? = 137', "sh", *inner], *ROOMY)
        self.assert_outcome(outer, "ok", 0)
        self.assertEqual(self.load_result(inner_result)["outcome"], "memory_limit")

    # -- 10, 11, 12

    def test_10_stopped_in_mid_run(self):
        process = self.start(["/bin/sh", "-c", 'echo $$ > pid; exec "$0" 1000', self.sleeper], *ROOMY)
        job = self.wait_for_pid("pid")
        process.terminate()
        run = self.finish(process)
        self.assert_outcome(run, "stopped", -signal.SIGTERM)
        self.assertTrue(system.is_dead(job))

    def test_11_a_short_peak_before_a_valley_is_reported(self):
        # a cgroup's counter sees any peak; samples see one that lasts
        hold = 0.5 if self.variant == "none" else 0
        run = self.run_job(self.job("peak_then_valley", 96, hold), "--mem", "192M")
        self.assert_outcome(run, "ok", 0)
        self.assertGreaterEqual(self.peak(run), 96 * MIB, run)
        self.assertLess(self.peak(run), 140 * MIB, run)

    @not_on("none", because="no pids controller without a cgroup, and RLIMIT_NPROC counts the whole user: the "
                            "number is polled and the run ended, see test_limits")
    def test_12_at_the_pids_limit_fork_fails_with_eagain(self):
        run = self.run_job(self.job("bomb", 4, "error"), "--mem", "192M", "--pids", "5")
        self.assert_outcome(run, "pids_limit", 3, "job")
        self.assertEqual(self.wait_for_file("error"), "EAGAIN")

    def test_12_an_unknown_limit_is_a_clear_error(self):
        run = self.run_job(["/bin/sh", "-c", "echo > ran"], "--memry", "64M")
        self.assertEqual(run.returncode, 125, run)
        self.assertIn("--memry", run.messages)
        self.assertFalse(os.path.exists(self.path("ran")))

    @only_on(*VM, because=NO_SWAP)
    def test_12_swap_0_means_none(self):
        run = self.run_job(self.dd(96, count=10**6), "--mem", "64M", "--swap", "0")
        self.assert_outcome(run, "memory_limit", 137)

    # -- 13: names

    def test_13_odd_paths_and_bytes_come_through(self):
        odd = os.fsencode(self.work) + b"/it's \"odd\"\n\xff $x"
        os.mkdir(odd)
        with open(odd + b"/run me", "wb") as script:
            script.write(b'#!/bin/sh\nprintf "%s|" "$0" "$@"\n')
        os.chmod(odd + b"/run me", 0o755)
        os.chown(odd, self.ground.uid, self.ground.uid)
        arguments = [odd + b"/run me", b"a b", b"'\"", b"\n", b"\xfe\xff", b"", b"--mem"]
        result = odd + b"/result\xff.json"
        process = self.spawn([self.binary, "run", *ROOMY, "--result", result, "--", *arguments], cwd=odd)
        process.result_path = result
        run = self.finish(process)
        self.assert_outcome(run, "ok", 0)
        self.assertEqual(run.stdout, b"".join(word + b"|" for word in arguments))

    # -- 14: the supervisor dies

    def test_14_the_main_process_dies_with_its_supervisor(self):
        process = self.start(["/bin/sh", "-c", 'echo $$ > pid; exec "$0" 1000', self.sleeper], *ROOMY,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        job = self.wait_for_pid("pid")
        process.kill()
        wait_until(lambda: system.is_dead(job), "the job dies with its supervisor", self.bound(5))
        self.sweep()  # the record and the cgroup of such a run are for the next command to close

    @not_on("none", because="without a cgroup nothing but the supervisor holds a limit")
    def test_14_what_is_left_when_the_supervisor_is_killed_is_still_under_its_limit(self):
        process = self.start(["/bin/sh", "-c", 'setsid "$0" 1000 & echo $! > left; wait', self.sleeper],
                             "--mem", "48M", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        left = self.wait_for_pid("left")
        process.kill()
        process.wait(self.bound(5))
        file = "memory.limit_in_bytes" if self.variant in V1 else "memory.max"
        directory = system.memory_cgroup(left) if not system.is_dead(left) else None
        if directory:  # killing it, too, would be as good
            self.assertIn(str(48 * MIB), system.values_up_from(directory, file))
        self.sweep()

    # -- 15: signals and the terminal, against the bare command

    def as_bare(self, command, scenario):
        """What the scenario reports of the command, checked to be the same bare and in a run."""
        reports = []
        for line in (command, self.run_command(command, *ROOMY)[0]):
            self.write("ready", "")
            reports.append(scenario(self.terminal(line)))
        self.assertEqual(reports[1], reports[0], "in a run it ends differently than bare")
        return reports[0]

    def ready_then(self, line, first=":"):
        return ["/bin/sh", "-c", f"{first}; echo $$ > ready; {line}", self.sleeper]

    def test_15_ctrl_c_kills_as_if_bare(self):
        def scenario(terminal):
            self.wait_for_file("ready")
            terminal.type("\x03")
            return terminal.report(self.bound(10))
        self.assertEqual(self.as_bare(self.ready_then('exec "$0" 1000'), scenario), "died 2")
        command = self.ready_then('while :; do "$0" 0.1; done', first='trap "exit 7" INT')
        self.assertEqual(self.as_bare(command, scenario), "exited 7")

    def test_15_ctrl_z_stops_and_fg_goes_on_as_if_bare(self):
        def scenario(terminal):
            self.wait_for_file("ready")
            terminal.type("\x1a")
            stopped = terminal.report(self.bound(10))
            self.assertEqual(system.state_of(self.wait_for_pid("ready")), "T")
            go = self.write("go", "")
            terminal.foreground()
            ended = terminal.report(self.bound(10))
            os.remove(go)
            return stopped, ended
        # No child: a shell that waits for its vforked child to exec cannot stop.
        command = self.ready_then("until [ -e go ]; do :; done; exit 4")
        self.assertEqual(self.as_bare(command, scenario), ("stopped 20", "exited 4"))

    def test_15_hup_and_term_to_the_supervisor_end_it_as_if_bare(self):
        for number in (signal.SIGHUP, signal.SIGTERM):
            with self.subTest(number=number.name):
                process = self.start(self.ready_then('exec "$0" 1000'), *ROOMY)
                job = self.wait_for_pid("ready")
                process.send_signal(number)
                self.assert_died_of(self.finish(process), number)
                self.assertTrue(system.is_dead(job))
                os.remove(self.path("ready"))

    def test_15_a_job_that_handles_term_ends_with_its_own_status(self):
        process = self.start(self.ready_then('while :; do "$0" 0.1; done', first='trap "exit 9" TERM'), *ROOMY)
        self.wait_for_file("ready")
        process.terminate()
        run = self.finish(process)
        self.assertEqual((run.returncode, run.result["exit_source"]), (9, "job"), run)
