"""Detached runs: what they survive, how they are found, followed, waited for and stopped; what they leave."""

import contextlib
import os
import shlex
import shutil
import signal
import uuid

import system
from grounds import Cage
from harness import ROOMY
from system import CGROUP_ROOT, MIB, wait_until
from test_queue import Crowded, Scene
from variants import FRONT_END, SAME_CODE, not_on, only_on


class DetachedCase(Scene):
    def detach(self, command, *options, **popen):
        """Starts a detached run; returns its id."""
        run = self.jobward("run", "--detach", *options, "--", *command, **popen)
        self.assertEqual(run.returncode, 0, run)
        self.assertRegex(run.stdout, rb"^\S+\n$", "the id, and nothing else")
        self.run_ids.add(run.stdout.decode().strip())
        return run.stdout.decode().strip()

    def wait_for(self, *runs, seconds=10):
        """The exit status of `jobward wait`."""
        return self.finish(self.spawn([self.binary, "wait", *runs]), seconds=seconds).returncode

    def sh(self, line):
        return ["/bin/sh", "-c", line, self.sleeper]


@not_on("delegated", because=SAME_CODE)
class Detached(DetachedCase):
    # -- starting

    def test_it_prints_the_id_and_returns_while_the_job_goes_on(self):
        run = self.detach(self.holder("job"), *ROOMY)
        self.assertEqual(self.wait_for_file("job"), run)
        self.end("job")
        self.assertEqual(self.wait_for(run), 0)
        self.assertEqual(self.show(run)["outcome"], "ok")

    def test_stdin_is_dev_null_and_the_session_its_own(self):
        line = 'readlink /proc/$$/fd/0; cut -d " " -f 6 /proc/$$/stat'
        caller = self.spawn([self.binary, "run", "--detach", *ROOMY, "--", *self.sh(line)])  # leads a session
        run = self.finish(caller).stdout.decode().strip()
        self.assertEqual(self.wait_for(run), 0)
        stdin, session = self.jobward("logs", run).stdout.split()
        self.assertEqual(stdin, b"/dev/null")
        self.assertNotEqual(int(session), caller.pid)

    def test_what_could_not_be_started_returns_what_run_would(self):
        for command, status in ((["no-such-command"], 127), ([self.work], 126)):
            with self.subTest(status=status):
                run = self.jobward("run", "--detach", *ROOMY, "--", *command)
                self.assertEqual(run.returncode, status, run)
                self.assertIn(command[0], run.messages)

    # -- following

    def test_ps_lists_it_until_it_has_ended(self):
        run = self.detach(self.holder("job"), *ROOMY, "--name", "larch")
        self.assertEqual(self.listed()[run]["name"], "larch")
        text = self.jobward("ps").stdout.decode()
        self.assertIn(run, text)
        self.assertIn("larch", text)
        self.end("job")
        self.assertEqual(self.wait_for(run), 0)
        self.assertNotIn(run, self.listed())

    def test_logs_keep_stdout_and_stderr_apart(self):
        run = self.detach(self.sh("echo out; echo err >&2; printf 'no newline \\377'"), *ROOMY)
        self.assertEqual(self.wait_for(run), 0)
        self.assertEqual(self.jobward("logs", run).stdout, b"out\nno newline \xff")
        self.assertEqual(self.jobward("logs", run, "--stderr").stdout, b"err\n")

    def test_logs_f_follows_the_output_and_ends_with_the_run(self):
        run = self.detach(self.sh('echo one; until [ -e go ]; do "$0" 0.1; done; echo two'), *ROOMY)
        follower = self.spawn([self.binary, "logs", run, "-f"])
        self.assertEqual(self.read_line(follower), b"one\n")
        self.write("go", "")
        rest = self.finish(follower)
        self.assertEqual((rest.returncode, rest.stdout), (0, b"two\n"), rest)
        self.assertEqual(self.wait_for(run), 0)

    def read_line(self, process):
        """A line of stdout, past Python's buffer, which communicate() does not look into."""
        os.set_blocking(process.stdout.fileno(), False)
        line = wait_until(lambda: process.stdout.raw.read(100), "it has written something", self.bound(10))
        os.set_blocking(process.stdout.fileno(), True)
        return line

    def test_wait_gives_the_exit_status_also_of_a_run_that_has_ended(self):
        run = self.detach(self.holder("job", status=7), *ROOMY)
        waiting = self.spawn([self.binary, "wait", run])
        self.wait_for_file("job")
        self.assertIsNone(waiting.poll(), "the run goes on")
        self.end("job")
        self.assertEqual(self.finish(waiting).returncode, 7)
        self.assertEqual(self.wait_for(run), 7)

    def test_wait_for_several_gives_the_first_status_that_is_not_0(self):
        runs = [self.detach(self.sh(f"exit {status}"), *ROOMY) for status in (0, 4, 5)]
        self.assertEqual(self.wait_for(*runs), 4)
        self.assertEqual(self.wait_for(runs[0]), 0)

    # -- stopping

    def test_stop_kills_what_ignores_term_after_the_grace_with_its_children(self):
        self.configure('[time]\ngrace = "1s"\n')
        line = 'trap "" TERM; "$0" 1000 & echo $! > child; echo $$ > main; while :; do "$0" 0.1; done'
        run = self.detach(self.sh(line), *ROOMY)
        pids = [self.wait_for_pid("child"), self.wait_for_pid("main")]
        stopped = self.jobward("stop", run)
        self.assertEqual(stopped.returncode, 0, stopped)
        self.assertEqual([pid for pid in pids if not system.is_dead(pid)], [], "it returns when the run has ended")
        self.assertGreaterEqual(stopped.seconds, 1, "the grace")
        shown = self.show(run)
        self.assertEqual(shown["outcome"], "stopped", shown)

    def test_stop_lets_a_job_that_handles_term_end_by_itself(self):
        run = self.detach(self.sh('trap "echo saved; exit 0" TERM; echo > ready; while :; do "$0" 0.1; done'), *ROOMY)
        self.wait_for_file("ready")
        self.assertEqual(self.jobward("stop", run).returncode, 0)
        self.assertEqual(self.show(run)["outcome"], "stopped")
        self.assertEqual(self.jobward("logs", run).stdout, b"saved\n")

    # -- finding

    @only_on("hybrid", "unified", because=FRONT_END)
    def test_a_run_is_found_by_its_name_and_by_a_unique_beginning(self):
        run = self.detach(self.sh("exit 6"), *ROOMY, "--name", "larch")
        self.assertEqual(self.wait_for("larch"), 6)
        self.assertEqual(self.wait_for(run[:4]), 6)
        self.assertIn(run, self.jobward("why", run[:4]).stdout.decode())

    @only_on("hybrid", "unified", because=FRONT_END)
    def test_a_beginning_of_several_ids_is_an_error_that_names_it(self):
        ids, beginnings = set(), set()
        while len(beginnings) == len(ids) < 40:
            ids.add(self.run_job(["true"], *ROOMY).result["run"])
            beginnings = {run[0] for run in ids}
        self.assertLess(len(beginnings), len(ids), "40 ids begin with 40 letters")
        shared = next(letter for letter in beginnings if sum(run[0] == letter for run in ids) == 2)
        for command in ("wait", "stop", "logs", "why", "show"):
            with self.subTest(command=command):
                run = self.jobward(command, shared)
                self.assertIn(run.returncode, (1, 2), run)
                self.assertRegex(run.messages, rf"\b{shared}\b")
                self.assertEqual(run.stdout, b"")

    @only_on("hybrid", "unified", because=FRONT_END)
    def test_an_unknown_run_is_an_error_that_names_it(self):
        for command in ("wait", "stop", "logs", "why", "show"):
            with self.subTest(command=command):
                run = self.jobward(command, "no-such-run")
                self.assertIn(run.returncode, (1, 2), run)
                self.assertIn("no-such-run", run.messages)

    # -- what is left of it

    def test_of_a_long_log_head_and_tail_are_kept_and_the_cut_is_said(self):
        self.configure('[logs]\nkeep = "1M"\n')
        run = self.detach(self.sh("seq 1 600000"), *ROOMY)
        self.assertEqual(self.wait_for(run, seconds=20), 0)
        whole = "".join(f"{number}\n" for number in range(1, 600001)).encode()
        logs = self.jobward("logs", run)
        self.assertTrue(logs.stdout.startswith(whole[:400_000]), logs.stdout[:100])
        self.assertTrue(logs.stdout.endswith(whole[-400_000:]), logs.stdout[-100:])
        self.assertLess(len(logs.stdout), 1.1 * MIB)
        said = logs.messages + "\n".join(line for line in logs.stdout.decode().splitlines() if not line.isdigit())
        self.assertRegex(said, r"(?i)cut|left out|omitted|not kept|dropped")
        kept = sum(os.stat(os.path.join(directory, name)).st_blocks * 512
                   for directory, _, names in os.walk(self.path("state/logs")) for name in names)
        self.assertLess(kept, 1.1 * MIB)

    def test_why_says_limit_and_cause_in_words(self):
        run = self.detach(self.dd(64, count=10**6), "--mem", "64M")
        self.assertEqual(self.wait_for(run), 137)
        why = self.jobward("why", run)
        self.assertEqual(why.returncode, 0, why)
        self.assertRegex(why.stdout.decode(), r"(?i)memory limit")
        self.assertRegex(why.stdout.decode(), r"64(\.0)? MiB")
        self.assertIn(self.show(run)["cause"], why.stdout.decode())

    def assert_told(self, run, outcome, status):
        told = self.wait_for_file("told").splitlines()
        self.assertEqual(told, [run, outcome, str(status), self.show(run)["cause"]])

    def on_end(self):
        """A script that tells what it is told, under a name that a shell would have to quote."""
        line = 'printf "%s\\n" "$JOBWARD_RUN_ID" "$JOBWARD_OUTCOME" "$JOBWARD_EXIT_CODE" "$JOBWARD_CAUSE"'
        return self.write("on end.sh", f"{line} > {self.path('part')}; mv {self.path('part')} {self.path('told')}\n")

    def test_on_end_is_told_about_a_detached_run(self):
        run = self.detach(self.sh("exit 3"), *ROOMY, "--on-end", f"/bin/sh '{self.on_end()}'")
        self.assertEqual(self.wait_for(run), 3)
        self.assert_told(run, "failed", 3)

    def test_on_end_of_the_configuration_is_told_about_any_run(self):
        self.configure(f'[runs]\non_end = ["/bin/sh", "{self.on_end()}"]\n')
        run = self.run_job(self.dd(64, count=10**6), "--mem", "64M")
        self.assert_outcome(run, "memory_limit", 137)
        self.assert_told(run.result["run"], "memory_limit", 137)


@not_on("delegated", because=SAME_CODE)
class Queued(Crowded, DetachedCase):
    def test_a_detached_run_waits_in_the_background(self):
        first = self.hold("first", 0.6)
        run = self.detach(self.holder("second"), *self.mem(0.6))
        self.assertIn(self.listed()[run]["state"], ("queued", "waiting"))
        self.assertEqual(self.lines_of("order"), ["first"])
        self.release(first, "first")
        self.assertEqual(self.wait_for_file("second"), run)
        self.end("second")
        self.assertEqual(self.wait_for(run), 0)

    def test_stop_cancels_a_run_that_waits(self):
        first = self.hold("first", 0.6)
        run = self.detach(self.holder("second"), *self.mem(0.6))
        self.assertEqual(self.jobward("stop", run).returncode, 0)
        self.assertEqual(self.show(run)["outcome"], "cancelled")
        self.release(first, "first")
        self.assertEqual(self.lines_of("order"), ["first"])


@not_on("delegated", because=SAME_CODE)
class Survival(DetachedCase):
    """The caller starts a detached run, and is killed with all that belongs to him."""

    CALLER = '"$@" > id; exec "$0" 1000'

    def detached_by_a_caller(self, **popen):
        command = [self.binary, "run", "--detach", *ROOMY, "--", *self.holder("job")]
        caller = self.spawn(["/bin/sh", "-c", self.CALLER, self.sleeper, *command], **popen)
        self.run_ids.add(self.wait_for_file("id"))
        self.assertEqual(self.wait_for_file("job"), self.wait_for_file("id"))
        return caller

    def assert_goes_on(self):
        """Job and supervisor: it ends by itself, and that is recorded."""
        run = self.wait_for_file("id")
        self.assertIn(run, self.listed())
        self.end("job")
        self.assertEqual(self.wait_for(run), 0)
        return self.show(run)

    def test_it_survives_its_callers_process_group(self):
        caller = self.detached_by_a_caller()
        os.killpg(caller.pid, signal.SIGKILL)
        caller.wait(self.bound(5))
        self.assertEqual(self.assert_goes_on()["outcome"], "ok")

    def callers_cgroup(self):
        """A directory for the caller alone, where nothing is known that would keep a run out of it."""
        if self.variant == "delegated":
            return self.ground.leaf
        mine = system.cgroups_of()
        parent = mine["memory"] if self.variant == "v1" else mine[""] if self.variant == "hybrid" else CGROUP_ROOT
        directory = f"{parent}/jobward-cases-{uuid.uuid4().hex[:12]}"
        os.mkdir(directory)
        self.addCleanup(system.remove_cgroup_tree, directory)
        self.addCleanup(self.sweep)
        return directory

    def kill_cgroup(self, directory):
        if os.path.exists(f"{directory}/cgroup.kill"):
            system.write(f"{directory}/cgroup.kill", "1")
            return
        members = f"{directory}/cgroup.procs"
        for pid in map(int, system.read_text(members).split()):
            with contextlib.suppress(ProcessLookupError):
                handle = os.pidfd_open(pid)
                try:
                    if self.is_ours(pid, members):
                        signal.pidfd_send_signal(handle, signal.SIGKILL)
                finally:
                    os.close(handle)

    @not_on("none", because="without rights to cgroups it cannot leave the caller's")
    @not_on("scope", "system", because="there the service manager ends the caller's cgroup: see the next test")
    def test_it_survives_its_callers_cgroup(self):
        directory = self.callers_cgroup()
        caller = self.detached_by_a_caller(enter=lambda: system.write(f"{directory}/cgroup.procs", "0"))
        self.kill_cgroup(directory)
        caller.wait(self.bound(5))
        system.remove_cgroup_tree(directory)
        if self.variant == "delegated":
            os.mkdir(directory)  # where the next commands begin
        self.assertIs(self.assert_goes_on()["detached_survives_session"], True)

    @only_on("scope", "system", because="only there a service manager ends services")
    def test_it_survives_the_service_that_started_it(self):
        user = ["--user"] if self.ground.uid else []
        unit = f"jobward-cases-{uuid.uuid4().hex[:12]}.service"
        variables = [f"--setenv={key}={value}" for key, value in self.env.items() if key not in ("PWD", "OLDPWD")]
        command = shlex.join([self.binary, "run", "--detach", *ROOMY, "--", *self.holder("job")])
        script = self.write("service.sh", f"{command} > id; exec {self.sleeper} 1000\n")
        service = [shutil.which("systemd-run"), *user, "--quiet", "--collect", "--unit", unit, *variables,
                   "--working-directory", self.work, "/bin/sh", script]
        started = self.finish(self.spawn(service), seconds=20)
        self.addCleanup(lambda: self.finish(self.spawn(["systemctl", *user, "stop", unit]), seconds=20))
        self.assertEqual(started.returncode, 0, started)
        self.run_ids.add(self.wait_for_file("id"))
        self.wait_for_file("job")
        stopped = self.finish(self.spawn(["systemctl", *user, "stop", unit]), seconds=20)
        self.assertEqual(stopped.returncode, 0, stopped)
        self.assertIs(self.assert_goes_on()["detached_survives_session"], True)

    @only_on("hybrid", "v1", "unified", because="a limit around the caller is made where the test may make it: by "
                                                "root, in the tree itself")
    def test_it_stays_below_a_limit_around_its_caller(self):
        cage = self.cage(Cage(300 * MIB, processes=200))
        caller = self.detached_by_a_caller(enter=cage.enter)
        job = next(pid for pid in system.survivors(self.tmp) if b"order" in system.proc_bytes(pid, "cmdline")
                   and b"\0--detach\0" not in system.proc_bytes(pid, "cmdline"))
        self.assertTrue(system.memory_cgroup(job).startswith(f"{cage.tops[0]}/"), system.memory_cgroup(job))
        self.assertEqual(self.assert_goes_on()["outcome"], "ok")
        os.killpg(caller.pid, signal.SIGKILL)
