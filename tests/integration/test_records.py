"""What a run leaves behind: its record, the result file, history, show, estimate."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness

FIELDS = {"schema_version", "run", "started", "outcome", "cause", "exit_code", "exit_source", "actor", "limits",
          "enforcement", "usage", "attempts", "findings", "recorded"}


class ResultFile(harness.JobwardTest):
    def assert_fields(self, result):
        self.assertEqual(FIELDS - set(result), set(), f"missing in {result}")
        self.assertIs(type(result["schema_version"]), int)
        self.assertIs(type(result["run"]), str)
        self.assertIs(type(result["started"]), bool)
        self.assertIs(type(result["recorded"]), bool)
        self.assertIn(result["exit_source"], ("job", "jobward"))
        self.assertNotIn(None, [leaf for _, leaf in harness.flatten(result["usage"])], "absent, not null")

    def test_all_fields_are_there_when_the_job_ran(self):
        run = self.run_job(["/bin/sh", "-c", "exit 42"], ["--mem", "1G", "--time", "1h"])
        self.assert_fields(run.result)
        self.assertEqual((run.result["started"], run.result["recorded"], run.result["exit_code"]), (True, True, 42))
        self.assertTrue(run.result["cause"])
        usage = run.result["usage"]
        for key in ("memory_peak_bytes", "memory_need_bytes", "wall_seconds", "processes_peak"):
            self.assertGreater(usage[key], 0, key)
        self.assertIn(1 << 30, harness.numbers_at(run.result["limits"], "mem"))
        self.assertIn(3600, harness.numbers_at(run.result["limits"], "wall") +
                      harness.numbers_at(run.result["limits"], "time"))

    def test_all_fields_are_there_when_nothing_started(self):
        run = self.run_job(["no-such-command-here"])
        self.assert_fields(run.result)
        self.assertEqual((run.result["started"], run.result["exit_code"]), (False, 127))
        self.assertTrue(run.result["cause"])

    def test_all_fields_are_there_when_a_limit_ended_it(self):
        run = self.run_job([self.sleeper, "100"], ["--mem", "1G", "--time", "1s"])
        self.assert_fields(run.result)
        self.assertEqual(run.result["exit_code"], 124)

    def test_what_was_not_measured_is_absent_and_never_0(self):
        run = self.run_job(["true"])
        usage = run.result["usage"]
        self.assertNotEqual(usage.get("memory_peak_bytes"), 0)
        self.assertNotEqual(usage.get("memory_need_bytes"), 0)
        self.assertNotEqual(usage.get("processes_peak"), 0)
        self.assertGreater(usage["wall_seconds"], 0)
        if "io_basis" not in usage:
            self.assertEqual([key for key in usage if key.startswith("io_")], [])

    def test_an_older_result_file_is_replaced_whole(self):
        result = self.path("result.json")
        with open(result, "w") as file:
            file.write("x" * 100_000)
        self.assertEqual(self.jobward("run", "--mem", "1G", "--result", result, "--", "true").returncode, 0)
        self.assertEqual(self.load_result(result)["outcome"], "ok")
        self.assertEqual(os.listdir(self.work), ["result.json"], "no temporary file is left")


class State(harness.JobwardTest):
    def test_directories_are_0700_and_files_0600_whatever_the_umask(self):
        self.preexec = lambda: os.umask(0)
        self.state = os.path.join(self.work, "made", "by", "jobward")
        self.env["JOBWARD_STATE_DIR"] = self.state
        process = self.start_run(["--mem", "1G"], self.waiting_job())
        harness.wait_for_pid(self.path("pid"))
        while_running = harness.state_files(self.state)
        self.assertTrue(os.path.exists(harness.database(self.state)))
        for path in while_running:
            self.assertEqual(oct(harness.mode_of(path)), oct(0o700 if os.path.isdir(path) else 0o600), path)
        self.touch("finish")
        self.assert_ok(self.finish(process))
        for path in harness.state_files(self.state):
            self.assertEqual(oct(harness.mode_of(path)), oct(0o700 if os.path.isdir(path) else 0o600), path)

    def test_the_row_is_there_before_the_job_is(self):
        inner = [self.binary, "history", "--json"]
        run = self.run_job(inner, ["--quiet", "--mem", "1G"])
        self.assert_ok(run)
        self.assertIn(run.result["run"], run.stdout.decode())

    def test_secrets_and_values_of_the_environment_are_never_stored(self):
        secrets = ["hunter2-ark", "swordfish-bell", "opensesame-cup", "env-value-drum"]
        self.env["SECRET_TOKEN"] = secrets[3]
        run = self.run_job(["true", "--password", secrets[0], f"--token={secrets[1]}", "--api-key", secrets[2]])
        self.assert_ok(run)
        places = {path: harness.read_bytes(path) for path in harness.state_files(self.state) if os.path.isfile(path)}
        self.assertIn(b"--password", b"".join(places.values()), "the argument's name is kept")
        places["the result"] = harness.read_bytes(self.path("result-1.json"))
        places["stderr"] = run.stderr
        for arguments in (["history"], ["show", run.result["run"]], ["show", "--json", run.result["run"]]):
            places[" ".join(arguments)] = self.jobward(*arguments).stdout
        for place, content in places.items():
            for secret in secrets:
                self.assertNotIn(secret.encode(), content, place)


class HistoryAndShow(harness.JobwardTest):
    def three_runs(self):
        return [self.run_job(["/bin/sh", "-c", f"exit {status}"], ["--mem", "1G", "--name", name]).result["run"]
                for status, name in ((0, "alder"), (42, "birch"), (0, "cedar"))]

    def test_history_lists_the_newest_first(self):
        ids = self.three_runs()
        self.assertEqual(len(set(ids)), 3)
        rows = self.history()
        self.assertEqual([row["run"] for row in rows], ids[::-1])
        self.assertEqual([row["outcome"] for row in rows], ["ok", "failed", "ok"])
        text = self.jobward("history").stdout.decode()
        self.assertGreaterEqual(text.find("cedar"), 0)
        self.assertLess(text.find("cedar"), text.find("birch"))
        self.assertLess(text.find("birch"), text.find("alder"))

    def test_history_of_nothing_is_empty_and_not_an_error(self):
        self.assertEqual(self.history(), [])
        self.assertEqual(self.jobward("history").returncode, 0)

    def test_show_finds_a_run_by_id_by_unique_prefix_and_by_name(self):
        ids = self.three_runs()
        birch = ids[1]
        others = [other for other in ids if other != birch]
        prefix = next(birch[:length] for length in range(4, len(birch))
                      if not any(other.startswith(birch[:length]) for other in others))
        self.assertLess(len(prefix), len(birch))
        for key in (birch, prefix, "birch"):
            with self.subTest(key=key):
                shown = self.json_of("show", "--json", key)
                self.assertEqual((shown["run"], shown["outcome"], shown["exit_code"]), (birch, "failed", 42))
                text = self.jobward("show", key)
                self.assertEqual(text.returncode, 0, text)
                self.assertIn("failed", text.stdout.decode())
                self.assertIn("42", text.stdout.decode())

    def test_show_of_an_unknown_run_is_a_clear_error(self):
        self.three_runs()
        run = self.jobward("show", "no-such-run")
        self.assertIn(run.returncode, (1, 2))
        self.assertEqual(run.stdout, b"")
        self.assertIn("no-such-run", run.messages)

    def test_every_end_is_recorded_as_the_result_file_says(self):
        runs = [self.run_job(["/bin/sh", "-c", "exit 42"]), self.run_job(["/bin/sh", "-c", "kill -KILL $$"]),
                self.run_job(["no-such-command-here"]),
                self.run_job([self.sleeper, "100"], ["--mem", "1G", "--time", "1s"])]
        self.assertEqual([run.result["outcome"] for run in runs], ["failed", "signaled", "launch_failed", "wall_limit"])
        for run in runs:
            shown = self.json_of("show", "--json", run.result["run"])
            for key in ("run", "outcome", "exit_code", "started"):
                self.assertEqual(shown[key], run.result[key], key)

    def test_a_nested_run_knows_its_parent(self):
        inner = self.path("inner.json")
        outer = self.run_job([self.binary, "run", "--mem", "512M", "--result", inner, "--", "true"])
        self.assert_ok(outer)
        shown = self.json_of("show", "--json", self.load_result(inner)["run"])
        self.assertIn(outer.result["run"], str(shown))

    def test_the_claimed_actor_is_kept_and_marked_as_claimed(self):
        self.env["JOBWARD_ACTOR"] = '{"agent": "willow-agent", "conversation": "c-17"}'
        run = self.run_job(["true"])
        self.assert_ok(run)
        self.assertIn("willow-agent", str(run.result["actor"]))
        self.assertIn("claimed", str(run.result["actor"]))


@harness.needs_root
class Estimate(harness.JobwardTest):
    def estimate(self, command):
        answer = self.json_of("estimate", "--json", "--", *command)
        self.assertIn("schema_version", answer)
        runs = [leaf for path, leaf in harness.flatten(answer) if path.split(".")[-1] == "runs"]
        self.assertTrue(runs, f"no number of runs in {answer}")
        return answer, runs[0]

    def test_after_three_runs_the_estimate_covers_what_was_measured(self):
        command = self.job("touch_memory.py", 64, "--hold", 0.2)
        needs = []
        for limit in ("512M", "768M", "1G"):  # limits are never part of what makes runs alike
            run = self.run_job(command, ["--mem", limit])
            self.assert_ok(run)
            needs.append(run.result["usage"]["memory_need_bytes"])
        answer, runs = self.estimate(command)
        self.assertEqual(runs, 3)
        p99 = max(harness.numbers_at(answer, "mem", "p99"))
        self.assertGreaterEqual(p99, max(needs))
        self.assertLess(p99, 4 * max(needs), "a prediction, not a guess")
        self.assertGreater(max(harness.numbers_at(answer, "wall", "p50")), 0.2)
        self.assertIn("fits", str(answer))
        text = self.jobward("estimate", "--", *command)
        self.assertEqual(text.returncode, 0, text)
        self.assertRegex(text.stdout.decode(), r"\b3\b.*\bruns?\b")

    def test_estimate_without_history_says_so_and_records_nothing(self):
        _, runs = self.estimate(["true", "never-run-before"])
        self.assertEqual(runs, 0)
        self.assertEqual(self.history(), [])

    def test_a_run_that_hit_its_limit_teaches_that_more_is_needed(self):
        command = self.job("touch_memory.py", 200, "--hold", 10)
        for _ in range(2):
            run = self.run_job(command, ["--mem", "100M"])
            self.assert_outcome(run, "memory_limit", 137)
        answer, _ = self.estimate(command)
        self.assertGreater(max(harness.numbers_at(answer, "mem", "p99")), 100 * harness.MIB)


if __name__ == "__main__":
    harness.main()
