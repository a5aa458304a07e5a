"""`jobward backtest`: on the user's own runs, and on histories that the tests make up."""

import gzip
import os
import random
import sys
import xml.etree.ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness

GB = 1e9
HOUR = 3600
COLUMNS = "job,role,submitted_ms,started_ms,finished_ms,input_bytes,memory_bytes,wall_seconds,requested_bytes," \
          "read_bytes,written_bytes,outcome"
SCORES = {"rows", "wastage_gbh", "used_gbh", "failures", "coverage", "median_slack", "p90_slack", "coverage_by_runs",
          "wall_median_relative_error", "wall_p95_coverage", "written_median_relative_error",
          "read_median_relative_error"}
BUCKETS = ["0-2", "3-9", "10-29", "30-99", "100+"]


def row(job, memory, start=0, wall=HOUR, role="test", size=1e9, request="", outcome=""):
    """`memory` in GB, `start` in hours."""
    begin = 1_700_000_000_000 + int(start * HOUR * 1000)
    return (f"{job},{role},{begin},{begin},{begin + int(wall * 1000)},{size:.0f},{memory * GB:.0f},{wall},{request},"
            f"{size:.0f},{size / 2:.0f},{outcome}")


class BacktestTest(harness.JobwardTest):
    def trace(self, rows, name="trace.csv", header=COLUMNS):
        path = self.path(name)
        with open(path, "w") as file:
            file.write("\n".join([header, *rows]) + "\n")
        return path

    def backtest(self, *arguments):
        return self.json_of("backtest", "--json", *arguments)

    def refused(self, *arguments):
        run = self.jobward("backtest", *arguments)
        self.assertEqual(run.returncode, 2, run)
        self.assertEqual(run.stdout, b"", run)
        self.assert_printable(run.stderr)
        return run.messages


class Traces(BacktestTest):
    def workflow(self, kinds=3, runs=60, seed=1):
        chance = random.Random(seed)
        rows = []
        for i in range(runs):
            size = chance.uniform(1e9, 9e9)
            rows.append(row(f"STEP_{i % kinds}", (1 + i % kinds) + size / 4e9, start=i, wall=100 + size / 1e8,
                            size=size, request=32_000_000_000))
        return rows

    def test_the_fields(self):
        report = self.backtest("--trace", self.trace(self.workflow()), "--compare")
        self.assertEqual(SCORES - set(report), set())
        self.assertEqual((report["runs"], report["rows"], report["not_scored"]["first_of_kind"]), (60, 57, 3))
        self.assertEqual(list(report["coverage_by_runs"]), BUCKETS)
        self.assertEqual(sum(bucket["rows"] for bucket in report["coverage_by_runs"].values()), 57)
        self.assertEqual((report["order"], report["objective"], report["confidence"], report["ttf"]),
                         ("file", "safe", 0.99, 1))
        self.assertEqual({job["job"] for job in report["jobs"]}, {"STEP_0", "STEP_1", "STEP_2"})
        for job in report["jobs"]:
            self.assertEqual(job["rows"], 19)
            self.assertEqual(SCORES - set(job), set())
        wasted = [job["wastage_gbh"] for job in report["jobs"]]
        self.assertEqual(wasted, sorted(wasted, reverse=True))
        self.assertAlmostEqual(sum(wasted), report["wastage_gbh"], places=6)
        self.assertEqual({"max_seen", "max_times_1_1", "p95", "request", "max_times_k"} - set(report["compare"]), set())
        self.assertGreater(report["compare"]["request"]["wastage_gbh"], report["wastage_gbh"])
        self.assertNotIn("traces", report)

    def test_the_figures_of_the_rules_by_hand(self):
        # 2 fails at 4: 2 wasted, doubled to 4; 4 of 3 wastes 1.
        path = self.trace([row("a", 2, request=int(5 * GB)), row("a", 4, request=int(5 * GB)), row("a", 3)])
        compare = self.backtest("--trace", path, "--compare")["compare"]
        self.assertAlmostEqual(compare["max_seen"]["wastage_gbh"], 3)
        self.assertEqual((compare["max_seen"]["failures"], compare["max_seen"]["coverage"]), (1, 0.5))
        self.assertEqual((compare["request"]["rows"], compare["request"]["wastage_gbh"]), (1, 1))
        half = self.backtest("--trace", path, "--compare", "--ttf", "50%")["compare"]
        self.assertAlmostEqual(half["max_seen"]["wastage_gbh"], 2)

    def test_cold_scores_the_first_run_with_half_of_the_machine(self):
        path = self.trace([row("a", 4, role="history")])
        report = self.backtest("--trace", path, "--cold")
        self.assertEqual((report["rows"], report["failures"]), (1, 0))
        self.assertAlmostEqual(report["wastage_gbh"], 60)
        report = self.backtest("--trace", path, "--cold", "--machine", "4GB")
        self.assertEqual(report["failures"], 1)
        self.assertAlmostEqual(report["wastage_gbh"], 2)
        report = self.backtest("--trace", path)
        self.assertEqual((report["rows"], report["not_scored"]["history"]), (0, 1))
        self.assertEqual(SCORES & set(report), {"rows", "wastage_gbh", "used_gbh", "failures", "coverage_by_runs"})

    def test_order_time_knows_only_what_had_finished(self):
        path = self.trace([row("a", 2, start=0), row("a", 2, start=0.5), row("a", 2, start=1)])
        self.assertEqual(self.backtest("--trace", path)["rows"], 2)
        self.assertEqual(self.backtest("--trace", path, "--order", "time")["rows"], 1)

    def test_ended_runs_are_counted_and_not_scored(self):
        path = self.trace([row("a", 2), row("a", 2), row("a", 9, outcome="memory_limit"), row("a", 2)])
        report = self.backtest("--trace", path)
        self.assertEqual((report["rows"], report["not_scored"]["ended_early"]), (2, 1))

    def test_features_can_be_kept_from_it(self):
        path = self.trace(self.workflow(kinds=1))
        self.assertLess(self.backtest("--trace", path)["wastage_gbh"],
                        self.backtest("--trace", path, "--features", "no")["wastage_gbh"])

    def test_several_histories_each_begin_anew(self):
        plain = self.trace(self.workflow(seed=1))
        packed = self.path("other.csv.gz")
        with gzip.open(packed, "wt") as file:
            file.write("\n".join([COLUMNS, *self.workflow(seed=2)]) + "\n")
        report = self.backtest("--trace", plain, "--trace", packed, "--compare")
        self.assertEqual([part["trace"] for part in report["traces"]], [plain, packed])
        self.assertEqual([part["rows"] for part in report["traces"]], [57, 57])
        self.assertEqual(report["rows"], 114)
        self.assertAlmostEqual(sum(part["wastage_gbh"] for part in report["traces"]), report["wastage_gbh"], places=9)
        self.assertEqual(report["traces"][1], {"trace": packed, **{
            key: value for key, value in self.backtest("--trace", packed, "--compare").items()
            if key in report["traces"][1]}})
        text = self.jobward("backtest", "--trace", plain, "--trace", packed).stdout.decode()
        for word in ("2 histories", "other.csv.gz", "total", "STEP_2"):
            self.assertIn(word, text)

    def test_the_same_history_gives_the_same_bytes(self):
        path = self.trace(self.workflow())
        outputs = {self.jobward("backtest", "--trace", path, "--json", "--compare", "--plot", self.path(name)).stdout
                   for name in ("a.svg", "b.svg")}
        self.assertEqual(len(outputs), 1)
        self.assertEqual(harness.read_bytes(self.path("a.svg")), harness.read_bytes(self.path("b.svg")))

    def test_the_text_names_at_most_fifteen_kinds(self):
        run = self.jobward("backtest", "--trace", self.trace(self.workflow(kinds=20, runs=100)), "--compare")
        self.assertEqual(run.returncode, 0, run)
        text = run.stdout.decode()
        self.assertEqual(text.count("STEP_"), 15)
        for words in ("and 5 more: --json has all", "80 of them scored", "most seen so far", "what the user asked for",
                      "20 of a kind that was not known yet"):
            self.assertIn(words, text)
        self.assert_printable(run.stdout)

    def test_the_picture_is_xml_whatever_the_names(self):
        path = self.trace(self.workflow(), name="a<b>&\"c\x07.csv")
        run = self.jobward("backtest", "--trace", path, "--plot", self.path("plot.svg"))
        self.assertEqual(run.returncode, 0, run)
        root = xml.etree.ElementTree.parse(self.path("plot.svg")).getroot()
        self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
        self.assertEqual(len(list(root.iter("{http://www.w3.org/2000/svg}circle"))), 57)
        self.assertIn("a<b>&\"c\\x07.csv", root.find("{http://www.w3.org/2000/svg}title").text)

    def test_hostile_names_are_shown_printable(self):
        path = self.trace([row("\x1b[31mred\x07", 2)] * 3)
        for options in ([], ["--json"]):
            run = self.jobward("backtest", "--trace", path, *options)
            self.assertEqual(run.returncode, 0, run)
            self.assert_printable(run.stdout)


class Refusals(BacktestTest):
    def test_values_out_of_range_are_named(self):
        path = self.trace([row("a", 2)])
        for flag, value in (("--confidence", "1"), ("--confidence", "0.4"), ("--confidence", "x"), ("--ttf", "0"),
                            ("--ttf", "1.5"), ("--ttf", "-1"), ("--order", "size"), ("--objective", "cheap"),
                            ("--features", "maybe"), ("--machine", "0"), ("--machine", "many")):
            with self.subTest(flag=flag, value=value):
                self.assertIn(flag, self.refused("--trace", path, f"{flag}={value}"))
        self.assertIn("--trace", self.refused("--trase", path))
        self.assertIn("no command", self.refused("--trace", path, "--", "true"))

    def test_a_broken_line_is_named_with_its_file(self):
        path = self.trace([row("a", 2), row("a", 2).replace("2000000000", "many"), row("a", 2), row("a", 2)])
        message = self.refused("--trace", path)
        self.assertIn(f"{path}:3", message)
        self.assertIn("memory_bytes", message)
        report = self.backtest("--trace", path, "--skip-bad")
        self.assertEqual((report["rows"], report["broken"], report["skipped"]), (2, 1, 1))
        self.assertIn(f"{path}:3", report["complaints"][0])
        text = self.jobward("backtest", "--trace", path, "--skip-bad").stdout.decode()
        self.assertIn(f"{path}:3", text)

    def test_a_trace_without_times_has_no_order_of_time(self):
        path = self.trace(["a,2000000000,60"] * 3, header="job,memory_bytes,wall_seconds")
        self.assertIn(f"{path}:2", self.refused("--trace", path, "--order", "time"))
        report = self.backtest("--trace", path, "--order", "time", "--skip-bad")
        self.assertEqual(report["not_scored"]["without_times"], 3)
        self.assertEqual(self.backtest("--trace", path)["rows"], 2)

    def test_files_that_are_not_there_or_cannot_be_written(self):
        self.assertIn("no-such.csv", self.refused("--trace", self.path("no-such.csv")))
        run = self.jobward("backtest", "--trace", self.trace([row("a", 2)] * 2), "--plot", "/no/such/place.svg")
        self.assertEqual(run.returncode, 2, run)
        self.assertIn("/no/such/place.svg", run.messages)


class OwnRuns(BacktestTest):
    def test_an_empty_store(self):
        run = self.jobward("backtest")
        self.assertEqual(run.returncode, 0, run)
        self.assertIn("nothing could be scored", run.stdout.decode())
        self.assertEqual(self.backtest()["rows"], 0)

    def test_runs_on_record_are_replayed(self):
        for mib in (40, 44, 48, 52):
            self.assert_ok(self.run_job(self.job("touch_memory.py", mib, "--hold", 0.1)))
        self.run_job(["/bin/sh", "-c", "exit 3"])
        self.run_job(["no-such-command-here"])
        report = self.backtest("--compare")
        self.assertEqual(report["runs"], 5)
        self.assertEqual((report["rows"], report["not_scored"]["first_of_kind"], report["not_scored"]["ended_early"]),
                         (3, 1, 1))
        self.assertEqual([job["job"] for job in report["jobs"]], ["touch_memory.py"])
        self.assertEqual(report["compare"]["request"]["rows"], 3)  # --mem 1G
        self.assertGreater(report["compare"]["request"]["median_slack"], 10)
        self.assertGreater(report["compare"]["max_seen"]["failures"], 0)  # each needs more than those before
        cold = self.backtest("--cold", "--order", "time", "--machine", "8G")
        self.assertEqual(cold["rows"], 4)
        self.assertGreater(cold["p90_slack"], 10)  # 4 GiB at first
        text = self.jobward("backtest").stdout.decode()
        self.assertIn("your runs in", text)
        self.assertIn("touch_memory.py", text)


if __name__ == "__main__":
    harness.main()
