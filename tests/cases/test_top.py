"""`jobward top`: a live table on a terminal, which is as it was afterwards; one picture where there is none."""

import os
import re
import signal

import system
from test_queue import Crowded
from variants import FRONT_END, only_on

SECOND_PAGE, FIRST_PAGE, CURSOR_ON = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"


@only_on("hybrid", "unified", because=FRONT_END)
class Top(Crowded):
    def top(self, *options, line=None):
        """Top on a terminal of its own, once its picture is there; the terminal, and its settings before."""
        words = [self.binary, "top", *options]
        terminal = self.terminal(["/bin/sh", "-c", line or 'read go; exec "$@"', "sh", *words])
        terminal.resize(40, 200)
        before = terminal.settings()
        if not line:
            terminal.type("\n")
        self.picture(terminal, "running, ")
        return terminal, before

    def picture(self, terminal, *patterns):
        """The text from now on, once all of these have been in it."""
        there = lambda text: all(re.search(pattern, text) for pattern in patterns)
        return terminal.read_until(there, f"{patterns} are shown", self.bound(10))

    def assert_as_before(self, terminal, before):
        text = self.picture(terminal, re.escape(FIRST_PAGE))
        self.assertIn(CURSOR_ON, text)
        self.assertEqual(terminal.settings(), before)

    # -- what is shown

    def known(self, name):
        """A job of which one run has been measured."""
        self.end(name)
        self.assert_outcome(self.run_job(self.holder(name), *self.mem(0.2)), "ok", 0)
        os.unlink(self.path(f"end-{name}"))
        os.unlink(self.path(name))

    def test_it_shows_memory_and_time_against_limit_and_prediction_the_queue_and_the_pressure(self):
        self.known("first")
        first = self.hold("first", 0.6)
        self.queue("second", 0.6)
        run = system.read_text(self.path("first")).strip()
        terminal, _ = self.top("-n", "0.2")
        size = r"[\d.]+ [KMG]?i?B"
        limit = rf"{self.room * 6 // 10 >> 20} MiB"
        text = self.picture(terminal, rf"{run} +running +\S+( m?s)? +\d+% +{size} +{size} +{limit} +\d+% ",
                            rf"waiting, 1 .* {limit} ", "1 running, 1 waiting", "free; memory pressure")
        self.assertRegex(text, r"TIME +OF P50 +MEMORY +P99 +LIMIT +USED +COMMAND")
        self.end("first")
        self.end("second")
        self.picture(terminal, "no run waits or goes on")
        self.finish(first)
        terminal.type("q")
        self.assertEqual(terminal.report(self.bound(10)), "exited 0")

    def test_lines_that_are_too_long_or_too_many_are_cut(self):
        first = self.hold("first", 0.1)
        terminal, _ = self.top("-n", "0.1")
        terminal.resize(4, 30)
        self.picture(terminal, r"\.\.\. \d+ more lines")
        text = self.picture(terminal, r"(?s)\x1b\[H.*\x1b\[H").split("\x1b[H")[1]
        rows = [re.sub(r"\x1b\[\S", "", row) for row in text.split("\r\n")]
        self.assertLessEqual(len(rows), 4, rows)
        self.assertLessEqual(max(map(len, rows)), 30, rows)
        terminal.type("q")
        self.assertEqual(terminal.report(self.bound(10)), "exited 0")
        self.release(first, "first")

    # -- how it ends

    def test_q_and_ctrl_c_end_it_and_leave_the_terminal_as_it_was(self):
        for key, end in (("q", "exited 0"), ("\x03", f"died {signal.SIGINT}")):
            with self.subTest(key=key):
                terminal, before = self.top("-n", "3600")  # a key is not waited for
                self.assertNotEqual(terminal.settings(), before)
                terminal.type(key)
                self.assertEqual(terminal.report(self.bound(10)), end)
                self.assert_as_before(terminal, before)

    def test_a_signal_leaves_the_terminal_as_it_was(self):
        terminal, before = self.top()
        pid = next(pid for pid in system.survivors(self.tmp)
                   if system.proc_bytes(pid, "cmdline").startswith(f"{self.binary}\0top".encode()))
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(terminal.report(self.bound(10)), f"died {signal.SIGTERM}")
        self.assert_as_before(terminal, before)

    def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(self):
        terminal, before = self.top()
        terminal.type("\x1a")
        self.assertRegex(terminal.report(self.bound(10)), "stopped")
        self.assert_as_before(terminal, before)
        terminal.foreground()
        self.picture(terminal, re.escape(SECOND_PAGE), "running, ")
        terminal.type("q")
        self.assertEqual(terminal.report(self.bound(10)), "exited 0")
        self.assert_as_before(terminal, before)

    def test_without_keys_it_goes_on_until_a_signal(self):
        terminal, before = self.top("-n", "0.1", line='exec "$@" < /dev/null')
        self.picture(terminal, r"(?s)running, .*running, .*running, ")
        terminal.type("\x03")
        self.assertEqual(terminal.report(self.bound(10)), f"died {signal.SIGINT}")
        self.assert_as_before(terminal, before)

    def test_where_stdout_is_no_terminal_there_is_one_picture(self):
        first = self.hold("first", 0.1)
        run = self.jobward("top")
        self.assertEqual(run.returncode, 0, run)
        self.assertIn(system.read_text(self.path("first")).strip(), run.stdout.decode())
        self.assertNotIn(b"\x1b", run.stdout)
        self.release(first, "first")
