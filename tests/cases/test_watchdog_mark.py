"""Jobs that the watchdog ends: their supervisor tells so, by the mark on the job's cgroup. The mark and the signals
are the test's own, as docs/watchdog.md describes them; nothing but the job's processes is signalled."""

import os
import signal
import time

import system
from harness import ROOMY
from system import MIB
from test_lost import STRAY, LostCase
from variants import CGROUPS, FRONT_END, SAME_CODE, not_on, only_on

NAME = "user.jobward.killed"
NO_MARK = "without a cgroup there is nothing that could be marked"
WORDS = r"312 MiB of memory were left \(threshold 400 MiB\) and this job was the largest with 2\.00 GiB"
# TERM, taken for an order to save the work and end.
ANSWERS = 'trap "echo > saved; exit $1" TERM; echo $$ > pid; while :; do "$0" 0.1; done'


class WatchdogCase(LostCase):
    def job_directories(self, pid):
        """Where the watchdog puts the mark: where memory is counted, and the one on the v2 tree."""
        found = system.cgroups_of(pid)
        memory = found.get("memory", found.get(""))
        both = {memory} | ({found[""]} if self.variant == "hybrid" else set())
        return [directory.removesuffix("/main") for directory in both]

    def mark(self, pid, level, text=None, directories=None):
        text = text if text is not None else (
            f"by=watchdog\ntime_ms={int(time.time() * 1000)}\nlevel={level}\n"
            f"available={312 * MIB}\nthreshold={400 * MIB}\nsize={2048 * MIB}\n")
        for directory in directories or self.job_directories(pid):
            os.setxattr(directory, NAME, text.encode())
        return text

    def signal_job(self, pid, number):
        """Every process of that cgroup, and only those that the test itself has started."""
        for directory, _, _ in os.walk(self.job_directories(pid)[0]):
            members = f"{directory}/cgroup.procs"
            for member in system.read_text(members).split():
                try:
                    handle = os.pidfd_open(int(member))
                except ProcessLookupError:
                    continue
                try:
                    if self.is_ours(int(member), members):
                        signal.pidfd_send_signal(handle, number)
                except ProcessLookupError:
                    pass
                finally:
                    os.close(handle)

    def started(self, line, *options, arguments=()):
        process = self.start(["/bin/sh", "-c", line, self.sleeper, *arguments], *(options or ROOMY))
        return process, self.wait_for_pid("pid")

    def ended_by_watchdog(self, line, number, level="term", arguments=(), options=()):
        process, pid = self.started(line, *options, arguments=arguments)
        text = self.mark(pid, level)
        self.signal_job(pid, number)
        return self.finish(process), dict(field.split("=") for field in text.split())

    def assert_watchdog(self, run, returncode, source, mark):
        """The same in the result and in the records."""
        self.assert_outcome(run, "watchdog_killed", returncode, source)
        self.assertRegex(run.result["cause"], WORDS)
        self.assertIn("jobward history --watchdog", run.result["cause"])
        self.assertEqual(run.result["watchdog"], {
            "time_ms": int(mark["time_ms"]), "level": mark["level"], "available_bytes": 312 * MIB,
            "threshold_bytes": 400 * MIB, "size_bytes": 2048 * MIB})
        shown = self.show(run.result["run"])
        for key in ("outcome", "cause", "exit_code", "exit_source", "watchdog"):
            self.assertEqual(shown[key], run.result[key], key)


@only_on(*CGROUPS, because=NO_MARK)
@not_on("delegated", "system", because=SAME_CODE)
class Marked(WatchdogCase):
    def test_a_job_that_ends_by_its_term(self):
        run, mark = self.ended_by_watchdog('echo $$ > pid; exec "$0" 1000', signal.SIGTERM)
        self.assert_watchdog(run, 128 + signal.SIGTERM, "jobward", mark)
        self.assertIn("watchdog", run.messages)

    def test_a_job_that_is_killed_at_once(self):
        run, mark = self.ended_by_watchdog('echo $$ > pid; "$0" 1000', signal.SIGKILL, level="kill")
        self.assert_watchdog(run, 128 + signal.SIGKILL, "jobward", mark)
        self.assertNotIn("TERM", run.result["cause"])

    def test_a_job_that_answers_term_and_exits_keeps_its_status(self):
        for status in (0, 3):
            with self.subTest(status=status):
                run, mark = self.ended_by_watchdog(ANSWERS, signal.SIGTERM, arguments=[str(status)])
                self.assert_watchdog(run, status, "job", mark)
                self.assertIn(f"exit status {status}", run.result["cause"])
                self.wait_for_file("saved")
                os.unlink(self.path("pid"))

    @only_on("hybrid", because="elsewhere there is one directory only")
    def test_one_of_the_two_directories_is_enough(self):
        for number in (0, 1):
            with self.subTest(number=number):
                process, pid = self.started('echo $$ > pid; exec "$0" 1000')
                self.mark(pid, "term", directories=sorted(self.job_directories(pid))[number:number + 1])
                self.signal_job(pid, signal.SIGTERM)
                self.assert_outcome(self.finish(process), "watchdog_killed", 128 + signal.SIGTERM, "jobward")
                os.unlink(self.path("pid"))

    def test_it_is_not_tried_again_with_more_memory(self):
        line = 'echo "$JOBWARD_ATTEMPT" >> attempts; echo $$ > pid; exec "$0" 1000'
        run, _ = self.ended_by_watchdog(line, signal.SIGTERM, options=("--mem", "64M", "--retry-oom", "3"))
        self.assertEqual([attempt["outcome"] for attempt in run.result["attempts"]], ["watchdog_killed"])
        self.assertEqual(self.lines_of("attempts"), ["1"])

    def test_the_job_s_own_limit_goes_first(self):
        line = 'echo $$ > pid; until [ -e go ]; do "$0" 0.1; done; exec "$@"'
        process = self.start(["/bin/sh", "-c", line, self.sleeper, *self.dd(64, count=10**6)], "--mem", "64M")
        self.mark(self.wait_for_pid("pid"), "term")
        self.write("go", "")
        run = self.finish(process)
        self.assert_outcome(run, "memory_limit", 137, "jobward")
        self.assertRegex(run.result["cause"], "the watchdog had chosen it .*" + WORDS)
        self.assertEqual(run.result["watchdog"]["level"], "term")

    @only_on("hybrid", "unified", because=FRONT_END)
    def test_without_a_mark_a_signal_is_a_signal(self):
        process, pid = self.started('echo $$ > pid; exec "$0" 1000')
        self.signal_job(pid, signal.SIGKILL)
        run = self.finish(process)
        self.assert_outcome(run, "signaled", 128 + signal.SIGKILL, "job")
        self.assertNotIn("watchdog", run.result)

    @only_on("hybrid", "unified", because=FRONT_END)
    def test_a_mark_that_cannot_be_read_is_told_and_not_believed(self):
        process, pid = self.started('echo $$ > pid; exec "$0" 1000')
        self.mark(pid, "term", "by=somebody\n")
        self.signal_job(pid, signal.SIGKILL)
        run = self.finish(process)
        self.assert_outcome(run, "signaled", 128 + signal.SIGKILL, "job")
        self.assertIn(NAME, "\n".join(run.result["problems"]))
        self.assertNotIn("watchdog", run.result)


@only_on("hybrid", "unified", because=FRONT_END)
class Learned(WatchdogCase):
    def test_a_run_that_the_watchdog_ended_lowers_no_estimate(self):
        # The same command, which needs 60 MiB where it is let go on.
        line = 'if [ -e short ]; then echo $$ > pid; exec "$0" 1000; fi; exec "$@"'
        command = ["/bin/sh", "-c", line, self.sleeper, *self.needs(60)]
        for _ in range(2):
            self.assert_outcome(self.run_job(command, *ROOMY), "ok", 0)
        before = self.json_of("estimate", "--json", "--", *command)["estimate"]
        self.write("short", "")
        for _ in range(2):
            process = self.start(command, *ROOMY)
            pid = self.wait_for_pid("pid")
            self.mark(pid, "kill")
            self.signal_job(pid, signal.SIGKILL)
            self.assert_outcome(self.finish(process), "watchdog_killed", 137, "jobward")
            os.unlink(self.path("pid"))
        after = self.json_of("estimate", "--json", "--", *command)["estimate"]
        for quantile in ("p50", "p95", "p99"):
            self.assertGreaterEqual(after["memory_bytes"][quantile], before["memory_bytes"][quantile], quantile)
        self.assertEqual(after["censored_runs"], before["censored_runs"] + 2)


@only_on(*CGROUPS, because=NO_MARK)
@not_on("delegated", "system", because=SAME_CODE)
@not_on("scope", because="systemd removes a scope as soon as nobody is in it, the mark included")
class Reaped(WatchdogCase):
    def lose_marked(self, line):
        process, run = self.start_to_lose(line)
        self.mark(self.wait_for_pid("pid"), "kill")
        return process, run

    def test_a_run_whose_supervisor_went_as_well(self):
        process, run = self.lose_marked('exec "$0" 1000')
        process.kill()
        process.wait(self.bound(5))
        self.assert_dies(self.wait_for_pid("pid"))
        self.assertIn("watchdog_killed", self.jobward("reap").stdout.decode())
        shown = self.show(run)
        self.assertEqual((shown["outcome"], shown["state"]), ("watchdog_killed", "ended"), shown)
        self.assertRegex(shown["cause"], WORDS + ".*(?i:supervisor was gone)")
        self.assertEqual(shown["watchdog"]["level"], "kill")
        found = [(finding["check"], finding["severity_effective"], finding["passed"]) for finding in shown["findings"]]
        self.assertEqual(found, [("not_killed", "HARD_FAIL", False)])
        self.assertNotIn("exit_code", shown)
        self.assertEqual(system.cgroup_directories(run), [])

    def test_what_the_watchdog_left_alive_it_has_not_ended(self):
        process, run = self.lose_marked(STRAY)
        stray = self.wait_for_pid("left")
        process.kill()
        process.wait(self.bound(5))
        self.assertEqual(self.jobward("reap").returncode, 0)
        self.assertTrue(system.is_dead(stray))
        self.assertEqual(self.assert_lost(run)["watchdog"]["level"], "kill")
