"""`jobward watchdog` and `history --watchdog`: the journal is taken in, told, and the watchdog installed.

The watchdog here is a script beside a copy of the binary, and the journals are written by hand: nothing is
ever ended. What is installed goes below --root, or to a `crontab` and a `systemctl` that are scripts, too.
"""

import contextlib
import fcntl
import json
import os
import shutil
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness

GIB = 1 << 30
INSTANCE = "0123456789abcdef"


def line(seq, severity, event, **more):
    fields = {"schema_version": 1, "instance": INSTANCE, "seq": seq, "time_ms": 1700000000000 + seq * 1000,
              "boot_id": "b", "watchdog_pid": 7, "severity": severity, "event": event, "message": f"it is {event}"}
    return json.dumps({**fields, **more}, separators=(",", ":")) + "\n"


def kill(seq, run, **more):
    return line(seq, "WARN", "kill", level="term", dry_run=False,
                snapshot={"memory_total_bytes": 32 * GIB, "memory_available_bytes": GIB, "threshold_bytes": 2 * GIB},
                victim={"unit": "job", "run": run, "pid": 4242, "uid": 1000, "name": "train.py", "size_bytes": 10 * GIB},
                signals=[{"signal": "TERM", "time_ms": 1700000000000 + seq * 1000}], **more)


def outcome(seq, action, worked=True):
    return line(seq, "INFO" if worked else "HARD_FAIL", "outcome", action=action, signals=[],
                freed_bytes=10 * GIB if worked else 0, verified=worked,
                **({"exited_after_ms": 900} if worked else {}))


class WatchdogCase(harness.JobwardTest):
    def setUp(self):
        super().setUp()
        self.bin = os.path.join(self.tmp, "bin with a blank")
        os.mkdir(self.bin)
        self.binary = shutil.copy(harness.BINARY, os.path.join(self.bin, "jobward"))
        self.journal = os.path.join(self.state, "watchdog")
        self.env.update(HOME=self.work, PATH=f"{self.tmp}/path:{os.environ['PATH']}")
        self.env.pop("XDG_CONFIG_HOME", None)
        os.makedirs(self.journal, mode=0o700)
        os.chmod(self.state, 0o700)
        self.script("jobward-watchdog", 'printf "%s\\n" "$@" > "$FAKE_ARGUMENTS"; exit "${FAKE_STATUS:-0}"')
        self.env["FAKE_ARGUMENTS"] = self.path("arguments")

    def script(self, name, text, directory=None):
        directory = directory or self.bin
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, name), "w") as file:
            file.write(f"#!/bin/sh\n{text}\n")
        os.chmod(file.name, 0o755)

    def write(self, text, name="journal", reserved=8192):
        with open(os.path.join(self.journal, name), "w") as file:
            file.write(text + "\0" * reserved)
        os.chmod(file.name, 0o600)

    def told(self, *options):
        return self.json_of("history", "--watchdog", "--json", *options)

    def succeed(self, *arguments, status=0, **popen):
        run = self.jobward(*arguments, **popen)
        self.assertEqual(run.returncode, status, run)
        return run.stdout.decode()


class Journal(WatchdogCase):
    def test_history_tells_kills_and_findings_newest_first(self):
        self.write(line(1, "INFO", "start") + kill(2, "aaaaaaaaaa") + outcome(3, 2) + kill(4, "bbbbbbbbbb") +
                   outcome(5, 4, worked=False) + line(6, "HARD_FAIL", "no_victim"))
        events = self.told()["events"]
        self.assertEqual([(event["seq"], event.get("outcome", {}).get("seq")) for event in events],
                         [(6, None), (4, 5), (2, 3)])
        self.assertEqual(events[1]["victim"]["run"], "bbbbbbbbbb")
        self.assertEqual([event["seq"] for event in self.told("--all")["events"]], [6, 4, 2, 1])
        self.assertEqual([event["seq"] for event in self.told("--limit", "1")["events"]], [6])
        text = self.succeed("history", "--watchdog")
        heads = [row for row in text.splitlines() if not row.startswith(" ")]
        self.assertEqual(len(heads), 3)
        self.assertIn("HARD_FAIL  no_victim: it is no_victim", heads[0])
        self.assertIn("HARD_FAIL  ended run bbbbbbbbbb (train.py, pid 4242, uid 1000): 10.0 GiB", heads[1])
        self.assertNotIn("HARD_FAIL", heads[2])
        self.assertIn("1.00 GiB of 32.0 GiB were available, the threshold is 2.00 GiB", text)
        self.assertIn("the memory came back: 10.0 GiB", text)
        self.assertIn("the memory did NOT come back", text)

    def test_a_dry_run_is_told_as_one(self):
        self.write(line(1, "INFO", "kill", dry_run=True, victim={"unit": "process", "pid": 7, "name": "x"}) +
                   line(2, "INFO", "warning"))
        self.assertEqual([event["seq"] for event in self.told()["events"]], [1])
        self.assertIn("would have ended process 7 (x)", self.succeed("history", "--watchdog"))

    def test_nothing_to_tell(self):
        self.assertIn("has ended nothing", self.succeed("history", "--watchdog"))
        self.assertEqual(self.told()["events"], [])

    def test_a_broken_line_is_said_once_and_stays_on_record(self):
        self.write(kill(1, "aaaaaaaaaa") + "nonsense\n" + kill(2, "bbbbbbbbbb") + kill(3, "cccccccccc")[:50])
        run = self.jobward("ps")
        self.assertIn(f"{self.journal}/journal:2: the line cannot be used", run.messages)
        self.assertEqual(self.jobward("ps").messages, "")
        told = self.told()
        self.assertEqual([event["seq"] for event in told["events"]], [2, 1])
        self.assertEqual([(broken["line"], broken["text"]) for broken in told["broken_lines"]], [(2, "nonsense")])

    def test_every_command_takes_it_in(self):
        for number, command in enumerate((["ps"], ["history"], ["reap"], ["doctor"], ["watchdog", "once"],
                                          ["watchdog", "status"]), 1):
            self.write("".join(line(seq, "WARN", "trouble") for seq in range(1, number + 1)))
            self.jobward(*command)
            self.assertEqual(self.count(), number, command)

    def test_a_run_takes_it_in_at_its_end_and_is_not_hurt_by_it(self):
        self.write(line(1, "WARN", "trouble") + "nonsense\n")
        run = self.run_job(["true"])
        self.assert_ok(run)
        self.assertEqual(len(run.own_lines), 1, run)
        self.assertEqual(self.count(), 1)
        os.chmod(self.journal, 0o777)
        self.write(line(1, "WARN", "trouble") + line(2, "WARN", "trouble"))
        run = self.run_job(["true"])
        self.assert_ok(run)
        self.assertEqual(len(run.own_lines), 1, run)
        self.assertEqual(self.count(), 1)

    def count(self):
        with contextlib.closing(sqlite3.connect(harness.database(self.state))) as connection:
            return connection.execute("SELECT count(*) FROM watchdog_events").fetchone()[0]

    def test_what_others_may_write_is_not_believed(self):
        self.write(kill(1, "aaaaaaaaaa"))
        os.chmod(self.journal, 0o770)
        run = self.jobward("ps")
        self.assertEqual(run.returncode, 0, run)
        self.assertIn("chmod go-w", run.messages)
        self.assertEqual(self.told()["events"], [])

    def test_why_and_show_tell_how_a_run_was_ended(self):
        run_id = self.run_job(["true"]).result["run"]
        self.write(kill(1, run_id) + outcome(2, 1))
        self.assertNotIn("watchdog", self.succeed("why", run_id))
        with contextlib.closing(sqlite3.connect(harness.database(self.state))) as connection, connection:
            ending = json.loads(connection.execute("SELECT ending FROM runs").fetchone()[0])
            connection.execute("UPDATE runs SET outcome='watchdog_killed', ending=?",
                               [json.dumps({**ending, "outcome": "watchdog_killed"})])
        why = self.succeed("why", run_id)
        self.assertIn("The watchdog ended it at ", why)
        self.assertIn("1.00 GiB of 32.0 GiB were available", why)
        self.assertIn("the memory came back", self.succeed("show", run_id))
        for command in ("why", "show"):
            told = self.json_of(command, "--json", run_id)["watchdog_kill"]
            self.assertEqual((told["seq"], told["outcome"]["seq"]), (1, 2))

    def test_pruning_forgets_old_events(self):
        self.write(kill(1, "aaaaaaaaaa"))
        self.assertEqual(len(self.told()["events"]), 1)
        self.assertIn("1 events of the watchdog removed", self.succeed("history", "--prune"))
        self.assertEqual(self.told()["events"], [])


class Once(WatchdogCase):
    def test_its_status_and_its_options_are_the_watchdogs(self):
        for status in (0, 1, 2):
            self.env["FAKE_STATUS"] = str(status)
            self.succeed("watchdog", "once", "--within", "/a b", "--config", "/c", "--json", status=status)
            self.assertEqual(harness.read_lines(self.path("arguments")),
                             ["--once", "--within", "/a b", "--config", "/c", "--json"])

    def test_any_other_end_is_that_it_cannot_check(self):
        self.env["FAKE_STATUS"] = "7"
        run = self.jobward("watchdog", "once")
        self.assertEqual(run.returncode, 2)
        self.assertIn("status 7", run.messages)

    def test_the_journal_is_taken_in_after_it(self):
        self.write("")
        self.script("jobward-watchdog", f"printf '%s' '{kill(1, 'aaaaaaaaaa')}' > {self.journal}/journal; exit 1")
        self.succeed("watchdog", "once", status=1)
        os.unlink(f"{self.journal}/journal")
        self.assertEqual(len(self.told()["events"]), 1)

    def test_without_the_watchdog_beside_it_it_cannot_check_and_looks_nowhere_else(self):
        self.script("jobward-watchdog", "touch \"$FAKE_ARGUMENTS\"", f"{self.tmp}/path")
        os.unlink(f"{self.bin}/jobward-watchdog")
        self.write(kill(1, "aaaaaaaaaa"))
        run = self.jobward("watchdog", "once")
        self.assertEqual(run.returncode, 2)
        self.assertIn(f"{self.bin}/jobward-watchdog", run.messages)
        self.assertFalse(os.path.exists(self.path("arguments")))
        self.assertEqual(len(self.told()["events"]), 1)

    def lost_run(self):
        process = self.start_run(["--mem", "1G"], self.waiting_job())
        harness.wait_for_pid(self.path("pid"))
        process.kill()
        process.wait(10)
        self.expects_nothing_left = False  # what is left is the next command's to end

    def test_runs_without_a_supervisor_are_closed_but_not_by_a_dry_run(self):
        self.lost_run()
        self.assertNotIn("supervisor", self.jobward("watchdog", "once", "--dry-run").messages)
        self.assertEqual(harness.read_lines(self.path("arguments")), ["--once", "--dry-run"])
        self.assertIn("supervisor", self.jobward("watchdog", "once").messages)
        self.assertEqual([run["outcome"] for run in self.history()], ["supervisor_lost"])


class Status(WatchdogCase):
    def status(self, expected):
        return harness.strict_json(self.succeed("watchdog", "status", "--json", status=expected).encode())

    @contextlib.contextmanager
    def running(self):
        with open(f"{self.journal}/lock", "w") as lock:
            lock.write("4711\n")
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def test_it_runs_while_its_lock_is_held(self):
        self.assertIs(self.status(1)["running"], False)
        with self.running():
            status = self.status(0)
            self.assertEqual((status["running"], status["pid"]), (True, 4711))
            self.assertIn("yes, pid 4711", self.succeed("watchdog", "status"))
        self.assertIs(self.status(1)["running"], False)
        self.assertIn("NO", self.succeed("watchdog", "status", status=1))

    def test_it_tells_the_last_start_and_the_last_action(self):
        self.write(line(1, "INFO", "start", memory_term_bytes=2 * GIB) + kill(2, "aaaaaaaaaa") +
                   outcome(3, 2) + line(4, "INFO", "warning") + line(5, "INFO", "reload"))
        status = self.status(1)
        self.assertEqual(status["last_reload"]["seq"], 5)
        self.assertEqual((status["last_start"]["seq"], status["last_action"]["seq"],
                          status["last_action"]["outcome"]["seq"]), (1, 2, 3))
        self.assertEqual((status["untaken_lines"], status["journal_files"]), (0, 1))
        self.assertEqual(status["journal_bytes"], os.path.getsize(f"{self.journal}/journal"))
        text = self.succeed("watchdog", "status", status=1)
        self.assertIn("SIGTERM 2.00 GiB", text)
        self.assertIn("ended run aaaaaaaaaa", text)

    def test_it_tells_where_it_is_installed(self):
        self.script("systemctl", "exit 0", f"{self.tmp}/path")
        self.script("crontab", "echo 'no crontab for you' >&2; exit 1", f"{self.tmp}/path")
        self.succeed("watchdog", "install", "--systemd", "--user", "--yes")
        mine = [one for one in self.status(1)["installed"] if one["scope"] == "user"]
        self.assertEqual(mine, [{"how": "systemd", "scope": "user",
                                 "place": f"{self.work}/.config/systemd/user/jobward-watchdog.service"}])


@harness.needs_root
class BelowRoot(WatchdogCase):
    def setUp(self):
        super().setUp()
        self.root = os.path.join(self.tmp, "root")
        os.mkdir(self.root)
        self.unit = f"{self.root}/etc/systemd/system/jobward-watchdog.service"
        self.cron = f"{self.root}/etc/cron.d/jobward-watchdog"

    def do(self, verb, *options, status=0):
        return self.succeed("watchdog", verb, "--root", self.root, *options, status=status)

    def test_nothing_is_written_without_a_yes(self):
        for options in (["--systemd"], ["--cron"]):
            self.assertIn("jobward-watchdog", self.do("install", *options, "--dry-run"))
            self.do("install", *options, status=2)
        self.assertEqual(os.listdir(self.root), [])

    def test_the_unit_comes_and_goes(self):
        shown = self.do("install", "--systemd", "--yes")
        text = harness.read_bytes(self.unit).decode()
        self.assertIn(text, shown)
        self.assertIn("systemctl enable --now jobward-watchdog.service", shown)
        self.assertIn(f'ExecStart="{self.bin}/jobward-watchdog"\n', text)
        self.assertEqual(oct(harness.mode_of(self.unit)), oct(0o644))
        before = os.stat(self.unit)
        self.assertIn("there already", self.do("install", "--systemd", "--yes"))
        self.assertEqual(os.stat(self.unit).st_ino, before.st_ino)
        self.do("uninstall", status=2)
        self.do("uninstall", "--cron", "--yes")
        self.assertTrue(os.path.exists(self.unit))
        self.assertIn("systemctl disable --now", self.do("uninstall", "--yes"))
        self.assertEqual(os.listdir(os.path.dirname(self.unit)), [])
        self.assertIn("nothing", self.do("uninstall", "--yes"))

    def test_the_entry_of_cron_comes_and_goes_and_leaves_what_others_added(self):
        self.do("install", "--cron", "--yes")
        text = harness.read_bytes(self.cron).decode()
        self.assertIn(f"* * * * * root '{self.bin}/jobward-watchdog' --ensure >/dev/null\n", text)
        self.assertIn(f"* * * * * root '{self.bin}/jobward' watchdog once >/dev/null\n", text)
        with open(self.cron, "a") as file:
            file.write("# mine\n")
        self.do("install", "--cron", "--yes")
        self.assertEqual(harness.read_bytes(self.cron).decode(), text + "# mine\n")
        self.do("uninstall", "--yes")
        self.assertEqual(harness.read_bytes(self.cron), b"# mine\n")

    def test_files_of_others_are_not_touched(self):
        for path, how in ((self.unit, "--systemd"), (self.cron, "--cron")):
            os.makedirs(os.path.dirname(path))
            with open(path, "w") as file:
                file.write("theirs\n")
            self.do("install", how, "--yes", status=2)
            self.do("uninstall", how, "--yes")
            self.assertEqual(harness.read_bytes(path), b"theirs\n")

    def test_usage(self):
        self.do("install", status=2)
        self.do("install", "--systemd", "--cron", "--yes", status=2)
        self.do("install", "--cron", "--user", "--yes", status=2)
        os.unlink(f"{self.bin}/jobward-watchdog")
        self.do("install", "--systemd", "--yes", status=2)
        self.assertEqual(os.listdir(self.root), [])


class ForAUser(WatchdogCase):
    """With a crontab and a systemctl that note what they are told."""

    def setUp(self):
        super().setUp()
        self.table = self.path("table")
        self.script("crontab", f'case "$1" in -l) cat {self.table} 2>/dev/null || {{ echo "no crontab for me" >&2; '
                               f'exit 1; }};; -r) rm {self.table};; -) cat > {self.table};; esac', f"{self.tmp}/path")
        self.script("systemctl", f'echo "$@" >> {self.path("told")}; exit "${{FAKE_SYSTEMCTL:-0}}"', f"{self.tmp}/path")

    def do(self, verb, *options, status=0):
        return self.succeed("watchdog", verb, "--user", "--yes", *options, status=status)

    def test_the_rest_of_the_crontab_stays_byte_for_byte(self):
        before = b"MAILTO=\n# \xff odd\n1 2 3 4 5\tx %y\n"
        with open(self.table, "wb") as file:
            file.write(before)
        self.do("install", "--cron")
        once = harness.read_bytes(self.table)
        self.assertTrue(once.startswith(before))
        self.assertIn(b"* * * * * '" + os.fsencode(self.bin) + b"/jobward' watchdog once >/dev/null\n", once)
        self.do("install", "--cron")
        self.assertEqual(harness.read_bytes(self.table), once)
        self.do("uninstall")
        self.assertEqual(harness.read_bytes(self.table), before)

    def test_where_there_was_no_crontab_there_is_none_afterwards(self):
        self.do("install", "--cron")
        self.assertTrue(os.path.exists(self.table))
        self.do("uninstall")
        self.assertFalse(os.path.exists(self.table))

    def test_a_crontab_that_cannot_be_read_is_not_written(self):
        self.script("crontab", f'[ "$1" = - ] && touch {self.table}; echo "you may not" >&2; exit 1', f"{self.tmp}/path")
        self.do("install", "--cron", status=2)
        self.assertFalse(os.path.exists(self.table))

    def test_systemd_is_told(self):
        unit = f"{self.work}/.config/systemd/user/jobward-watchdog.service"
        self.do("install", "--systemd")
        self.assertTrue(os.path.exists(unit))
        self.do("uninstall", "--systemd")
        self.assertFalse(os.path.exists(unit))
        self.assertEqual(harness.read_lines(self.path("told")),
                         ["--user daemon-reload", "--user enable --now jobward-watchdog.service",
                          "--user disable --now jobward-watchdog.service", "--user daemon-reload"])

    def test_a_systemd_that_refuses_is_reported(self):
        self.env["FAKE_SYSTEMCTL"] = "5"
        run = self.jobward("watchdog", "install", "--systemd", "--user", "--yes")
        self.assertEqual(run.returncode, 1, run)
        self.assertIn("`systemctl --user daemon-reload` failed with exit status 5", run.messages)


class AnOrdinaryUser(harness.UnprivilegedTest):
    def test_the_machine_is_roots(self):
        watchdog = os.path.join(os.path.dirname(self.binary), "jobward-watchdog")
        with open(watchdog, "w") as file:
            file.write("#!/bin/sh\n")
        os.chmod(watchdog, 0o755)
        run = self.jobward("watchdog", "install", "--systemd", "--yes")
        self.assertEqual(run.returncode, 2, run)
        self.assertIn("needs root; --user", run.messages)


class Cost(WatchdogCase):
    def test_nothing_new_is_found_without_a_look_into_the_database(self):
        self.write(kill(1, "aaaaaaaaaa"))
        self.succeed("ps")
        mark = f"{self.state}/watchdog-taken"
        before = os.stat(mark).st_mtime_ns
        time.sleep(0.02)
        self.succeed("ps")
        self.assertEqual(os.stat(mark).st_mtime_ns, before)
        self.assertEqual(oct(harness.mode_of(mark)), oct(0o600))


if __name__ == "__main__":
    harness.main()
