"""Admission: who waits, for what, how long; what never fits; runs inside runs; one launch for one request id."""

import os
import re
import select
import shlex
import signal
import subprocess
import time

import system
from grounds import Cage
from harness import ROOMY, Case, strict_json
from system import MIB, wait_until
from test_enclosed import PolicyCase
from variants import FRONT_END, SAME_CODE, not_on, only_on

NO_ATTRIBUTES = "without a cgroup there is nothing that others could read a reservation from"
WHOLE_MACHINE = "the room is that of the whole machine, and what is too large for it cannot have run there before"


class Scene(Case):
    """Jobs that go on until the test lets them end, and what a run says while it goes on."""

    def holder(self, name, status=0):
        """A job that writes its run's id to the file `name`, and its name to `order`; it goes on until end(name)."""
        line = 'echo "$1" >> order; echo $JOBWARD_RUN_ID > "$1"; until [ -e "end-$1" ]; do "$0" 0.1; done; exit "$2"'
        return ["/bin/sh", "-c", line, self.sleeper, name, str(status)]

    def counted(self, status=0):
        """A job that leaves a line in `count` each time it is started."""
        return ["/bin/sh", "-c", f"echo once >> count; exit {status}"]

    def needs(self, mib):
        """A job that needs so much; where memory is polled, for long enough to be seen."""
        return self.dd(mib, count=40 if self.variant == "none" else 1)

    def end(self, name):
        self.write(f"end-{name}", "")

    def lines_of(self, name):
        return system.read_text(self.path(name)).split() if os.path.exists(self.path(name)) else []

    def said(self, process, pattern, seconds=10):
        """Waits until the run has said something on stderr that matches; returns all it has said."""
        deadline, text = time.monotonic() + self.bound(seconds), getattr(process, "text", "")
        while not re.search(pattern, text):
            ready = select.select([process.stderr], [], [], max(0, deadline - time.monotonic()))[0]
            data = os.read(process.stderr.fileno(), 1 << 16) if ready else b""
            self.assertTrue(data, f"{pattern!r} was not said, but {text!r}")
            text += data.decode(errors="replace")
        process.text = text
        return text

    def listed(self):
        """{id: row} of `jobward ps`."""
        return {row["run"]: row for row in self.json_of("ps", "--json")["runs"]}

    def show(self, run):
        return self.json_of("show", run, "--json")


class Crowded(Scene):
    """A place whose memory is known, and nobody else's: a cage; under systemd, where the runs are in scopes
    of the manager's, the machine itself. Sizes are shares of it."""

    ROOM = 600 * MIB

    def setUp(self):
        super().setUp()
        self.configure('[admission]\nreserve = "1M"\n[aggregate]\nmemory = "none"\n')
        self.enter, self.room = None, self.ROOM
        if self.variant == "delegated":
            system.write(f"{os.path.dirname(self.ground.top)}/memory.max", str(self.ROOM))
        elif self.variant in ("scope", "system"):
            self.room = self.json_of("estimate", "--json", "--", "true")["room"]["available_bytes"]
        else:
            self.addCleanup(setattr, self, "enter", None)
            self.enter = self.cage(Cage(self.ROOM, processes=300)).enter

    def spawn(self, command, drop=True, enter=None, **options):
        return super().spawn(command, drop, enter or self.enter, **options)

    def mem(self, share):
        return ("--mem", f"{int(self.room * share) // MIB}M")

    def hold(self, name, share, *options, **popen):
        """A run that goes on and has this share reserved."""
        process = self.start(self.holder(name), *self.mem(share), *options, **popen)
        try:
            self.wait_for_file(name)
        except AssertionError as error:
            said = b""
            if process.stderr:
                os.set_blocking(process.stderr.fileno(), False)
                said = process.stderr.read()
            self.fail(f"{error}; it has said: {said!r}; {self.listed()}; memory: {system.read_text('/proc/meminfo')[:140]}")
        return process

    def queue(self, name, share, *options):
        """A run that has said that it waits."""
        process = self.start(self.holder(name), *self.mem(share), *options)
        self.said(process, "(?i)wait")
        return process

    def release(self, process, name):
        """Ends a run, which must be a success."""
        self.end(name)
        self.assert_outcome(self.finish(process), "ok", 0)


@not_on("v1", "delegated", "system", because=SAME_CODE)
class Queue(Crowded):
    def assert_not_admitted(self, run):
        self.assert_outcome(run, "not_admitted", 75, "jobward")
        self.assertFalse(run.result["started"], run)
        shown = self.show(run.result["run"])
        self.assertEqual((shown["outcome"], shown["cause"]), ("not_admitted", run.result["cause"]))

    # -- waiting, or not

    def test_what_does_not_fit_waits_and_starts_when_the_first_ends(self):
        first = self.hold("first", 0.6)
        second = self.queue("second", 0.6)
        self.assertEqual(self.lines_of("order"), ["first"])
        self.release(first, "first")
        self.wait_for_file("second")
        self.release(second, "second")

    @only_on("scope", "system", because="elsewhere nobody is asked beforehand for a place, whose answer could grow old")
    def test_a_run_that_has_waited_for_longer_than_systemd_may_take_to_answer_starts(self):
        first = self.hold("first", 0.6)
        second = self.queue("second", 0.6)
        time.sleep(8)  # of which its connection hears nothing
        self.release(first, "first")
        self.wait_for_file("second")
        self.release(second, "second")

    def test_no_wait_gives_up_at_once_with_75_and_is_recorded(self):
        first = self.hold("first", 0.6)
        self.assert_not_admitted(self.run_job(self.counted(), *self.mem(0.6), "--no-wait"))
        self.release(first, "first")
        self.assertEqual(self.lines_of("count"), [])

    def test_wait_gives_up_after_its_time(self):
        first = self.hold("first", 0.6)
        run = self.run_job(self.counted(), *self.mem(0.6), "--wait=1s")
        self.assert_not_admitted(run)
        self.assertGreaterEqual(run.seconds, 1)
        self.release(first, "first")
        self.assertEqual(self.lines_of("count"), [])

    def test_two_that_fit_together_run_together(self):
        runs = {name: self.hold(name, 0.4, "--no-wait") for name in ("first", "second")}
        for name, process in runs.items():
            self.release(process, name)

    def test_what_can_never_fit_is_refused_even_if_it_would_wait(self):
        size = f"{4 * self.json_of('doctor', '--json')['memory_total_bytes'] // MIB}M"
        for options in ((), ("--wait=1h",), ("--no-wait",)):
            with self.subTest(options=options):
                run = self.run_job(self.counted(), "--mem", size, *options)
                self.assert_outcome(run, "refused", 77, "jobward")
                self.assertEqual(self.show(run.result["run"])["outcome"], "refused")
        self.assertEqual(self.lines_of("count"), [])

    @not_on("scope", "system", because="their room is the machine's: covered by what is more than it has")
    def test_more_than_the_limit_around_the_caller_can_never_fit(self):
        self.assert_outcome(self.run_job(["true"], *self.mem(1.5)), "refused", 77, "jobward")

    def test_with_nothing_running_one_that_can_fit_at_all_is_let_in(self):
        stranger = self.spawn(self.job("fill", int(self.room * 0.5) // MIB, "full"))
        self.wait_for_file("full", 20)
        self.assert_outcome(self.run_job(["true"], *self.mem(0.7), "--no-wait"), "ok", 0)
        stranger.kill()

    @not_on("none", because=NO_ATTRIBUTES)
    def test_a_reservation_of_another_state_directory_counts(self):
        other = {**self.env, "JOBWARD_STATE_DIR": self.path("other-state")}
        first = self.hold("first", 0.6, env=other)
        self.assert_not_admitted(self.run_job(["true"], *self.mem(0.6), "--no-wait"))
        self.release(first, "first")
        self.assert_outcome(self.run_job(["true"], *self.mem(0.6), "--no-wait"), "ok", 0)

    @only_on("hybrid", "v1", "unified", because="only there the limit around the caller is that of a cage of the test's")
    def test_a_reservation_outside_of_the_limit_around_the_caller_takes_nothing_of_it(self):
        for name, state in (("own", self.path("state")), ("others", self.path("other-state"))):
            with self.subTest(state=name):
                outside = self.start(self.holder(name), "--mem", "300M", enter=self.ground.enter,
                                     env={**self.env, "JOBWARD_STATE_DIR": state})
                self.wait_for_file(name)
                self.assert_outcome(self.run_job(["true"], *self.mem(0.6), "--no-wait"), "ok", 0)
                self.release(outside, name)

    # -- the order

    def test_first_come_first_served(self):
        first, second, third = self.hold("1", 0.6), self.queue("2", 0.6), self.queue("3", 0.6)
        self.release(first, "1")
        self.wait_for_file("2")
        self.release(second, "2")
        self.wait_for_file("3")
        self.release(third, "3")
        self.assertEqual(self.lines_of("order"), ["1", "2", "3"])

    def test_a_later_run_that_would_delay_the_first_in_the_queue_does_not_go_ahead(self):
        first, head = self.hold("first", 0.5), self.queue("head", 0.7)
        later = self.queue("later", 0.4)  # there is room for it now, but not beside the head
        self.release(first, "first")
        self.wait_for_file("head")
        self.release(head, "head")
        self.wait_for_file("later")
        self.release(later, "later")
        self.assertEqual(self.lines_of("order"), ["first", "head", "later"])

    def test_a_later_run_that_delays_nobody_goes_ahead(self):
        first, head = self.hold("first", 0.6, "--time", "1h"), self.queue("head", 0.6)
        small = self.hold("small", 0.1)  # fits beside both
        self.release(first, "first")
        self.wait_for_file("head")
        self.release(head, "head")
        self.release(small, "small")

    # -- the verdict beforehand

    def estimate(self, command, **popen):
        run = self.jobward("estimate", "--json", "--", *command, **popen)
        return run.returncode, strict_json(run.stdout)["verdict"]

    def test_estimate_says_wait_when_run_would_have_to(self):
        command = self.needs(150)
        self.assert_outcome(self.run_job(command, "--mem", "300M"), "ok", 0)  # teaches what it needs
        self.assertEqual(self.estimate(command), (0, "fits"))
        first = self.hold("first", 0.85)
        self.assertEqual(self.estimate(command), (75, "wait"))
        self.assert_not_admitted(self.run_job(command, "--no-wait"))
        self.release(first, "first")
        self.assertEqual(self.estimate(command), (0, "fits"))

    @not_on("scope", "system", because=WHOLE_MACHINE)
    def test_estimate_says_refuse_when_run_would_be_refused(self):
        command = self.needs(150)
        self.assert_outcome(self.run_job(command, "--mem", "300M"), "ok", 0)
        enter = None
        if self.variant == "delegated":
            system.write(f"{os.path.dirname(self.ground.top)}/memory.max", str(100 * MIB))
        else:
            enter = self.cage(Cage(100 * MIB, processes=300)).enter
        self.assertEqual(self.estimate(command, enter=enter), (77, "refuse"))

    # -- the one who waits

    def test_a_signal_cancels_a_run_that_waits(self):
        first = self.hold("first", 0.6)
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number=number.name):
                second = self.queue("second", 0.6)
                second.send_signal(number)
                run = self.finish(second)
                self.assert_outcome(run, "cancelled", -number, "jobward")
                self.assertFalse(run.result["started"], run)
                self.assertEqual(self.show(run.result["run"])["outcome"], "cancelled")
        self.release(first, "first")
        self.assertEqual(self.lines_of("order"), ["first"])

    def wake_ups(self, pid):
        texts = [system.proc_bytes(pid, f"task/{task}/status").decode() for task in os.listdir(f"/proc/{pid}/task")]
        return sum(int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", text, re.M)[1]) for text in texts)

    def wake_ups_within(self, pid, seconds):
        before = self.wake_ups(pid)
        time.sleep(seconds)
        return self.wake_ups(pid) - before

    def test_a_run_that_waits_sleeps(self):
        first, second = self.hold("first", 0.6), self.queue("second", 0.6)
        wait_until(lambda: self.wake_ups_within(second.pid, 0.5) == 0, "it has come to rest", self.bound(10))
        self.assertLessEqual(self.wake_ups_within(second.pid, 3), 1)
        self.release(first, "first")
        self.wait_for_file("second")
        self.release(second, "second")

    def test_the_death_of_the_supervisor_that_is_waited_for_wakes_the_one_who_waits(self):
        first = self.hold("first", 0.6, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lost, second = self.wait_for_file("first"), self.queue("second", 0.6)
        first.kill()
        self.wait_for_file("second", 15)
        self.release(second, "second")
        self.assertEqual(self.show(lost)["outcome"], "supervisor_lost")


@only_on("hybrid", "unified", because=FRONT_END)
@not_on("v1", "delegated", "system", because=SAME_CODE)
class Blocked(Scene, PolicyCase):
    def test_estimate_says_refuse_for_what_a_block_of_the_policy_forbids(self):
        command = self.needs(100)
        self.assert_outcome(self.run_job(command, "--mem", "200M"), "ok", 0)
        self.policy('[blocks]\nmem = "50M"\n')
        run = self.jobward("estimate", "--json", "--", *command)
        self.assertEqual((run.returncode, strict_json(run.stdout)["verdict"]), (77, "refuse"))
        self.assert_outcome(self.run_job(command), "refused", 77, "jobward")


@not_on("v1", "delegated", "system", because=SAME_CODE)
class Nested(Scene):
    def test_what_does_not_fit_into_the_run_around_it_is_75_at_once_three_deep(self):
        inner, inner_result = self.run_command(self.counted(), "--mem", "96M", "--wait=1h")
        middle, middle_result = self.run_command(inner, "--mem", "64M")
        outer = self.run_job(middle, *ROOMY)
        self.assert_outcome(outer, "failed", 75, "job")
        self.assertEqual(self.load_result(middle_result)["exit_source"], "job")
        inner = self.load_result(inner_result)
        self.assertEqual((inner["outcome"], inner["exit_code"], inner["exit_source"]), ("not_admitted", 75, "jobward"))
        self.assertEqual(self.lines_of("count"), [])

    def test_what_fits_into_the_run_around_it_runs_three_deep(self):
        inner, _ = self.run_command(self.counted(), "--mem", "48M")
        middle, _ = self.run_command(inner, "--mem", "96M")
        self.assert_outcome(self.run_job(middle, "--mem", "192M"), "ok", 0)
        self.assertEqual(self.lines_of("count"), ["once"])

    def test_runs_inside_a_run_share_its_memory(self):
        one, _ = self.run_command(self.holder("one"), "--mem", "120M")
        large, large_result = self.run_command(self.counted(), "--mem", "120M")
        small, small_result = self.run_command(self.counted(), "--mem", "32M")
        script = self.write("script.sh", f'{shlex.join(one)} &\nuntil [ -s one ]; do {self.sleeper} 0.1; done\n'
                            f'{shlex.join(large)}; {shlex.join(small)}; echo > end-one; wait\n')
        self.assert_outcome(self.run_job(["/bin/sh", script], "--mem", "192M", seconds=15), "ok", 0)
        self.assertEqual(self.load_result(large_result)["outcome"], "not_admitted")
        self.assertEqual(self.load_result(small_result)["outcome"], "ok")
        self.assertEqual(self.lines_of("count"), ["once"])


@not_on("v1", "delegated", "system", because=SAME_CODE)
class Requests(Scene):
    def test_a_command_that_is_running_already_is_pointed_out_and_started(self):
        first = self.start(self.holder("job"), *ROOMY)
        run = self.wait_for_file("job")
        second = self.start(self.holder("job"), *ROOMY)
        self.said(second, rf"(?i)already.*{run}|{run}.*already")
        wait_until(lambda: self.lines_of("order") == ["job", "job"], "the second is started", self.bound(10))
        self.end("job")
        self.assertNotEqual(self.finish(first).result["run"], self.finish(second).result["run"])

    def request(self, command, *options):
        return self.run_job(command, *ROOMY, "--request-id", "ticket-7", *options)

    def assert_attached(self, run, to, outcome):
        self.assertEqual((run.result["attached"], run.result["run"], run.result["outcome"]), (True, to, outcome), run)

    def test_the_same_request_attaches_to_the_running_one(self):
        command = self.holder("job", status=5)
        first = self.start(command, *ROOMY, "--request-id", "ticket-7")
        run = self.wait_for_file("job")
        second = self.start(command, *ROOMY, "--request-id", "ticket-7")
        self.said(second, run)
        self.end("job")
        first, second = self.finish(first), self.finish(second)
        self.assert_outcome(first, "failed", 5, "job")
        self.assertFalse(first.result.get("attached", False), first)
        self.assertEqual(second.returncode, 5, second)
        self.assert_attached(second, run, "failed")
        self.assertEqual(self.lines_of("order"), ["job"])

    def test_the_same_request_after_its_end_returns_the_result_and_starts_nothing(self):
        first, second = self.request(self.counted(3)), self.request(self.counted(3))
        self.assertEqual((first.returncode, second.returncode), (3, 3), second)
        self.assert_attached(second, first.result["run"], "failed")
        self.assertEqual(self.lines_of("count"), ["once"])

    def test_another_command_under_the_same_request_id_is_refused(self):
        self.assert_outcome(self.request(self.counted()), "ok", 0)
        self.assert_outcome(self.request(self.counted(1)), "refused", 77, "jobward")
        self.assertEqual(self.lines_of("count"), ["once"])

    def test_another_content_of_the_script_under_the_same_request_id_is_refused(self):
        script = self.write("script.sh", "echo once >> count\n")
        self.assert_outcome(self.request(["/bin/sh", script]), "ok", 0)
        self.write("script.sh", "echo twice >> count\n")
        self.assert_outcome(self.request(["/bin/sh", script]), "refused", 77, "jobward")
        self.assertEqual(self.lines_of("count"), ["once"])

    def test_a_request_id_belongs_to_its_project(self):
        self.assert_outcome(self.request(self.counted()), "ok", 0)
        self.write("project/.git/HEAD", "ref: refs/heads/main\n")
        run = self.run_job(["true"], *ROOMY, "--request-id", "ticket-7", cwd=self.path("project"))
        self.assert_outcome(run, "ok", 0)

    def test_a_lost_request_is_started_again_only_when_told_so(self):
        command = ["/bin/sh", "-c", 'echo once >> count; echo $JOBWARD_RUN_ID > id; [ -e end ] || exec "$0" 1000',
                   self.sleeper]
        first = self.start(command, *ROOMY, "--request-id", "ticket-7", stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        lost = self.wait_for_file("id")
        first.kill()
        first.wait(self.bound(5))
        self.write("end", "")
        run = self.request(command)
        self.assert_attached(run, lost, "supervisor_lost")
        self.assertNotEqual(run.returncode, 0, run)
        self.assertEqual(self.lines_of("count"), ["once"])
        again = self.request(command, "--restart-lost")
        self.assert_outcome(again, "ok", 0)
        self.assertNotEqual(again.result["run"], lost)
        self.assertEqual(self.lines_of("count"), ["once", "once"])

    def test_request_ids_are_forgotten_after_the_time_configured(self):
        self.configure('[admission]\nrequest_ids = "1s"\n')
        first = self.request(self.counted())
        started_anew = lambda: self.request(self.counted()).result["run"] != first.result["run"]
        wait_until(started_anew, "the id is forgotten", self.bound(10))
        self.assertEqual(self.lines_of("count"), ["once", "once"])
