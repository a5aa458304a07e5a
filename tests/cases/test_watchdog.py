"""The watchdog ends who it should, nobody else, and says why. It acts only within a cgroup that the test has made (or,
where it says so, in a pid namespace, or on the whole of a VM). What is "low" is a matter of thresholds: little is filled."""

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import time

import system
from grounds import Cage
from harness import Case, Session, strict_json
from system import MIB, wait_until
from variants import CGROUPS, FRONT_END, SAME_CODE, UNPRIVILEGED, not_on, only_on

LIMIT = 300  # MiB, of the cgroup that is watched
# TERM goes out when 100 MiB are in use there.
USUAL = {"memory_warn": "220M", "memory_term": "200M", "memory_kill": "0", "grace": "1s", "settle": "1s",
         "pressure_term": "off", "swap_term": "100%", "swap_kill": "100%"}
ROOT_GROUNDS = ("hybrid", "unified")


class Cast(Case):
    """A cgroup with a limit, a watchdog on it, and those who live there."""

    uid = 0

    def setUp(self):
        super().setUp()
        self.assertIsNotNone(Session.watchdog, "no jobward-watchdog: build it, or set JOBWARD_WATCHDOG_BINARY")
        self.cage300 = self.cage(Cage(LIMIT * MIB))
        self.top = self.cage300.tops[0]
        self.state = os.path.join(self.tmp, "watchdog")
        self.hooks = os.path.join(self.tmp, "hooks")  # root's: only what root wrote may be run
        os.mkdir(self.hooks)
        self.members = []
        self.config()

    def tearDown(self):
        for process in self.members:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # each leads a session of its own
                process.wait(30)
        super().tearDown()

    def config(self, *lines, **values):
        """Writes the watchdog's configuration: the usual one with these changes."""
        self.conf = os.path.join(self.tmp, "watchdog.conf")
        merged = USUAL | values
        system.write(self.conf, "".join(f"{key} = {value}\n" for key, value in merged.items()) + "\n".join(lines) + "\n")
        os.chmod(self.conf, 0o600)
        os.chown(self.conf, self.uid, self.uid)

    def hook(self, name, text):
        path = os.path.join(self.hooks, name)
        system.write(path, f"#!/bin/sh\n{text}\n")
        os.chmod(path, 0o755)
        return path

    # -- who lives there

    def member(self, name, *arguments, uid=0, enter=None, wait=True):
        """A program of jobs.py in the cgroup; returns its process once it holds its memory (if it gets so far)."""
        def prepare():
            (enter or self.cage300.enter)()
            if uid:
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
        ready = f"{name}-{len(os.listdir(self.work))}"
        os.chmod(self.work, 0o777)
        process = self.spawn(self.job(name, arguments[0], self.path(ready), *arguments[1:]), drop=False, enter=prepare,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process.ready = ready
        self.members.append(process)
        if wait:
            self.assertEqual(self.wait_for_pid(ready), process.pid)
        return process

    def inside(self, name):
        """A function that puts its caller into a cgroup of this name below the watched one."""
        directory = f"{self.top}/{name}"
        os.mkdir(directory)
        return lambda: system.write(f"{directory}/cgroup.procs", "0")

    # -- the watchdog

    def command(self, *options):
        return [Session.watchdog, "--config", self.conf, "--state-dir", self.state, "--within", self.top, *options]

    def watchdog(self, *options, **popen):
        return self.spawn(self.command(*options), enter=lambda: None, drop=False, **popen)

    def once(self, *options, status=1):
        run = self.finish(self.watchdog("--once", *options), seconds=15)
        self.assertEqual(run.returncode, status, run)
        return run

    def daemon(self, *options):
        process = self.watchdog(*options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.await_event("start")
        return process

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(self.bound(10)), 0)

    # -- what is on record

    def journal(self):
        lines = []
        with contextlib.suppress(FileNotFoundError):
            data = system.read_bytes(f"{self.state}/journal")
            whole = data[:data.rfind(b"\n") + 1]
            lines = [strict_json(line) for line in whole.splitlines()]
        for line in lines:
            self.assertEqual(line["schema_version"], 1)
            self.assertIn(line["severity"], ("INFO", "WARN", "HARD_FAIL"))
        self.assertEqual(len({(line["instance"], line["seq"]) for line in lines}), len(lines))
        return lines

    def events(self, name):
        return [line for line in self.journal() if line["event"] == name]

    def await_event(self, name, count=1, seconds=10):
        return wait_until(lambda: self.events(name)[count - 1:], f"{name} is on record", self.bound(seconds))[0]

    # -- assertions

    def assert_alive(self, *processes):
        for process in processes:
            self.assertIsNone(process.poll(), f"{process.args[-4:]} has ended\n{self.journal()}")

    def assert_died(self, process, number):
        self.assertEqual(process.wait(self.bound(10)), -number, self.journal())


@only_on(*ROOT_GROUNDS, because=FRONT_END)
class Once(Cast):
    def test_nothing_to_do(self):
        bystander = self.member("hold", 20)
        run = self.once(status=0)
        self.assert_alive(bystander)
        self.assertEqual(run.stdout, b"")
        self.assertEqual(self.events("kill"), [])

    def test_the_largest_goes_and_the_others_stay(self):
        small, hog, middle = self.member("hold", 20), self.member("hold", 80), self.member("hold", 50)
        self.once()
        self.assert_died(hog, signal.SIGTERM)
        self.assert_alive(small, middle)
        kill, outcome = self.events("kill")[0], self.events("outcome")[0]
        self.assertEqual((kill["severity"], kill["level"], kill["dry_run"]), ("WARN", "term", False))
        self.assertEqual((kill["victim"]["pid"], kill["victim"]["unit"], kill["victim"]["uid"]), (hog.pid, "process", 0))
        self.assertGreaterEqual(kill["victim"]["size_bytes"], 80 * MIB)
        self.assertEqual([signal["signal"] for signal in kill["signals"]], ["TERM"])
        why = {unit["pid"]: (unit["chosen"], unit["why"]) for unit in kill["candidates"]}
        self.assertEqual(why[hog.pid], (True, "largest"))
        self.assertEqual(why[middle.pid], (False, "smaller"))
        self.assertEqual(kill["snapshot"]["memory_total_bytes"], LIMIT * MIB)
        self.assertLessEqual(kill["snapshot"]["memory_available_bytes"], kill["snapshot"]["threshold_bytes"])
        self.assertEqual((outcome["severity"], outcome["action"], outcome["verified"]), ("INFO", kill["seq"], True))
        self.assertGreater(outcome["available_after_bytes"], 200 * MIB)
        self.assertIn("exited_after_ms", outcome)
        self.once(status=0)

    def test_a_dry_run_signals_nobody_and_says_the_same(self):
        hog, small = self.member("answer_term", 100, 0), self.member("hold", 20)
        self.once("--dry-run")
        dry = self.events("kill")[0]
        self.assertFalse(os.path.exists(self.path(f"{hog.ready}-term")))
        self.assert_alive(hog, small)
        self.once()
        self.assertTrue(os.path.exists(self.path(f"{hog.ready}-term")))
        wet = self.events("kill")[1]
        self.assertTrue(dry["dry_run"])
        self.assertEqual(dry["signals"], [])
        for key in ("severity", "level", "event"):
            self.assertEqual(dry[key], wet[key], key)
        self.assertEqual(dry["victim"]["pid"], wet["victim"]["pid"])
        self.assertEqual([unit["pid"] for unit in dry["candidates"]], [unit["pid"] for unit in wet["candidates"]])

    def test_what_cannot_be_checked_is_2(self):
        self.config(memory_term="lots")
        run = self.once(status=2)
        self.assertIn("watchdog.conf:2", run.messages)
        self.assertEqual(run.stdout, b"")
        self.config()
        bare = f"{self.top}/bare"
        os.mkdir(bare)
        for within, words in ((bare, "no memory limit"), (f"{self.top}/absent", "No such file"), ("/", "directory below")):
            command = [Session.watchdog, "--once", "--config", self.conf, "--state-dir", self.state, "--within", within]
            run = self.finish(self.spawn(command, enter=lambda: None, drop=False))
            self.assertEqual(run.returncode, 2, run)
            self.assertIn(words, run.messages)

    def test_every_line_of_json_is_json_whatever_processes_are_called(self):
        self.config(hook_before=self.hook("loud", "cat; echo this is no JSON"))
        names = ("foo) Z ", ")))(((", "a\tb", 'q"\\')
        members = [self.member("disguise", 10, name) for name in names]
        hog = self.member("disguise", 60, "h\x1b[2J\"og")
        run = self.once("--json")
        self.assert_died(hog, signal.SIGTERM)
        self.assert_alive(*members)
        lines = [strict_json(line) for line in run.stdout.splitlines()]
        self.assertEqual([line["event"] for line in lines][-2:], ["kill", "outcome"])
        self.assertEqual(lines, self.journal())
        self.assertEqual(lines[-2]["victim"]["name"], "h\x1b[2J\"og")
        self.assertTrue({*names} <= {unit["name"] for unit in lines[-2]["candidates"]})
        self.assertNotIn("\x1b", run.messages)

    def test_a_full_disk_takes_no_kill_and_no_line(self):
        # The state directory is on a file system that has room for the journal only.
        def prepare():
            system.unshare(system.CLONE_NEWNS)
            system.mount("tmpfs", self.path("small"), "tmpfs", 0)
        os.mkdir(self.path("small"))
        hog = self.member("hold", 120)
        self.config(journal_bytes="64K", journal_files="2")
        self.state = self.path("small/state")
        line = ('mount -o remount,size=512k "$0"; "$@" --dry-run; cat /dev/zero > "$0/filler"; "$@"; s=$?; '
                'cp "$0/state/journal" "$0.copy"; exit $s')
        run = self.finish(self.spawn(["/bin/sh", "-c", line, self.path("small"), *self.command("--once")],
                                     enter=prepare, drop=False), seconds=15)
        self.assertEqual(run.returncode, 1, run)
        self.assert_died(hog, signal.SIGTERM)
        text = system.read_bytes(self.path("small.copy"))
        lines = [json.loads(line) for line in text[:text.rfind(b"\n")].splitlines()]
        self.assertEqual([line["dry_run"] for line in lines if line["event"] == "kill"], [True, False])
        self.assertNotIn("on record", run.messages)


@only_on(*ROOT_GROUNDS, because=FRONT_END)
class Protected(Cast):
    def test_a_protected_hog_survives_and_the_second_largest_goes(self):
        precious = self.member("hold", 60, uid=4321)
        second, bystander = self.member("hold", 50), self.member("hold", 5)
        self.config("protect = user:4321")
        self.once()
        self.assert_died(second, signal.SIGTERM)
        self.assert_alive(precious, bystander)
        why = {unit["pid"]: unit["why"] for unit in self.events("kill")[0]["candidates"]}
        self.assertEqual(why[precious.pid], "protected by rule user:4321")

    def test_by_cgroup(self):
        precious = self.member("hold", 80, enter=self.inside("precious"))
        beside = self.member("hold", 50, enter=self.inside("precious-not"))
        self.config("protect = cgroup:*/precious")
        self.once()
        self.assert_died(beside, signal.SIGTERM)
        self.assert_alive(precious)

    def test_a_user_gains_nothing_by_a_name(self):
        for name in ("claude", "sshd", "systemd", "jobward-watchdo"):
            with self.subTest(name=name):
                honest = self.member("hold", 40)
                hog = self.member("disguise", 70, name, uid=4321)
                self.once()
                self.assert_died(hog, signal.SIGTERM)
                self.assert_alive(honest)
                honest.kill()
                honest.wait(30)

    def test_if_all_are_protected_nobody_goes_and_that_is_a_finding(self):
        hog = self.member("hold", 110, uid=4321)
        self.config("protect = user:4321")
        self.once(status=0)
        self.assert_alive(hog)
        finding = self.events("no_victim")[0]
        self.assertEqual(finding["severity"], "HARD_FAIL")
        self.assertEqual(finding["candidates"][0]["pid"], hog.pid)

    def test_oom_score_adj_of_the_least_is_left_alone(self):
        spared, hog = self.member("hold", 80), self.member("hold", 40)
        try:
            system.write(f"/proc/{spared.pid}/oom_score_adj", "-1000")
        except PermissionError:
            self.assertEqual(self.variant, "hybrid")  # root without CAP_SYS_RESOURCE: the VM shows it
            return
        self.once()
        self.assert_died(hog, signal.SIGTERM)
        self.assert_alive(spared)

    def test_itself_its_ancestors_and_pid_1_are_never_ended(self):
        always = [Session.watchdog, "--once", "--config", self.conf, "--state-dir", self.state]
        self.config(memory_warn="100%", memory_term="99.9%", settle="200ms")
        command = self.job("surround", 60, 10, self.path("left"), *always)
        run = self.finish(self.spawn([*self.place("pid1"), *command], drop=False, enter=self.cage300.enter), seconds=20)
        self.assertEqual((run.returncode, self.wait_for_file("left")), (0, "1 dead"), run)
        why = {unit["why"] for kill in self.events("kill") for unit in kill["candidates"]}
        self.assertLessEqual({"protected: process 1", "protected: an ancestor of the watchdog"}, why)
        self.assertEqual({kill["victim"]["size_bytes"] < 40 * MIB for kill in self.events("kill")}, {True})


@only_on(*ROOT_GROUNDS, because=FRONT_END)
class Acting(Cast):
    def test_who_ignores_term_is_killed_after_the_grace(self):
        hog = self.member("answer_term", 110, "forever")
        self.once()
        self.assert_died(hog, signal.SIGKILL)
        outcome = self.events("outcome")[0]
        self.assertEqual([sent["signal"] for sent in outcome["signals"]], ["TERM", "KILL"])
        between = outcome["signals"][1]["time_ms"] - outcome["signals"][0]["time_ms"]
        self.assertTrue(900 <= between <= self.soon(2000), between)
        self.assertLess(outcome["exited_after_ms"], self.soon(3000))
        self.assertTrue(outcome["verified"])

    def test_at_the_kill_level_there_is_no_term(self):
        hog = self.member("answer_term", 110, "forever")
        self.config(memory_kill="200M")
        self.once()
        self.assert_died(hog, signal.SIGKILL)
        self.assertEqual(self.events("kill")[0]["level"], "kill")
        self.assertEqual([sent["signal"] for sent in self.events("outcome")[0]["signals"]], ["KILL"])

    def test_no_second_one_before_the_memory_of_the_first_is_back(self):
        slow, second = self.member("answer_term", 90, 2), self.member("answer_term", 60, 0)
        self.config(grace="20s", settle="5s")
        watchdog = self.daemon()
        self.assert_died_with(slow, 0)
        outcome = self.await_event("outcome")
        self.assertGreaterEqual(outcome["exited_after_ms"], 1900)
        self.assert_alive(second)
        self.assertFalse(os.path.exists(self.path(f"{second.ready}-term")))
        self.stop(watchdog)
        self.assertEqual(len(self.events("kill")), 1)

    def assert_died_with(self, process, status):
        self.assertEqual(process.wait(self.bound(15)), status, self.journal())

    def test_files_in_a_tmpfs_cost_no_innocent_its_life(self):
        # What is low is no matter of the process: the memory belongs to a file.
        mount = self.path("mnt")
        os.mkdir(mount)
        system.mount("tmpfs", mount, "tmpfs", 0)
        self.addCleanup(system.unmount, mount)
        writer = self.spawn(self.job("write_file", 120, f"{mount}/file"), drop=False, enter=self.cage300.enter)
        self.assertEqual(writer.wait(self.bound(20)), 0)
        innocent = self.member("hold", 10)
        self.once(status=0)
        self.assert_alive(innocent)
        finding = self.events("tmpfs_full")[0]
        self.assertEqual((finding["severity"], finding["mount"]), ("HARD_FAIL", mount))
        self.assertGreaterEqual(finding["used_bytes"], 120 * MIB)

    def test_unit_process_of_many(self):
        parent = self.member("fill_in_children", 12, 8)
        for number in range(8):
            self.wait_for_pid(f"{parent.ready}-{number}")
        self.once()
        lost, status = map(int, self.wait_for_file(f"{parent.ready}-lost").split())
        self.assertEqual(status, signal.SIGTERM)
        self.assertEqual(lost, self.events("kill")[0]["victim"]["pid"])
        self.assert_alive(parent)


@only_on(*ROOT_GROUNDS, because=FRONT_END)
class Jobs(Cast):
    def start_job(self, command, *options):
        return self.start(command, "--mem", "250M", *options, enter=self.cage300.enter, drop=False)

    def test_a_managed_job_goes_as_a_whole_and_knows_why(self):
        bystander = self.member("hold", 20)
        line = '"$@" & "$0" 1000 & echo $! > second; wait'
        job = self.start_job(["/bin/sh", "-c", line, self.sleeper, *self.job("hold", 90, self.path("ready"))])
        pids = [self.wait_for_pid("ready"), self.wait_for_pid("second")]
        self.once()
        run = self.finish(job)
        self.assert_outcome(run, "watchdog_killed", 143, "jobward")
        for pid in pids:
            self.assertTrue(system.is_dead(pid))
        self.assert_alive(bystander)
        kill = self.events("kill")[0]
        self.assertEqual((kill["victim"]["unit"], kill["victim"]["run"]), ("job", run.result["run"]))
        self.assertEqual(run.result["watchdog"]["level"], "term")
        self.assertTrue(self.events("outcome")[0]["verified"])

    def test_a_job_that_ignores_term_is_killed(self):
        job = self.start_job(self.job("answer_term", 110, self.path("ready"), "forever"))
        self.wait_for_pid("ready")
        self.once()
        self.assert_outcome(self.finish(job), "watchdog_killed", 137, "jobward")
        self.assertEqual([sent["signal"] for sent in self.events("outcome")[0]["signals"]], ["TERM", "KILL"])

    def test_many_small_processes_of_a_job_are_one_large_unit(self):
        larger = self.member("hold", 40)  # than any of the job's
        job = self.start_job(self.job("fill_in_children", 10, self.path("ready"), 8))
        self.wait_for_pid("ready")
        for number in range(8):
            self.wait_for_pid(f"ready-{number}")
        self.once()
        self.assert_outcome(self.finish(job), "watchdog_killed", 143, "jobward")
        self.assert_alive(larger)

    def test_unit_process_ends_one_process_of_it(self):
        line = '"$@"; echo "$?" > status; exit 3'
        job = self.start_job(["/bin/sh", "-c", line, "sh", *self.job("hold", 110, self.path("ready"))])
        hog = self.wait_for_pid("ready")
        self.once("--unit", "process")
        run = self.finish(job)
        self.assert_outcome(run, "failed", 3, "job")
        self.assertEqual(self.wait_for_file("status"), str(128 + signal.SIGTERM))
        self.assertEqual(self.events("kill")[0]["victim"]["pid"], hog)
        self.assertNotIn("watchdog", run.result)

    def test_processes_that_hide_in_a_cgroup_of_the_job_go_as_well(self):
        line = ('here=$(sed -n "s/^[0-9]*:memory:\\(.*\\)/\\/sys\\/fs\\/cgroup\\/memory\\1/p" /proc/self/cgroup); '
                '[ "$here" ] || here=/sys/fs/cgroup$(sed -n "s/^0:://p" /proc/self/cgroup); '
                'mkdir "$here/.hidden" && ("$0" 1000 & echo $! > "$here/.hidden/cgroup.procs"; echo $! > hidden); exec "$@"')
        job = self.start_job(["/bin/sh", "-c", line, self.sleeper, *self.job("answer_term", 110, self.path("ready"), "forever")])
        hidden, _ = self.wait_for_pid("hidden"), self.wait_for_pid("ready")
        self.config(grace="0s")
        self.once()
        self.assertTrue(system.is_dead(hidden), system.describe([hidden]))
        self.assert_outcome(self.finish(job), "watchdog_killed", 137, "jobward")


@only_on(*ROOT_GROUNDS, because=FRONT_END)
class Hooked(Cast):
    def test_hooks_get_the_event_on_standard_input(self):
        self.config(hook_before=self.hook("before", 'cat > "$0.part" && mv "$0.part" "$0.out"'),
                    hook_after=self.hook("after", 'cat > "$0.part" && mv "$0.part" "$0.out"'), hook_timeout="10s")
        hog = self.member("hold", 110)
        self.once()
        self.assert_died(hog, signal.SIGTERM)
        for name in ("before", "after"):
            wait_until(lambda: os.path.exists(f"{self.hooks}/{name}.out"), f"the hook {name} has run", self.bound(5))
        before = strict_json(system.read_bytes(f"{self.hooks}/before.out"))
        after = strict_json(system.read_bytes(f"{self.hooks}/after.out"))
        self.assertEqual((before["event"], before["pid"]), ("before", hog.pid))
        self.assertEqual(after, self.events("outcome")[0])

    def test_a_hook_that_hangs_or_is_missing_delays_no_kill(self):
        for hook in (self.hook("hang", "exec sleep 1000"), "/no/such/hook", self.hook("fail", "exit 5")):
            with self.subTest(hook=hook):
                self.config(hook_before=hook, hook_after=hook, hook_timeout="5s")
                hog = self.member("hold", 110)
                watchdog = self.watchdog("--once")
                started = time.monotonic()
                self.assert_died(hog, signal.SIGTERM)
                self.assertLess(time.monotonic() - started, self.soon(2.5))
                self.assertEqual(self.finish(watchdog).returncode, 1)
                self.assertTrue(self.events("outcome")[-1]["verified"])

    def test_a_hook_is_ended_when_its_time_is_over(self):
        self.config(hook_before=self.hook("hang", 'echo $$ > "$0.pid"; exec sleep 1000'), hook_timeout="2s")
        watchdog = self.daemon()
        hog = self.member("hold", 110, wait=False)
        self.assert_died(hog, signal.SIGTERM)
        pid = int(wait_until(lambda: os.path.exists(f"{self.hooks}/hang.pid") and system.read_text(f"{self.hooks}/hang.pid"),
                             "the hook runs", self.bound(5)))
        wait_until(lambda: system.is_dead(pid), "the hook is ended", self.bound(5))
        self.stop(watchdog)

    def test_a_hook_with_a_relative_path_is_refused(self):
        self.config(hook_before="notify-me --now")
        run = self.finish(self.watchdog("--check-config"))
        self.assertEqual(run.returncode, 2, run)
        self.assertIn("absolute path", run.messages)


@only_on(*ROOT_GROUNDS, because=FRONT_END)
class Daemon(Cast):
    def reload(self, process, count):
        process.send_signal(signal.SIGHUP)
        return self.await_event("reload", count)

    def test_a_broken_configuration_is_refused_and_the_old_one_stays(self):
        watchdog = self.daemon()
        self.config(memory_term="no number")
        refused = self.reload(watchdog, 1)
        self.assertEqual(refused["severity"], "WARN")
        self.assertIn("watchdog.conf:2", refused["message"])
        hog = self.member("hold", 110, wait=False)
        self.assert_died(hog, signal.SIGTERM)
        self.await_event("outcome")
        self.config("protect = user:4321")
        reloaded = self.reload(watchdog, 2)
        self.assertEqual(reloaded["severity"], "INFO")
        self.assertIn("memory_term_bytes", reloaded)
        precious = self.member("hold", 110, uid=4321)
        self.await_event("no_victim")
        self.assert_alive(precious)
        self.stop(watchdog)
        self.assertEqual(self.journal()[-1]["event"], "stop")

    def test_systemd_hears_of_it_also_while_a_victim_has_its_grace(self):
        systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(systemd.close)
        systemd.bind(self.path("notify"))
        systemd.settimeout(self.bound(10))

        def await_words(wanted, most=1000):
            for _ in range(most):
                heard = systemd.recv(100).decode()
                if heard == wanted:
                    return
                self.assertEqual(heard, "WATCHDOG=1")  # nothing else comes in between
            self.fail(f"{wanted} has not come")

        self.config(grace="60s")
        environment = {**self.env, "NOTIFY_SOCKET": self.path("notify"), "WATCHDOG_USEC": "400000"}
        watchdog = self.watchdog(env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_words("READY=1", most=1)
        hog = self.member("answer_term", 110, "forever", wait=False)
        self.await_event("kill")
        while self.drained(systemd):
            pass
        for _ in range(5):
            await_words("WATCHDOG=1", most=1)
        self.assert_alive(hog)
        self.assertEqual(self.events("outcome"), [])
        hog.kill()
        self.await_event("outcome")
        watchdog.send_signal(signal.SIGHUP)
        await_words("RELOADING=1")
        await_words("READY=1", most=1)
        watchdog.send_signal(signal.SIGTERM)
        await_words("STOPPING=1")
        self.assertEqual(watchdog.wait(self.bound(10)), 0)

    @staticmethod
    def drained(connection):
        """Takes what has come so far; false: there is no more."""
        ready, _, _ = select.select([connection], [], [], 0)
        return bool(ready and connection.recv(100))

    def test_nobody_who_reads_what_it_says_delays_a_kill(self):
        # A terminal that was stopped, a pager that waits: everything it says goes to full pipes.
        reader, writer = os.pipe()
        for end in (reader, writer):
            self.addCleanup(os.close, end)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, b"x" * 4096)
        watchdog = self.watchdog("--json", stdout=writer, stderr=writer)
        self.await_event("start")
        hog = self.member("answer_term", 110, "forever", wait=False)
        self.assert_died(hog, signal.SIGKILL)
        self.assertTrue(self.await_event("outcome")["verified"])
        self.assertEqual(len(os.read(reader, 1 << 16)), 4096)
        self.stop(watchdog)
        said = os.read(reader, 1 << 16).decode()
        self.assertIn("messages before this one could not be written here\n", said)
        self.assertEqual(strict_json(said.splitlines()[-1].encode())["event"], "stop")

    def test_reloads_leave_no_processes_and_no_descriptors(self):
        self.config(hook_before=self.hook("quick", "exit 0"))
        watchdog = self.daemon()
        self.reload(watchdog, 1)
        descriptors = len(os.listdir(f"/proc/{watchdog.pid}/fd"))
        for count in range(2, 8):
            self.reload(watchdog, count)
        self.assertEqual(len(os.listdir(f"/proc/{watchdog.pid}/fd")), descriptors)
        children = f"/proc/{watchdog.pid}/task/{watchdog.pid}/children"
        wait_until(lambda: len(system.read_text(children).split()) == 1, "one runner of hooks is left", self.bound(5))
        self.stop(watchdog)

    def test_ensure_with_a_hook_lets_go_of_its_caller(self):
        self.addCleanup(self.sweep)
        self.config(hook_after=self.hook("after", "exit 0"))
        # Whoever reads these pipes waits until nobody has them any more.
        run = self.finish(self.watchdog("--ensure"))
        self.assertEqual(run.returncode, 0, run)
        hog = self.member("hold", 110, wait=False)
        self.assert_died(hog, signal.SIGTERM)
        os.kill(int(system.read_text(f"{self.state}/lock")), signal.SIGTERM)
        self.await_event("stop")

    def test_a_cgroup_that_was_made_anew_is_watched_again(self):
        inner = f"{self.top}/inner"
        limit = "memory.max" if os.path.exists(f"{self.top}/memory.max") else "memory.limit_in_bytes"

        def make():
            os.mkdir(inner)
            with contextlib.suppress(OSError):
                system.write(f"{self.top}/cgroup.subtree_control", "+memory")
            system.write(f"{inner}/{limit}", str(250 * MIB))
        make()
        command = [Session.watchdog, "--config", self.conf, "--state-dir", self.state, "--within", inner]
        watchdog = self.spawn(command, enter=lambda: None, drop=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.await_event("start")
        os.rmdir(inner)
        self.await_event("trouble")
        make()
        hog = self.member("hold", 110, enter=lambda: system.write(f"{inner}/cgroup.procs", "0"), wait=False)
        self.assert_died(hog, signal.SIGTERM)
        self.stop(watchdog)

    def test_ensure_starts_it_once(self):
        self.addCleanup(self.sweep)
        pids = []
        for _ in range(3):
            run = self.finish(self.watchdog("--ensure"))
            self.assertEqual(run.returncode, 0, run)
            pids.append(int(system.read_text(f"{self.state}/lock")))
        self.assertEqual(len(set(pids)), 1)
        self.assertFalse(system.is_dead(pids[0]))
        self.assertEqual(len(self.events("start")), 1)
        hog = self.member("hold", 110, wait=False)
        self.assert_died(hog, signal.SIGTERM)
        os.kill(pids[0], signal.SIGTERM)
        wait_until(lambda: system.is_dead(pids[0]), "it ends", self.bound(5))
        self.assertEqual(self.events("stop")[0]["watchdog_pid"], pids[0])

    def test_a_check_beside_the_daemon_says_nothing_that_cron_would_mail(self):
        # In a pid namespace of their own, for both look at all there is.
        line = ('"$@" & pid=$!; n=0; until grep -q start "$0/journal" 2>/dev/null; do n=$((n + 1)); [ $n -gt 200 ] && exit 9; sleep 0.05; done; '
                '"$@" --once > "$0/said" 2> "$0/complained"; echo $? > "$0/status"; kill $pid; wait')
        self.config(memory_warn="3M", memory_term="2M")
        always = [Session.watchdog, "--config", self.conf, "--state-dir", self.state]
        os.mkdir(self.state, 0o700)
        run = self.finish(self.spawn([*self.place("pid1"), "/bin/sh", "-c", line, self.state, *always],
                                     drop=False, enter=self.cage300.enter), seconds=30)
        self.assertEqual(system.read_text(f"{self.state}/status").strip(), "0", run)
        self.assertEqual(system.read_text(f"{self.state}/complained"), "")
        self.assertIn("the watchdog runs already", system.read_text(f"{self.state}/said"))

    def test_ensure_from_many_at_once(self):
        started = [self.watchdog("--ensure") for _ in range(6)]
        self.assertEqual([self.finish(process).returncode for process in started], [0] * 6)
        self.assertEqual(len(self.events("start")), 1, self.journal())
        os.kill(int(system.read_text(f"{self.state}/lock")), signal.SIGTERM)
        self.await_event("stop")

    def test_ensure_that_cannot_is_2(self):
        self.config(memory_term="x")
        self.assertEqual(self.finish(self.watchdog("--ensure")).returncode, 2)
        self.config()
        self.top += "/absent"
        self.assertEqual(self.finish(self.watchdog("--ensure")).returncode, 2)

    def test_a_second_one_does_not_run_beside_the_first(self):
        watchdog = self.daemon()
        run = self.finish(self.watchdog())
        self.assertEqual(run.returncode, 2, run)
        self.assertIn(str(watchdog.pid), run.messages)
        self.stop(watchdog)
        again = self.watchdog(stderr=subprocess.DEVNULL)
        self.await_event("start", 2)
        self.stop(again)

    def test_the_journal_goes_on_where_a_killed_one_left_it(self):
        first = self.daemon()
        first.kill()
        first.wait()
        with open(f"{self.state}/journal", "r+b") as file:
            file.seek(file.read().rfind(b"\n") + 1)
            file.write(b'{"schema_version":1,"cut')
        second = self.watchdog(stderr=subprocess.DEVNULL)
        self.await_event("start", 2)
        self.stop(second)
        self.assertEqual([line["event"] for line in self.journal()], ["start", "start", "stop"])
        self.assertEqual(len({line["instance"] for line in self.journal()}), 2)

    def test_it_says_what_it_could_not_have(self):
        watchdog = self.daemon()
        start = self.events("start")[0]
        self.assertEqual(start["within"], self.top.removeprefix("/sys/fs/cgroup").removeprefix("/memory"))
        self.assertEqual(start["memory_term_bytes"], 200 * MIB)
        adjusted = int(system.read_text(f"/proc/{watchdog.pid}/oom_score_adj"))
        self.assertTrue(adjusted == -1000 or "oom_score_adj" in start["message"], start)
        if self.variant == "hybrid":
            self.assertIn("pressure", start["message"])  # v1 has none for a cgroup
        self.stop(watchdog)


@only_on("none", "delegated", because="elsewhere the watchdog is root's")
class Unprivileged(Cast):
    def setUp(self):
        self.uid = Session.ground.uid
        super().setUp()

    def spawn_watchdog_as_user(self, *options, before=lambda: None):
        def enter():
            before()
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
            os.setresuid(self.uid, self.uid, self.uid)
        os.makedirs(self.state, exist_ok=True)
        os.chown(self.state, self.uid, self.uid)
        os.chmod(self.state, 0o700)
        return self.spawn(self.command(*options), enter=enter, drop=False)

    def test_only_its_own_user_s_processes_are_ended(self):
        root_s, other = self.member("hold", 60), self.member("hold", 50, uid=4321)
        own = self.member("hold", 30, uid=self.uid)
        run = self.finish(self.spawn_watchdog_as_user("--once"), seconds=15)
        self.assertEqual(run.returncode, 1, run)
        self.assert_died(own, signal.SIGTERM)
        self.assert_alive(root_s, other)
        why = {unit["pid"]: unit["why"] for unit in self.events("kill")[0]["candidates"]}
        self.assertEqual((why[root_s.pid], why[other.pid]), ("another user's", "another user's"))

    def test_with_others_hidden_its_own_user_s_are_ended_all_the_same(self):
        def hide():  # a /proc of its own (Linux 5.8): the others' goes on as it is
            system.unshare(system.CLONE_NEWNS)
            system.mount("proc", "/proc", "proc", 0, "hidepid=2")
        root_s, own = self.member("hold", 90), self.member("hold", 30, uid=self.uid)
        run = self.finish(self.spawn_watchdog_as_user("--once", before=hide), seconds=15)
        self.assertEqual(run.returncode, 1, run)
        self.assert_died(own, signal.SIGTERM)
        self.assert_alive(root_s)
        self.assertEqual({unit["uid"] for unit in self.events("kill")[0]["candidates"]}, {self.uid})

    def test_what_it_may_not_touch_is_not_tried_again_and_again(self):
        self.member("hold", 110)
        watchdog = self.spawn_watchdog_as_user()
        self.await_event("no_victim")
        time.sleep(1)
        watchdog.send_signal(signal.SIGTERM)
        self.assertEqual(watchdog.wait(self.bound(10)), 0)
        self.assertEqual(len(self.events("no_victim")), 1)
        self.assertEqual(self.events("kill"), [])
        self.assertIn("only this user's processes", self.events("start")[0]["message"])


@only_on("unified", because="the whole machine may be filled, or its process ids used up, in a VM only")
class Machine(Cast):
    """Without --within."""

    def command(self, *options):
        return [Session.watchdog, "--config", self.conf, "--state-dir", self.state, *options]

    def total(self):
        fields = dict(line.split(":") for line in system.read_text("/proc/meminfo").splitlines())
        return {key: int(value.split()[0]) // 1024 for key, value in fields.items()}  # MiB

    def test_files_in_a_tmpfs_cost_no_innocent_its_life(self):
        mount = self.path("mnt")
        os.mkdir(mount)
        system.mount("tmpfs", mount, "tmpfs", 0)
        self.addCleanup(system.unmount, mount)
        innocent = self.member("hold", 120)
        watchdog = self.daemon()
        room = self.total()["MemAvailable"]
        with open(f"{mount}/file", "wb") as file:
            for _ in range(room * 6 // 10):
                file.write(b"\1" * MIB)
        self.config(memory_warn=f"{room * 6 // 10}M", memory_term=f"{room // 2}M")
        watchdog.send_signal(signal.SIGHUP)
        finding = self.await_event("tmpfs_full")
        time.sleep(1)
        self.assert_alive(innocent)
        self.assertEqual((finding["severity"], finding["mount"]), ("HARD_FAIL", mount))
        self.assertGreaterEqual(finding["used_bytes"], room * 6 // 10 * MIB)
        self.assertGreaterEqual(finding["size_bytes"], finding["used_bytes"])
        self.stop(watchdog)
        self.assertEqual(self.events("kill"), [])

    def test_a_hog_is_ended_before_the_kernel_has_to(self):
        kills = lambda: int(dict(line.split() for line in system.read_text("/proc/vmstat").splitlines())["oom_kill"])
        before, bystander = kills(), self.member("hold", 20)
        self.config(memory_warn="25%", memory_term="20%", memory_kill="8%")
        watchdog = self.daemon()
        hog = self.spawn(self.job("exhaust_the_machine"), drop=False)
        self.assertIn(hog.wait(self.bound(20)), (-signal.SIGTERM, -signal.SIGKILL))
        self.await_event("outcome")
        self.assertEqual(kills(), before)
        self.assert_alive(bystander)
        self.stop(watchdog)

    def test_a_newcomer_with_the_victim_s_pid_is_never_hit(self):
        most = system.read_text("/proc/sys/kernel/pid_max")
        self.addCleanup(system.write, "/proc/sys/kernel/pid_max", most)
        system.write("/proc/sys/kernel/pid_max", str(len(os.listdir("/proc")) + 400))
        self.config(memory_term="220M")
        self.top = self.cage300.tops[0]
        watchdog = self.watchdog("--within", self.top, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.await_event("start")
        hurt, end = [], time.monotonic() + 15
        while time.monotonic() < end:
            hog = self.spawn(self.job("populate", 100, 0.1), drop=False, enter=self.cage300.enter)
            while hog.poll() is None:  # newcomers take the pids, one after the other
                passer_by = os.spawnvp(os.P_WAIT, "true", ["true"])
                hurt += [passer_by] if passer_by else []
        self.assertEqual(hurt, [])
        self.stop(watchdog)
        self.assertGreater(len(self.events("kill")), 0)
