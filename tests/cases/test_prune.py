"""`jobward history --prune`: old runs and their logs go; what was learned, and what is promised, stays."""

import os

from harness import ROOMY, strict_json
from test_detached import DetachedCase
from variants import FRONT_END, only_on


@only_on("hybrid", "unified", because=FRONT_END)
class Prune(DetachedCase):
    ALL = ("--keep", "0s", "--keep-runs", "0")

    def ended(self, command, times):
        """Detached runs that have ended, with something in their logs; their ids."""
        runs = [self.detach(command, *ROOMY) for _ in range(times)]
        self.assertEqual(self.wait_for(*runs), 0)
        return runs

    def prune(self, *options):
        run = self.jobward("history", "--prune", *options)
        self.assertEqual(run.returncode, 0, run)
        return run.stdout.decode()

    def on_record(self):
        return {row["run"] for row in self.json_of("history", "--json")["runs"]}

    def logs(self):
        return set(os.listdir(self.path("state/logs")))

    def estimate(self, command):
        run = self.jobward("estimate", "--json", "--", *command)
        answer = strict_json(run.stdout)
        return answer["estimate"], answer["limit"]

    def test_old_runs_and_their_logs_go_and_the_newest_of_each_command_stay(self):
        many, other = self.ended(self.sh("echo many"), 4), self.ended(self.sh("echo other"), 1)
        self.assertEqual(self.logs(), {*many, *other})
        self.assertIn("2 runs removed", self.prune("--keep", "0s", "--keep-runs", "2"))
        left = {*many[-2:], *other}
        self.assertEqual(self.on_record(), left)
        self.assertEqual(self.logs(), left)
        self.assertEqual(self.jobward("logs", other[0]).stdout, b"other\n")
        gone = self.jobward("show", many[0])
        self.assertNotEqual(gone.returncode, 0)
        self.assertIn(many[0], gone.messages)

    def test_runs_that_differ_in_a_number_only_are_of_one_kind(self):
        runs = [self.run_job(["/bin/echo", str(number)], *ROOMY).result["run"] for number in range(4)]
        self.assertIn("3 runs removed", self.prune("--keep", "0s", "--keep-runs", "1"))
        self.assertEqual(self.on_record(), {runs[-1]})

    def test_what_is_younger_stays(self):
        runs = self.ended(self.sh("echo young"), 5)
        for options in ((), ("--keep", "1h", "--keep-runs", "0")):
            self.assertIn("0 runs removed", self.prune(*options))
        self.assertEqual(self.on_record(), set(runs))

    def test_what_was_learned_stays(self):
        command = self.needs(40)
        for _ in range(3):
            self.assert_outcome(self.run_job(command, *ROOMY), "ok", 0)
        before = self.estimate(command)
        self.assertGreater(before[0]["runs"], 2)
        self.assertIn("3 runs removed", self.prune(*self.ALL))
        self.assertEqual(self.on_record(), set())
        self.assertEqual(self.estimate(command), before)
        self.assert_outcome(self.run_job(command), "ok", 0)

    def test_what_goes_on_stays(self):
        process = self.start(self.holder("job"), *ROOMY)
        run = self.wait_for_file("job")
        self.assertIn("0 runs removed", self.prune(*self.ALL))
        self.assertIn(run, self.listed())
        self.end("job")
        self.assert_outcome(self.finish(process), "ok", 0)
        self.assertEqual(self.show(run)["outcome"], "ok")

    def test_a_run_whose_request_id_is_known_stays(self):
        request = lambda: self.run_job(self.counted(3), *ROOMY, "--request-id", "ticket-7")
        first = request()
        self.assertIn("0 runs removed", self.prune(*self.ALL))
        self.assertEqual((request().result["run"], self.lines_of("count")), (first.result["run"], ["once"]))
        self.configure('[admission]\nrequest_ids = "0s"\n')
        self.assertIn("1 runs removed", self.prune(*self.ALL))
