"""A lean size counts with how soon a run that is too small fails, as past runs' memory curves tell."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness

FULL_AT_ONCE = "import time; full = b'x' * (80 << 20); time.sleep(0.6)"
WORDS = r"a run that is too small fails after about \d+ % of its time \(2 memory curves\)"


class TimeToFailure(harness.JobwardTest):
    def estimate(self, *options):
        return self.json_of("estimate", *options, "--json", "--", *self.command)["estimate"]

    def setUp(self):
        super().setUp()
        self.command = [harness.PYTHON, "-c", FULL_AT_ONCE]
        for _ in range(2):
            self.assert_ok(self.run_job(self.command, ["--mem", "300M"]))

    def assert_learned(self, estimate):
        sizing = estimate["memory_sizing"]
        self.assertEqual((sizing["objective"], sizing["failure_curves"]), ("lean", 2))
        # Never below 1/3 with two curves; it was full long before its end.
        self.assertGreater(sizing["failure_share"], 1 / 3)
        self.assertLess(sizing["failure_share"], 0.8)
        self.assertRegex(estimate["reason"], WORDS)

    def test_lean_says_what_it_counts_with(self):
        self.assert_learned(self.estimate("--objective", "lean"))
        self.assertEqual(self.estimate("--objective", "lean"), self.estimate("--objective", "lean"))

    def test_safe_does_not_ask(self):
        estimate = self.estimate()
        self.assertEqual([key for key in estimate["memory_sizing"] if key.startswith("failure")], [])
        self.assertNotIn("fails after", estimate["reason"])

    def test_a_run_that_is_tried_again_has_it_on_record(self):
        run = self.run_job(self.command, ["--retry-oom", "3"])
        self.assert_ok(run)
        self.assert_learned(run.result["estimate"])
        shown = self.json_of("show", "--json", run.result["run"])
        self.assertEqual(shown["estimate"], run.result["estimate"])


class NoCurve(harness.JobwardTest):
    def test_without_one_the_whole_time_is_assumed(self):
        table = self.path("table.csv")
        with open(table, "w") as file:
            file.write("job,memory_bytes,wall_seconds,outcome\n" + "sort,104857600,10,ok\n" * 3)
        self.assertEqual(self.jobward("import", "csv", table).returncode, 0)
        estimate = self.json_of("estimate", "--kind", "sort", "--objective", "lean", "--json")["estimate"]
        self.assertEqual(estimate["memory_sizing"]["objective"], "lean")
        self.assertNotIn("failure_share", estimate["memory_sizing"])
        self.assertNotIn("fails after", estimate["reason"])


if __name__ == "__main__":
    harness.main()
