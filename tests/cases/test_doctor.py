"""`jobward doctor`: which backend, which parent, what each limit is worth, and what stands in the way."""

import json
import os
import signal

import system
from harness import ROOMY, Case
from variants import not_on

LIMITS = ("memory", "swap", "wall", "cpu_time", "stall", "cpus", "cpu_weight", "cpuset", "processes",
          "io_read_rate", "io_write_rate", "open_files")


class Doctor(Case):
    def setUp(self):
        super().setUp()
        self.doctor = self.json_of("doctor", "--json")

    def test_the_backend_is_the_best_that_there_is(self):
        self.assertEqual(self.doctor["backend"], self.ground.backend)
        self.assertTrue(self.doctor["backend_reason"].strip())

    @not_on("none", because="without cgroups there is no parent")
    def test_the_parent_is_where_the_runs_are(self):
        process = self.start(["/bin/sh", "-c", 'echo $$ > pid; exec "$0" 1000', self.sleeper], *ROOMY)
        directory = system.memory_cgroup(self.wait_for_pid("pid"))
        self.assertTrue(directory.startswith(f"{self.doctor['parent']}/"), (directory, self.doctor["parent"]))
        process.terminate()
        self.assert_outcome(self.finish(process), "stopped", -signal.SIGTERM)

    def test_each_limit_is_kernel_polled_or_none(self):
        enforcement = self.doctor["enforcement"]
        self.assertEqual(set(LIMITS) - set(enforcement), set())
        self.assertEqual(set(enforcement.values()) - {"kernel", "polled", "none"}, set())

    def test_each_limit_that_the_kernel_does_not_hold_has_a_reason(self):
        short = {name for name, how in self.doctor["enforcement"].items() if how != "kernel"}
        self.assertEqual(short, set(self.doctor["gaps"]))
        for name, gap in self.doctor["gaps"].items():
            self.assertTrue(gap["why"].strip(), name)
            self.assertTrue(gap.get("mend", "-").strip(), f"{name}: an empty command")

    def test_enforcement_is_what_docs_backends_says(self):
        with open(f"{os.path.dirname(os.path.abspath(__file__))}/enforcement.json", encoding="utf-8") as file:
            self.assertEqual(self.doctor["enforcement"], json.load(file)[self.variant])

    def test_a_run_gets_what_doctor_promises(self):
        run = self.run_job(["true"], *ROOMY, "--time", "100s", "--cpu-time", "100s", "--stall", "100s",
                           "--pids", "50", "--open-files", "64")
        self.assert_outcome(run, "ok", 0)
        for name in ("memory", "wall", "cpu_time", "stall", "processes", "open_files"):
            self.assertEqual(run.result["enforcement"][name], self.doctor["enforcement"][name], name)
        self.assertEqual(run.result["backend"], self.doctor["backend"])

    def test_the_text_has_backend_parent_and_the_mending_commands(self):
        run = self.jobward("doctor")
        self.assertEqual(run.returncode, 0, run)
        text = run.stdout.decode()
        self.assertIn(self.doctor["backend"], text)
        self.assertIn(self.doctor["parent"], text)
        for gap in self.doctor["gaps"].values():
            self.assertIn(gap.get("mend", ""), text)
