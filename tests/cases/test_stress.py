"""More demand than there is memory: real launches, all at once, that really use what they have declared."""

import os

import system
from grounds import Cage
from harness import LIMITED, Case, strict_json
from system import MIB, wait_until
from test_queue import Crowded, Scene
from variants import not_on

POLLED = "where memory is only polled, jobs may use more than they have declared for a moment"
MACHINE = ("unified", "delegated", "scope", "system")  # in a VM: the whole machine
# Fills so many MiB once the file `go` is there, says so in a file, and holds them for so long: dd cannot get rid of
# them, for nobody reads on.
FILL = LIMITED + """
until [ -e go ]; do "$0" 0.1; done
dd if=/dev/zero bs="$1"M count=1 2>/dev/null | { head -c 1 >/dev/null; echo full > "$2"; exec "$0" "$3"; }
"""


class Filling(Case):
    def fill(self, mib, name, seconds=1000):
        return ["/bin/sh", "-c", FILL, self.sleeper, str(mib), name, str(seconds)]

    def memory(self):
        return strict_json(self.jobward("estimate", "--json", "--", "true").stdout)["room"]


@not_on("none", because=POLLED)
class Stress(Filling, Scene):
    def setUp(self):
        super().setUp()
        self.enter = None
        if self.variant not in MACHINE:
            self.addCleanup(setattr, self, "enter", None)
            self.enter = self.cage(Cage(600 * MIB, processes=500)).enter
        self.killed = self.kills()

    def spawn(self, command, drop=True, enter=None, **options):
        return super().spawn(command, drop, enter or self.enter, **options)

    @staticmethod
    def kills():
        """How many processes the kernel has killed for want of memory, at any limit, since it started."""
        text = system.read_text("/proc/vmstat").split()
        return int(text[text.index("oom_kill") + 1])

    def assert_all_ok(self, processes, seconds):
        runs = [self.finish(process, seconds=seconds) for process in processes]
        for run in runs:
            self.assert_outcome(run, "ok", 0)
            self.assertIs(run.result["recorded"], True, run)
        if self.variant in MACHINE:  # elsewhere others may be killed meanwhile
            self.assertEqual(self.kills(), self.killed, "somebody was killed for want of memory")
        return runs

    def assert_within(self, runs, capacity):
        """At no time were the limits of those that went on more than there is. (A run is let in after the time that is
        noted for it, when it asked; it goes on from spawned to ended at least.)"""
        shown = [self.show(run.result["run"]) for run in runs]
        held = [(row["timestamps_ms"]["spawned"], row["timestamps_ms"]["ended"], row["limits"]["memory_bytes"])
                for row in shown]
        for moment, _, _ in held:
            together = sum(size for begin, end, size in held if begin <= moment < end)
            self.assertLessEqual(together, capacity, held)

    def test_twice_as_much_as_there_is_at_once_and_all_end_ok(self):
        capacity, jobs = self.memory()["capacity_bytes"], 8
        each = 2 * capacity // jobs // MIB  # MiB
        filled = each - 32  # and the program itself
        command = self.job("populate", filled, 0.5)
        processes = [self.start(command, "--mem", f"{each}M", "--quiet") for _ in range(jobs)]
        runs = self.assert_all_ok(processes, seconds=12)
        self.assert_within(runs, capacity)
        for run in runs:
            self.assertGreater(run.result["usage"]["memory_peak_bytes"], filled * MIB, run)


@not_on("none", because=POLLED)
@not_on("scope", "system", because="the room is the whole machine's there, and filling it four times takes too long")
class Guesses(Filling, Crowded):
    ROOM = 300 * MIB

    def test_first_runs_of_which_nothing_is_known_are_let_in_or_wait_and_no_guess_kills_one(self):
        free = self.memory()["available_bytes"]
        share = int(free * 0.38) // MIB
        names = [str(number) for number in range(4)]
        processes = {name: self.start(self.fill(share, name), "--name", name) for name in names}
        for process in processes.values():
            self.said(process, "is a guess|waiting")
        self.write("go", "")
        while names:  # in the order in which they came to the gate
            name = wait_until(lambda: next((name for name in names if os.path.exists(self.path(name))), None),
                              f"one of {names} has its memory", self.bound(12))
            names.remove(name)
            self.assertIsNone(processes[name].poll(), "it goes on")
            self.assertEqual(self.jobward("stop", name).returncode, 0)
            self.assertEqual(self.finish(processes[name]).result["outcome"], "stopped")

    def test_a_guess_that_had_to_wait_for_others_is_made_anew(self):
        free = self.memory()["available_bytes"]
        share = int(free * 0.38) // MIB
        self.write("go", "")
        first = self.start(self.fill(share, "first"), "--mem", f"{int(free * 0.8) // MIB}M", "--name", "first")
        self.wait_for_file("first", 12)  # from now on less than two thirds of it are free
        second = self.start(self.fill(share, "second"), "--name", "second")
        self.said(second, "waiting")
        self.assertEqual(self.jobward("stop", "first").returncode, 0)
        self.assertEqual(self.finish(first).result["outcome"], "stopped")
        self.wait_for_file("second", 12)
        self.said(second, "the guess is now")
        self.assertEqual(self.jobward("stop", "second").returncode, 0)
        run = self.finish(second)
        self.assertEqual(run.result["outcome"], "stopped", run)
        self.assertGreater(run.result["limits"]["memory_bytes"], share * MIB)
        self.assertEqual(self.show(run.result["run"])["limits"], run.result["limits"])
