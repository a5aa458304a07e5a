"""Jobs, readers and terminals that misbehave; surroundings that are not as they should be."""

import os
import shutil
import signal
import subprocess
import uuid

import system
from grounds import Cage
from harness import LIMITED, PYTHON, ROOMY, Case
from system import MIB, wait_until
from variants import not_on, only_on


class MisbehavingJobs(Case):
    # -- many processes

    def test_a_fork_bomb_ends_at_the_pids_limit_and_nothing_is_left(self):
        run = self.run_job(self.job("bomb", 7, "error"), "--mem", "512M", "--pids", "30")
        self.assertEqual(run.result["outcome"], "pids_limit", run)
        self.assertRegex(run.result["cause"], "30")
        self.assertEqual(system.describe(system.survivors(self.tmp)), [])

    def test_the_cpu_time_of_thousands_of_short_processes_is_right(self):
        run = self.run_job(self.job("short_lived", 300 if self.slow else 2000, "seconds"), *ROOMY, seconds=20)
        self.assert_outcome(run, "ok", 0)
        usage, kernel = run.result["usage"], float(self.wait_for_file("seconds"))
        measured = usage["cpu_user_seconds"] + usage["cpu_system_seconds"]
        self.assertAlmostEqual(measured, kernel, delta=0.3 * kernel + 0.3, msg=run)

    @not_on("none", because="without a cgroup's counter a process that lives less than a sampling period is missed")
    def test_a_spike_in_one_of_many_short_processes_is_in_the_peak(self):
        run = self.run_job(self.job("short_lived", 100, "seconds", 100), "--mem", "200M")
        self.assert_outcome(run, "ok", 0)
        self.assertGreaterEqual(run.result["usage"]["memory_peak_bytes"], 100 * MIB)
        self.assertLess(run.result["usage"]["memory_peak_bytes"], 150 * MIB)

    # -- signals

    def test_a_job_that_ignores_term_is_killed_after_the_grace(self):
        self.configure('[time]\ngrace = "1s"\n')
        line = 'trap "echo term >> signals" TERM; while :; do "$0" 0.1; done'
        run = self.run_job(["/bin/sh", "-c", line, self.sleeper], *ROOMY, "--time", "2s")
        self.assert_outcome(run, "wall_limit", 124, "jobward")
        self.assertEqual(self.wait_for_file("signals"), "term", "TERM should come first, once")
        self.assertGreaterEqual(run.result["usage"]["wall_seconds"], 3)
        self.assertLess(run.seconds, self.soon(6))

    def test_a_job_that_stops_itself_without_a_terminal_ends_at_the_wall_limit(self):
        run = self.run_job(["/bin/sh", "-c", "kill -STOP $$"], *ROOMY, "--time", "1s")
        self.assert_outcome(run, "wall_limit", 124, "jobward")

    # -- threads

    def test_the_memory_limit_holds_when_the_main_thread_has_exited(self):
        run = self.run_job(self.job("leader_exits", 160, 30, 0, "end"), "--mem", "64M", "--time", "300s")
        self.assert_outcome(run, "memory_limit", 137, "jobward")

    def test_a_run_lasts_as_long_as_its_last_thread(self):
        run = self.run_job(self.job("leader_exits", 0, 1, 5, "end"), *ROOMY)
        self.assert_outcome(run, "failed", 5, "job")
        self.assertEqual(self.wait_for_file("end"), "the last thread ended")
        self.assertGreaterEqual(run.result["usage"]["wall_seconds"], 1)

    # -- memory that is no process's

    @not_on("none", because="pages of a tmpfs file that nobody maps belong to no process: there is nothing to poll")
    def test_filling_a_tmpfs_counts_towards_the_memory_limit(self):
        file = f"/dev/shm/{os.path.basename(self.tmp)}"
        self.addCleanup(lambda: os.path.exists(file) and os.unlink(file))
        line = LIMITED + 'exec dd if=/dev/zero of="$0" bs=1M count=128 2>/dev/null'
        run = self.run_job(["/bin/sh", "-c", line, file], "--mem", "64M")
        self.assert_outcome(run, "memory_limit", 137, "jobward")
        self.assertLess(os.path.getsize(file), 66 * MIB)

    # -- other users

    @only_on("none", "delegated", "scope", because="root gains nothing by executing a set-user-id program")
    def test_a_job_that_execs_a_setuid_program_is_killed_at_the_wall_limit(self):
        program = f"{self.tmp}/setuid-python"
        shutil.copy(os.path.realpath(PYTHON), program)
        os.chmod(program, 0o4755)
        code = "import os, time; open('euid', 'w').write(f'{os.geteuid()}\\n'); time.sleep(1000)"
        prefix = subprocess.check_output([PYTHON, "-c", "import sys; print(sys.base_prefix)"], text=True).strip()
        run = self.run_job([program, "-S", "-c", code], *ROOMY, "--time", "5s" if self.slow else "3s",
                           env={**self.env, "PYTHONHOME": prefix})
        self.assert_outcome(run, "wall_limit", 124, "jobward")
        self.assertEqual(self.wait_for_file("euid"), "0", "the program was not set-user-id")


class MisbehavingSurroundings(Case):
    # -- readers and terminals

    def test_a_reader_that_closes_our_stdout_kills_the_job_as_if_bare(self):
        process = self.start(["yes"], *ROOMY)
        process.stdout.read(10)
        process.stdout.close()
        process.stdout = None
        run = self.finish(process)
        self.assert_outcome(run, "signaled", 128 + signal.SIGPIPE, "job")
        self.assertEqual(run.result["signal"], signal.SIGPIPE)

    def test_a_reader_that_closes_our_stderr_costs_neither_status_nor_result(self):
        process = self.start(["/bin/sh", "-c", "until [ -e go ]; do sleep 0.1; done; exit 6"], *ROOMY)
        process.stderr.close()
        process.stderr = None
        self.write("go", "")
        self.assert_outcome(self.finish(process), "failed", 6, "job")

    def test_when_the_terminal_goes_away_everything_ends_and_the_result_says_so(self):
        command, result = self.run_command(["/bin/sh", "-c", 'echo $$ > ready; exec "$0" 1000', self.sleeper], *ROOMY)
        terminal = self.terminal(command)
        job = self.wait_for_pid("ready")
        terminal.hang_up()
        wait_until(lambda: system.is_dead(job), "the job is dead", self.bound(5))
        wait_until(lambda: os.path.exists(result), "the result is written", self.bound(5))
        written = self.load_result(result)
        self.assertIn(written["outcome"], ("stopped", "signaled"))
        self.assertEqual(written["signal"], signal.SIGHUP)
        self.assertRegex(written["cause"], "HUP|terminal")

    # -- the supervisor asleep

    @not_on("none", because="a polled limit is held by nobody while the one who polls is stopped")
    def test_the_kernel_holds_the_memory_limit_while_the_supervisor_is_stopped(self):
        process = self.start(self.job("fill", 128, "full", "go"), "--mem", "64M")
        job = self.wait_for_pid("full-to-go")
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: system.state_of(process.pid) == "T", "the supervisor is stopped", self.bound(5))
        self.write("go", "")
        wait_until(lambda: system.is_dead(job), "the kernel kills the job", self.bound(10))
        process.send_signal(signal.SIGCONT)
        self.assert_outcome(self.finish(process), "memory_limit", 137, "jobward")

    def test_limits_are_held_after_the_supervisor_was_stopped(self):
        command = ["/bin/sh", "-c", 'echo $$ > ready; exec "$0" 1000', self.sleeper]
        process = self.start(command, *ROOMY, "--time", "2s")
        self.wait_for_file("ready")
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: system.state_of(process.pid) == "T", "the supervisor is stopped", self.bound(5))
        self.spawn(["sleep", "2.5"]).wait(self.bound(5))  # beyond the limit
        process.send_signal(signal.SIGCONT)
        self.assert_outcome(self.finish(process), "wall_limit", 124, "jobward")

    # -- where it runs

    def assert_works_as_pid_1(self, way, enter=None):
        line = '(setsid "$0" 1000 &); echo $$; cat; exit 3'  # leaves an orphan to pid 1, which is jobward
        place = {"prefix": self.place(way), "drop": False, "enter": enter}
        run = self.run_job(["/bin/sh", "-c", line, self.sleeper], "--mem", "64M", stdin=b"in\n", **place)
        self.assert_outcome(run, "failed", 3, "job")
        self.assertRegex(run.stdout, rb"^\d\nin\n$")
        self.assertIn(run.result["enforcement"]["memory"], ("kernel", "polled"))
        run = self.run_job(self.dd(64, count=10**6), "--mem", "64M", **place)
        self.assert_outcome(run, "memory_limit", 137, "jobward")

    def test_a_run_works_as_pid_1_of_a_pid_namespace(self):
        self.assert_works_as_pid_1("pid1")

    @only_on("unified", "delegated", "system",
             because="the user manager and the v1 hierarchies are outside of a v2 cgroup namespace")
    def test_a_run_works_as_pid_1_with_a_cgroup_namespace(self):
        cage = None if self.ground.uid else self.cage(Cage(512 * MIB))
        self.assert_works_as_pid_1("pid1+cgroup", enter=cage and cage.enter)

    @not_on("none", because="without rights to cgroups nobody leaves one behind")
    def test_cgroups_left_by_a_crash_and_those_of_others_do_no_harm(self):
        parent = self.json_of("doctor", "--json")["parent"]
        self.assertTrue(parent.startswith(system.CGROUP_ROOT), f"no parent: {parent!r}")
        holder = self.start(["/bin/sh", "-c", 'echo > ready; exec "$0" 1000', self.sleeper], *ROOMY)
        self.wait_for_file("ready")  # while a run goes on, jobward's own parent directory is there
        stale, foreign = (f"{parent}/{kind}-{uuid.uuid4().hex[:10]}" for kind in ("stale", "foreign"))
        for top in (stale, foreign):
            self.addCleanup(lambda top=top: os.path.isdir(top) and system.remove_cgroup_tree(top))
        self.addCleanup(self.sweep)
        for directory in (stale, f"{stale}/job", f"{stale}/job/main", foreign):
            os.makedirs(directory)
            os.chown(directory, self.ground.uid, self.ground.uid)
        other = self.spawn([self.sleeper, "1000"], enter=lambda: system.write(f"{foreign}/cgroup.procs", "0"))
        self.assert_outcome(self.run_job(self.dd(64, count=10**6), "--mem", "64M"), "memory_limit", 137)
        self.assert_outcome(self.run_job(["true"], *ROOMY), "ok", 0)
        self.assertIsNone(other.poll(), "a process that is none of jobward's was killed")
        self.assertEqual(system.read_text(f"{foreign}/cgroup.procs").split(), [str(other.pid)])
        other.kill()
        holder.terminate()
        self.assert_outcome(self.finish(holder), "stopped", -signal.SIGTERM)
