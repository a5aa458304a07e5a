"""What others have recorded, and what another machine has learned, becomes Jobward's own."""

import json
import os
import stat
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness

CSV = """job,input_bytes,memory_bytes,wall_seconds,outcome,finished_ms
align,2235235129,1193795584,103,ok,1700000003000
align,2063383142,1147483648,95,ok,1700000001000
align,2063383142,1147483648,95,ok,1700000002000
sort it,1000,104857600,5,ok,
sort it,1000,104857600,5,ok,
"""
NEXTFLOW = ("task_id\thash\tname\tstatus\texit\tsubmit\trealtime\t%cpu\tpeak_rss\n"
            "1\t3f/a1b2c3\tRNA:ALIGN (s1)\tCOMPLETED\t0\t2024-03-09 10:11:12.345\t1m 58s\t187.5%\t1.5 GB\n"
            "2\t3f/a1b2c4\tRNA:ALIGN (s2)\tCOMPLETED\t0\t2024-03-09 10:12:12.345\t1m 59s\t187.5%\t1.6 GB\n"
            "3\t3f/a1b2c5\tRNA:ALIGN (s3)\tCACHED\t0\t2024-03-09 10:13:12.345\t1m 59s\t187.5%\t1.6 GB\n")
SACCT = ("JobID|JobName|State|Submit|Start|End|ElapsedRaw|MaxRSS|ReqMem|AllocCPUS|NTasks\n"
         "4711|align|COMPLETED|2024-03-09T10:00:00|2024-03-09T10:05:00|2024-03-09T10:06:40|100||16G|4|\n"
         "4711.batch|batch|COMPLETED|2024-03-09T10:05:00|2024-03-09T10:05:00|2024-03-09T10:06:40|100|2097152K||4|1\n"
         "4712|align|CANCELLED|2024-03-09T10:00:00|2024-03-09T10:05:00|2024-03-09T10:06:40|100||16G|4|\n")


def report(command, kilobytes, elapsed="1:02.50"):
    return (f'\tCommand being timed: "{command}"\n\tUser time (seconds): 60.25\n\tSystem time (seconds): 1.50\n'
            f"\tElapsed (wall clock) time (h:mm:ss or m:ss): {elapsed}\n"
            f"\tMaximum resident set size (kbytes): {kilobytes}\n\tFile system inputs: 8\n"
            "\tFile system outputs: 16\n\tExit status: 0\n")


GNU_TIME = report("python3 train.py --epochs 3", 204800) + report("python3 train.py --epochs 4", 205000)


class ImportCase(harness.JobwardTest):
    def file(self, text, name="history"):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def imported(self, kind, text, *options):
        return self.json_of("import", kind, self.file(text), "--json", *options)

    def estimate(self, *arguments):
        run = self.jobward("estimate", "--json", *arguments)
        self.assertIn(run.returncode, (0, 75, 77), run)
        return harness.strict_json(run.stdout)

    def lessons(self):
        return [json.loads(line) for line in self.jobward("profiles", "export").stdout.decode().splitlines()[1:]]


class Import(ImportCase):
    def test_each_format_is_learned_once_and_found_by_its_kind(self):
        for format, text, kind, runs, skipped, memory in (
                ("csv", CSV, "align", 3, 0, 1147483648), ("nextflow", NEXTFLOW, "RNA:ALIGN", 2, 1, 1.5 * (1 << 30)),
                ("sacct", SACCT, "align", 1, 1, 1 << 31)):
            with self.subTest(format=format):
                self.env["JOBWARD_STATE_DIR"] = self.state + format
                tried = self.imported(format, text, "--dry-run")
                self.assertEqual(self.estimate("--kind", kind)["estimate"]["runs"], 0, "a dry run learns nothing")
                first = self.imported(format, text)
                self.assertEqual({**tried, "dry_run": False}, first)
                self.assertEqual((first["imported"], first["known"], first["skipped"]),
                                 (first["read"] - skipped, 0, skipped))
                self.assertEqual(first["kinds"][0]["kind"], kind)
                again = self.imported(format, text)
                self.assertEqual((again["imported"], again["known"]), (0, first["imported"]))
                estimate = self.estimate("--kind", kind)["estimate"]
                self.assertEqual((estimate["runs"], estimate["level"]), (runs, "masked"))
                self.assertGreaterEqual(estimate["memory_bytes"]["p99"], memory)

    def test_a_command_that_the_history_tells_counts_as_that_command(self):
        report = self.imported("gnu-time", GNU_TIME)
        self.assertEqual((report["imported"], report["kinds"][0]["found_by"]), (2, "command"))
        self.assertEqual(self.estimate_in(".", "77")["runs"], 2)
        self.assertEqual(self.lessons()[0]["features"], {"num:--epochs": 3})
        os.mkdir(self.path("elsewhere"))
        self.assertEqual(self.estimate_in("elsewhere", "77")["runs"], 0)

    def test_where_the_commands_were_run_can_be_told(self):
        os.mkdir(self.path("elsewhere"))
        self.imported("gnu-time", GNU_TIME, "--cwd", "elsewhere")
        self.assertEqual(self.estimate_in("elsewhere", "77")["runs"], 2)

    def estimate_in(self, directory, epochs):
        path = os.path.normpath(self.path(directory))
        run = self.jobward("estimate", "--json", "--", "python3", "train.py", "--epochs", epochs, cwd=path,
                           env={**self.env, "PWD": path})
        estimate = harness.strict_json(run.stdout)["estimate"]
        return estimate if estimate["level"] != "everything" else {"runs": 0}

    def test_a_file_that_has_grown_is_imported_from_where_it_had_ended(self):
        self.imported("csv", CSV)
        grown = self.imported("csv", CSV + "sort it,1000,104857600,5,ok,\nsort it,1,2,3,ok,\n")
        self.assertEqual((grown["imported"], grown["known"]), (2, 5))

    def test_a_run_of_a_kind_starts_from_what_is_known_of_it_and_adds_to_it(self):
        self.imported("csv", CSV)
        run = self.run_job(["true"], ["--kind", "align", "--feature", "input=2100000000"])
        self.assert_ok(run)
        self.assertEqual(run.result["kind"], "align")
        self.assertEqual(run.result["estimate"]["level"], "masked")
        self.assertEqual(self.history()[0]["kind"], "align")
        self.assertIn("align", self.jobward("why", run.result["run"]).stdout.decode())
        self.assertEqual(self.estimate("--kind", "align")["estimate"]["runs"], 4)
        self.assertEqual(self.lessons()[-1]["job"], "align")

    def test_bad_input_is_named_with_its_line_and_nothing_is_learned(self):
        broken = CSV + "align,1,-5,3,ok,\n"
        run = self.jobward("import", "csv", self.file(broken))
        self.assertEqual((run.returncode, run.stdout), (2, b""), run)
        self.assertIn(self.path("history") + ":7", run.messages)
        self.assertEqual(self.lessons(), [])
        report = self.imported("csv", broken, "--skip-bad")
        self.assertEqual((report["imported"], report["skipped"], len(report["complaints"])), (5, 1, 1))
        for arguments, status in ((["csv", self.path("none")], 2), (["csv", self.file("x,y\n1,2\n", "odd")], 2),
                                  (["json", self.path("history")], 2), (["csv"], 2), ([], 2),
                                  (["csv", self.file(CSV), "--cwd", "none"], 2),
                                  (["csv", self.file(CSV.splitlines()[0] + "\n", "empty")], 1)):
            with self.subTest(arguments=arguments):
                run = self.jobward("import", *arguments)
                self.assertEqual(run.returncode, status, run)
        for kind in ("", "a\nb", "x" * 201):
            self.assertEqual(self.jobward("estimate", "--kind", kind).returncode, 2)
            self.assertEqual(self.jobward("run", "--kind", kind, "--", "touch", "ran").returncode, 125)
        self.assertFalse(os.path.exists(self.path("ran")))


class Profiles(ImportCase):
    def export(self):
        run = self.jobward("profiles", "export", self.path("exported"))
        self.assertEqual(run.returncode, 0, run)
        return self.path("exported")

    def test_another_machine_estimates_the_same(self):
        self.imported("csv", CSV)
        command = ["/bin/sh", "-c", "exit 0", "--password", "98877665544"]
        for _ in range(3):
            self.assert_ok(self.run_job(command))
        asked = (("--kind", "align"), ("--kind", "sort it"), ("--", *command))
        here = [self.estimate(*question)["estimate"] for question in asked]
        exported = self.export()
        self.assertEqual(stat.S_IMODE(os.stat(exported).st_mode), 0o600)
        for secret in ("98877665544", self.tmp, "/bin/sh"):
            self.assertNotIn(secret.encode(), harness.read_bytes(exported))
        known = self.json_of("profiles", "import", exported, "--json")
        self.assertEqual((known["imported"], known["known"]), (0, 8), "all of it is from here")
        self.env["JOBWARD_STATE_DIR"] = self.state + "-other"
        tried = self.json_of("profiles", "import", exported, "--json", "--dry-run")
        self.assertEqual(self.lessons(), [])
        first = self.json_of("profiles", "import", exported, "--json")
        self.assertEqual({**tried, "dry_run": False}, first)
        self.assertEqual(first["imported"], 8)
        self.assertEqual([self.estimate(*question)["estimate"] for question in asked], here)
        self.assertEqual(self.json_of("profiles", "import", exported, "--json")["known"], 8)
        self.assertEqual(self.lessons(), [json.loads(line) for line in harness.read_bytes(exported).splitlines()[1:]])

    def test_a_bad_file_names_its_line_and_teaches_nothing(self):
        self.imported("csv", CSV)
        lines = harness.read_bytes(self.export()).decode().splitlines(keepends=True)
        self.env["JOBWARD_STATE_DIR"] = self.state + "-other"
        for name, text, line in (("negative", lines[0] + lines[1] + lines[2].replace('"value":1', '"value":-1'), 3),
                                 ("infinite", lines[0] + lines[1].replace('"value":1', '"value":1e999'), 2),
                                 ("cut off", "".join(lines)[:-20], len(lines)), ("no header", "".join(lines[1:]), 1),
                                 ("newer", lines[0].replace('"version":1', '"version":2') + lines[1], 1)):
            with self.subTest(name):
                run = self.jobward("profiles", "import", self.file(text))
                self.assertEqual((run.returncode, run.stdout), (2, b""), run)
                self.assertIn(f"{self.path('history')}:{line}:", run.messages)
        self.assertEqual(self.lessons(), [])
        for arguments in (["import", self.path("none")], ["import"], [], ["sell"], ["import", self.file("")]):
            self.assertEqual(self.jobward("profiles", *arguments).returncode, 2)
        self.assertEqual(self.jobward("profiles", "import", self.file(lines[0])).returncode, 1)

    def test_imported_lessons_survive_the_removal_of_old_runs(self):
        self.imported("csv", CSV)
        self.assert_ok(self.run_job(["true"]))
        before = [{**lesson, "job": ""} for lesson in self.lessons()]
        self.assertIn(b"1 runs removed",
                      self.jobward("history", "--prune", "--keep", "0s", "--keep-runs", "0").stdout)
        self.assertEqual([{**lesson, "job": ""} for lesson in self.lessons()], before)


if __name__ == "__main__":
    harness.main()
