"""Limits that make no sense here, and surroundings in which they cannot be held: refused, and said why."""

import os

from harness import ROOMY, Case, strict_json
from variants import FRONT_END, not_on, only_on

ALL_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "pids")
ABOVE = "above|more than|beyond|exceed"
ONLY_A_SUBTREE = "only a delegated v2 subtree can be made with some of the controllers"


class BadValues(Case):
    """Whatever the backend: nothing has run, and the message has the word that was wrong."""

    def assert_nothing_runs(self, *options, words, allowed=(125,)):
        run = self.run_job(["/bin/sh", "-c", "echo > ran"], *options)
        self.assertIn(run.returncode, allowed, run)
        self.assertFalse(os.path.exists(self.path("ran")), run)
        self.assertNotIn("unknown option", run.messages)
        self.assertEqual(run.result["exit_source"], "jobward", run)
        for word in words:
            self.assertRegex(run.said, word)

    @only_on("hybrid", "unified", because=FRONT_END)
    def test_a_malformed_cpuset(self):
        for text in ("a", "0-", "1-0", "0,,1", "-1"):
            with self.subTest(cpuset=text):
                self.assert_nothing_runs(*ROOMY, f"--cpuset={text}", words=["cpuset"])

    @only_on("hybrid", "unified", because=FRONT_END)
    def test_malformed_numbers_name_their_option(self):
        for option in ("--cpus=none", "--cpus=-1", "--cpus=0", "--pids=0", "--pids=1.5", "--cpu-weight=0",
                       "--cpu-weight=10001", "--nice=20", "--open-files=x", "--oom-score=1001", "--oom-kill=none",
                       "--io-write=fast", "--stall=soon", "--cpu-time=0", "--swap=-1", "--warn-signal=USR1",
                       "--warn-signal=NOSIG@90%", "--warn-signal=USR1@101%"):
            with self.subTest(option=option):
                self.assert_nothing_runs(*ROOMY, option, words=[option.partition("=")[0]])

    @only_on("hybrid", "unified", because=FRONT_END)
    def test_contradictory_flags_are_both_named(self):
        for pair in (("--mem=64M", "--no-limit"), ("--time=5s", "--no-time")):
            with self.subTest(pair=pair):
                self.assert_nothing_runs(*pair, words=[option.partition("=")[0] for option in pair])

    def test_a_cpuset_that_is_not_online(self):
        words = ["cpuset"] if self.variant in ("none", "scope") else ["99", "online|no such|only"]
        self.assert_nothing_runs(*ROOMY, "--cpuset", "99", words=words)

    def test_a_device_that_does_not_exist(self):
        for option in ("--io-read", "--io-write"):
            self.assert_nothing_runs(*ROOMY, option, "5M/s@/dev/no-such-device", words=["io|I/O"])

    @only_on("unified", "delegated", "system", because="without v2's io controller any rate is refused, whatever "
                                                       "the path: see test_outcomes")
    def test_a_path_without_a_block_device_is_named(self):
        for path in ("/dev/shm", "/proc", "/dev/no-such-device", "/dev/null"):
            with self.subTest(path=path):
                self.assert_nothing_runs(*ROOMY, "--io-write", f"5M/s@{path}", words=[path])

    @not_on("none", because="nothing holds the program until it has been seen: it starts, and is killed then")
    def test_a_limit_too_small_to_start_the_program_is_said_to_be(self):
        for size in ("4K", "64K"):
            with self.subTest(size=size):
                self.assert_nothing_runs("--mem", size, words=["too small|too little|not enough", "start|exec"],
                                         allowed=(125, 126, 137))

    def test_a_limit_above_that_of_the_machine_is_said(self):
        run = self.run_job(["true"], "--mem", "900G")
        self.assertIn(run.returncode, (77,), run)
        self.assertRegex(run.said, "900")
        self.assertRegex(run.messages, ABOVE)
        self.assertRegex(f"{run.result['cause']} {run.result['problems']}", ABOVE)

    def test_a_limit_above_that_of_the_run_around_it_is_said(self):
        inner, inner_result = self.run_command(["true"], "--mem", "256M")
        run = self.run_job(inner, *ROOMY)
        self.assertIn(run.returncode, (0, 75, 125), run)
        self.assertRegex(run.messages, ABOVE)
        inner = self.load_result(inner_result)
        self.assertRegex(f"{inner['cause']} {inner['problems']}", ABOVE)


class BadSurroundings(Case):
    def doctor(self, **popen):
        """What `doctor --json` says in this place."""
        run = self.finish(self.spawn([*popen.pop("prefix", []), self.binary, "doctor", "--json"], **popen))
        self.assertEqual(run.returncode, 0, run)
        return strict_json(run.stdout)

    def what_stands_in_the_way(self, doctor):
        return "\n".join([doctor["gaps"]["memory"]["why"], *doctor["obstacles"]])

    @not_on("none", because="without rights to cgroups their mounts do not matter")
    @not_on("scope", because="the user manager acts over D-Bus, from outside of this mount namespace")
    def test_read_only_cgroups_fall_back_to_polling_and_doctor_says_why(self):
        place = {"prefix": self.place("read-only"), "drop": False}
        run = self.run_job(["true"], *ROOMY, **place)
        self.assert_outcome(run, "ok", 0)
        self.assertEqual(run.result["enforcement"]["memory"], "polled")
        self.assertRegex(run.messages, "polled")
        doctor = self.doctor(**place)
        self.assertEqual(doctor["enforcement"]["memory"], "polled")
        self.assertRegex(self.what_stands_in_the_way(doctor), "(?i)read-only")

    @only_on("delegated", because=ONLY_A_SUBTREE)
    def test_a_parent_without_rights_falls_back_and_doctor_mends_it(self):
        for directory in (self.ground.top, self.ground.leaf):
            os.chmod(directory, 0o555)
        run = self.run_job(["true"], *ROOMY)
        self.assert_outcome(run, "ok", 0)
        self.assertEqual(run.result["enforcement"]["memory"], "polled")
        doctor = self.doctor()
        self.assertRegex(self.what_stands_in_the_way(doctor), "permission|denied|rights|not writable")
        self.assertTrue(doctor["gaps"]["memory"].get("mend"), "no command that mends it")

    def flags_of_missing(self, controller):
        return {"cpu": ("--cpus", "0.5"), "cpuset": ("--cpuset", "0"),
                "io": ("--io-write", f"5M/s@{os.environ['JOBWARD_TEST_DISK']}")}[controller]

    @only_on("delegated", because=ONLY_A_SUBTREE)
    def test_without_a_controller_its_limit_is_refused_and_the_controller_named(self):
        for controller in ("cpu", "cpuset", "io"):
            with self.subTest(controller=controller):
                self.ground.delegate(self, [name for name in ALL_CONTROLLERS if name != controller])
                options = self.flags_of_missing(controller)
                self.assert_refused(self.run_job(["true"], *ROOMY, *options), rf"\b{controller}\b")
                run = self.run_job(["true"], *ROOMY, "--best-effort", *options)
                self.assert_outcome(run, "ok", 0)
                self.assertIn("none", run.result["enforcement"].values())

    @only_on("delegated", because=ONLY_A_SUBTREE)
    def test_without_the_memory_or_pids_controller_the_limit_is_polled_or_refused(self):
        for controller, key, options in (("memory", "memory", ()), ("pids", "processes", ("--pids", "20"))):
            with self.subTest(controller=controller):
                self.ground.delegate(self, [name for name in ALL_CONTROLLERS if name != controller])
                run = self.run_job(["true"], *ROOMY, *options)
                if run.returncode == 0:
                    self.assertEqual(run.result["enforcement"][key], "polled", run)
                else:
                    self.assert_refused(run, rf"\b{controller}\b")

    @only_on("delegated", because=ONLY_A_SUBTREE)
    def test_doctor_names_the_missing_controller_and_how_to_get_it(self):
        for controller in ("cpu", "cpuset", "io"):
            with self.subTest(controller=controller):
                self.ground.delegate(self, [name for name in ALL_CONTROLLERS if name != controller])
                gaps = self.doctor()["gaps"]
                key = {"cpu": "cpus", "cpuset": "cpuset", "io": "io_write_rate"}[controller]
                self.assertRegex(gaps[key]["why"], rf"\b{controller}\b")
                self.assertRegex(gaps[key].get("mend", ""), rf"\+?{controller}")
