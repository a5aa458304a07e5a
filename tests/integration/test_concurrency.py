"""Several runs at once, runs inside runs, and nothing left of any of them."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness

# Says that it is here, then waits until so many are: passes only when all of them run at the same time.
MEET = 'mkdir -p "$0" && echo $$ > "$0/$1"; until [ "$(ls "$0" | wc -l)" -ge "$2" ]; do sleep 0.05; done'


class AtOnce(harness.JobwardTest):
    def start_meeting(self, count):
        return [self.start_run(["--mem", "64M"], ["/bin/sh", "-c", MEET, self.path("here"), str(number), str(count)])
                for number in range(count)]

    def assert_all_recorded(self, processes):
        runs = [self.finish(process, timeout=45) for process in processes]
        for run in runs:
            self.assert_ok(run)
            self.assertIs(run.result["recorded"], True)
        ids = {run.result["run"] for run in runs}
        self.assertEqual(len(ids), len(processes), "ids are unique")
        for run_id in ids:
            self.assertEqual(self.json_of("show", "--json", run_id)["outcome"], "ok")

    def test_two_runs_at_once(self):
        self.assert_all_recorded(self.start_meeting(2))
        self.assertEqual(len(self.history()), 2)

    def test_twenty_runs_at_once_from_the_very_first_database_on(self):
        self.assert_all_recorded(self.start_meeting(20))

    def test_history_can_be_read_while_runs_are_going_on(self):
        process = self.start_run(["--mem", "64M"], self.waiting_job())
        harness.wait_for_pid(self.path("pid"))
        rows = self.history()
        self.assertEqual(len(rows), 1)
        self.assertNotIn(rows[0].get("outcome"), ("ok", "failed"), "it has not ended")
        self.touch("finish")
        self.assert_ok(self.finish(process))
        self.assertEqual(self.history()[0]["outcome"], "ok")

    def test_a_reader_that_holds_the_database_open_does_not_stop_a_run(self):
        import contextlib
        import sqlite3
        self.assert_ok(self.run_job(["true"]))
        with contextlib.closing(sqlite3.connect(harness.database(self.state))) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_master").fetchall()
            self.assert_ok(self.run_job(["true"]))
        self.assertEqual(len(self.history()), 2)


class Nested(harness.JobwardTest):
    def test_three_deep_passes_the_status_and_records_each(self):
        inner = self.job("describe_self.py", self.path("me.json"))
        results = [self.path(f"level-{level}.json") for level in (2, 3)]
        run = self.run_job([self.binary, "run", "--mem", "256M", "--result", results[0], "--",
                            self.binary, "run", "--mem", "128M", "--result", results[1], "--",
                            "/bin/sh", "-c", '"$@"; exit 42', "sh", *inner], ["--mem", "512M"])
        self.assert_outcome(run, "failed", 42)
        ids = [run.result["run"]] + [self.load_result(path)["run"] for path in results]
        self.assertEqual(len(set(ids)), 3)
        self.assertEqual({row["run"] for row in self.history()}, set(ids))
        me = harness.strict_json(harness.read_bytes(self.path("me.json")))
        own = [entry for entry in map(bytes.fromhex, me["environ"]) if entry.startswith(b"JOBWARD_RUN_ID=")]
        self.assertEqual(own, [b"JOBWARD_RUN_ID=" + ids[2].encode()], "one id, the innermost")
        if os.geteuid() == 0:
            memory = next(line for line in me["cgroups"] if ":memory:" in line).split("/")
            positions = [memory.index(run_id) for run_id in ids]
            self.assertEqual(positions, sorted(positions), "each inside the one before")
            limits = [level.get("memory.limit_in_bytes") for level in me["memory_limits"]]
            for mib in (128, 256, 512):
                self.assertIn(mib * harness.MIB, limits)

    @harness.needs_root
    def test_an_inner_hog_ends_the_inner_run_only(self):
        inner = self.path("inner.json")
        hog = self.job("touch_memory.py", 300, "--hold", 10)
        run = self.run_job(["/bin/bash", "-c", '"$@"; echo "inner=$?"', "bash", self.binary, "run", "--mem", "100M",
                            "--result", inner, "--", *hog], ["--mem", "1G"])
        self.assert_ok(run)
        self.assertEqual(run.stdout, b"inner=137\n")
        self.assertEqual(self.load_result(inner)["outcome"], "memory_limit")

    def test_the_outer_wall_limit_ends_the_inner_run(self):
        inner = self.path("inner.json")
        run = self.run_job([self.binary, "run", "--mem", "128M", "--result", inner, "--", self.sleeper, "100"],
                           ["--mem", "512M", "--time", "1s"])
        self.assert_outcome(run, "wall_limit", 124)
        self.assertEqual(harness.describe(harness.survivors(self.tmp)), [])


class NothingLeft(harness.JobwardTest):
    def test_processes_that_try_to_escape_are_dead_after_the_run(self):
        run = self.run_job(self.job("leave_behind.py", self.work, self.sleeper))
        self.assert_ok(run)
        self.assertLess(run.seconds, 10)
        for name in ("left-nohup", "left-setsid", "left-stubborn", "left-daemon"):
            self.assertTrue(harness.is_dead(harness.wait_for_pid(self.path(name))), name)

    def test_leftovers_that_hold_the_output_open_do_not_hold_up_the_caller(self):
        run = self.run_job(["/bin/sh", "-c", '"$0" 1000 & setsid "$0" 1000 & echo done', self.sleeper])
        self.assert_ok(run)
        self.assertEqual(run.stdout, b"done\n")
        self.assertLess(run.seconds, 10)

    def test_a_thousand_processes_are_gone_after_the_run(self):
        script = 'i=0; while [ $i -lt 1000 ]; do "$0" 1000 & i=$((i+1)); done; exit 7'
        run = self.run_job(["/bin/sh", "-c", script, self.sleeper], ["--mem", "1G"])
        self.assert_outcome(run, "failed", 7)
        self.assertEqual(len(harness.survivors(self.tmp)), 0)

    def test_the_cgroup_exists_while_the_job_runs_and_is_gone_afterwards(self):
        process = self.start_run(["--mem", "64M"], self.waiting_job())
        job = harness.wait_for_pid(self.path("pid"))
        environment = harness.proc_bytes(job, "environ").split(b"\0")
        run_id = next(entry for entry in environment if entry.startswith(b"JOBWARD_RUN_ID=")).decode().partition("=")[2]
        if os.geteuid() == 0:
            self.assertNotEqual(harness.cgroup_directories(run_id), [])
        self.touch("finish")
        run = self.finish(process)
        self.assert_ok(run)
        self.assertEqual(run.result["run"], run_id)
        self.assertEqual(harness.cgroup_directories(run_id), [])

    def test_no_zombie_and_no_helper_of_ours_outlives_the_run(self):
        for command in (["true"], ["no-such-command-here"], ["/bin/sh", "-c", "kill -KILL $$"]):
            self.run_job(command)
        self.assertEqual(harness.describe(harness.survivors(self.tmp)), [])


if __name__ == "__main__":
    harness.main()
