"""`jobward stamp`: what an agent would try to make an old or failed audit count."""

import contextlib
import json
import os
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness

AUDIT = "import sys\nprint('rows', len(open('data.csv').readlines()))\nsys.exit('bad' in open('data.csv').read())\n"


class Stamp(harness.JobwardTest):
    def setUp(self):
        super().setUp()
        self.project = self.path("project")
        os.makedirs(self.project + "/.git")
        self.write("audit.py", AUDIT)
        self.write("data.csv", "a\n1\n")

    def write(self, name, text, project=None):
        with open(os.path.join(project or self.project, name), "w") as file:
            file.write(text)

    def make(self, name="rows", command=("python3", "audit.py"), inputs=("data.csv",), status=0, **popen):
        run = self.jobward("stamp", "make", name, *(["--inputs", *inputs] if inputs else []), "--", *command,
                           **{"cwd": self.project, **popen})
        self.assertEqual(run.returncode, status, run)
        return run

    def check(self, *arguments, holds=True, name="rows", why="", **popen):
        run = self.jobward("stamp", "check", name, "--json", *arguments, **{"cwd": self.project, **popen})
        self.assertEqual(run.returncode, 0 if holds else 1, run)
        report = harness.strict_json(run.stdout)
        self.assertEqual((report["schema_version"], report["holds"]), (1, holds))
        self.assertIn(why, "\n".join(report["objections"]))
        return report

    def test_an_audit_that_passed_holds_and_is_a_run(self):
        run = self.make()
        self.assertEqual(run.stdout, b"rows 2\n")
        report = self.check()
        self.check("--max-age", "1h")
        self.check("--", "python3", "audit.py")
        self.check("--", "python3", "audit.py", "-x", holds=False, why="another command")
        runs = self.history()
        self.assertEqual([(entry["run"], entry["name"]) for entry in runs], [(report["run"], "stamp-rows")])
        predicate = report["statement"]["predicate"]
        self.assertEqual((report["statement"]["_type"], predicate["result"], predicate["jobward"]["exit"]),
                         ("https://in-toto.io/Statement/v1", "PASSED", 0))
        self.assertEqual([entry["name"] for entry in report["statement"]["subject"]], ["data.csv"])
        subdirectory = self.project + "/sub"
        os.mkdir(subdirectory)
        self.check(cwd=subdirectory)

    def test_a_failed_audit_is_stamped_as_failed(self):
        self.make()
        self.write("data.csv", "bad\n")
        self.make(status=1)
        self.check(holds=False, why="did not pass")
        self.write("data.csv", "a\n1\n")
        self.check(holds=False, why="did not pass")
        self.make()
        self.check()

    def test_touching_files_neither_ends_nor_renews_it(self):
        self.make()
        past = time.time() - 10 * 86400
        os.utime(self.project + "/data.csv", (past, past))
        self.check()
        self.write("data.csv", "a\n2\n")
        os.utime(self.project + "/data.csv", (past, past))
        self.check(holds=False, why="data.csv has changed")

    def test_a_changed_script_ends_it(self):
        self.make()
        self.write("audit.py", AUDIT + "\n")
        self.check(holds=False, why="audit.py has changed")

    def test_another_interpreter_ends_it(self):
        self.make()
        os.mkdir(self.path("bin"))
        with open(self.path("bin/python3"), "w") as file:
            file.write("#!/bin/sh\nexit 0\n")
        os.chmod(self.path("bin/python3"), 0o755)
        self.env["PATH"] = self.path("bin") + ":" + self.env["PATH"]
        self.check(holds=False, why="is another now")

    def test_it_expires(self):
        self.make()
        harness.wait_until(lambda: self.jobward("stamp", "check", "rows", "--max-age", "500ms",
                                                cwd=self.project).returncode == 1, "it is too old", 10)
        self.check("--max-age", "200ms", holds=False, why="--max-age")
        self.check("--max-age", "1h")

    def test_there_is_none(self):
        self.check(holds=False, why="there is no stamp")

    def test_that_of_another_project_does_not_count(self):
        self.make()
        other = self.path("other")
        os.makedirs(other + "/.git")
        self.write("audit.py", AUDIT, other)
        self.write("data.csv", "a\n1\n", other)
        self.check(holds=False, why="there is no stamp", cwd=other)
        self.forge(lambda body: body.update(project=other))
        self.check(holds=False, why="another project", cwd=other)

    def forge(self, change, kind="stamp"):
        """Writes into the store what somebody could who has its uid, but not its key."""
        with contextlib.closing(sqlite3.connect(harness.database(self.state))) as store:
            seq, body = store.execute("SELECT seq, body FROM ledger WHERE kind LIKE ? ORDER BY seq DESC", (kind,)).fetchone()
            body = json.loads(body)
            change(body)
            for trigger in store.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
                store.execute(f"DROP TRIGGER {trigger[0]}")
            store.execute("UPDATE ledger SET body=? WHERE seq=?",
                          (json.dumps(body, sort_keys=True, separators=(",", ":")), seq))
            store.commit()

    def test_an_edited_stamp_is_not_signed(self):
        import base64
        self.write("data.csv", "bad\n")
        self.make(status=1)

        def pass_it(body):
            details = json.loads(body["details"]) if isinstance(body["details"], str) else body["details"]
            envelope = json.loads(details["envelope"])
            statement = json.loads(base64.b64decode(envelope["payload"]))
            statement["predicate"]["result"] = "PASSED"
            statement["predicate"]["jobward"].update(outcome="ok", exit=0)
            envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
            details["envelope"] = json.dumps(envelope, sort_keys=True, separators=(",", ":"))
            body["details"] = json.dumps(details) if isinstance(body["details"], str) else details
        self.forge(pass_it)
        self.check(holds=False, why="not signed")

    def test_a_clock_set_back_is_noticed(self):
        self.make()
        # The ledger remembers a later time than the clock shows: the same as a clock set back.
        self.forge(lambda body: body.update(time_ms=body["time_ms"] + 86400000), kind="%")
        self.check("--max-age", "1h", holds=False, why="set back")

    def test_a_run_that_requires_it_is_refused_and_that_is_on_record(self):
        self.make()
        run = self.run_job(["true"], ["--mem", "64M", "--require-stamp", "rows"], cwd=self.project)
        self.assert_ok(run)
        self.assert_outcome(self.run_job(["true"], ["--mem", "64M", "--require-stamp", "rows", "--stamp-max-age", "1ms"],
                                         cwd=self.project), "refused", 77)
        self.write("data.csv", "bad\n")
        run = self.run_job(["true"], ["--mem", "64M", "--require-stamp", "rows"], cwd=self.project)
        self.assert_outcome(run, "refused", 77)
        self.assertEqual([(one["source"], one["check"]) for one in run.result["findings"]], [("stamp", "rows")])
        entries = self.json_of("ledger", "--json", "--run", run.result["run"])["entries"]
        self.assertEqual([(one["source"], one["check"], one["severity"]) for one in entries],
                         [("stamp", "rows", "HARD_FAIL")])

    def test_another_audit_under_its_name_is_another_stamp(self):
        os.makedirs(self.project + "/.jobward")
        self.write(".jobward/policy.toml", "[guard]\nchecks = true\n")
        self.make()
        options = ["--mem", "64M", "--require-stamp", "rows"]
        self.assert_ok(self.run_job(["true"], options, cwd=self.project))
        self.make(command=("echo",), inputs=())
        run = self.run_job(["true"], options, cwd=self.project)
        self.assert_outcome(run, "refused", 77)
        self.assertIn("rows (audit ", run.result["cause"])
        self.make()
        self.assert_ok(self.run_job(["true"], options, cwd=self.project))

    def test_an_input_that_changes_meanwhile_is_no_stamp(self):
        self.write("audit.py", "open('data.csv', 'a').write('2\\n')\n")
        run = self.make(status=2)
        self.assertIn("changed while the audit ran", run.messages)
        self.check(holds=False, why="there is no stamp")

    def test_what_cannot_be_run_is_no_stamp(self):
        self.make(command=("nowhere-to-be-found",), status=2)
        self.make(inputs=("missing.csv",), status=2)
        self.make(inputs=(".",), status=2)
        self.make(name="../x", status=2)
        run = self.jobward("stamp", "make", "rows", cwd=self.project)
        self.assertEqual(run.returncode, 2, run)
        self.assertEqual(self.jobward("stamp", "check", "rows", "--max-age", "x", cwd=self.project).returncode, 2)

    def test_a_run_can_require_it(self):
        refused = self.run_job(["touch", "made"], ("--mem", "1G", "--require-stamp", "rows"), cwd=self.project)
        self.assert_outcome(refused, "refused", 77)
        self.assertIn("rows", refused.result["cause"])
        self.assertFalse(os.path.exists(self.project + "/made"), "the job was not started")
        self.make()
        self.assert_ok(self.run_job(["touch", "made"], ("--mem", "1G", "--require-stamp", "rows"), cwd=self.project))
        self.write("data.csv", "a\n9\n")
        refused = self.run_job(["touch", "made"], ("--mem", "1G", "--require-stamp", "rows"), cwd=self.project)
        self.assert_outcome(refused, "refused", 77)
        self.assertIn("data.csv has changed", refused.result["cause"])


if __name__ == "__main__":
    harness.main()
