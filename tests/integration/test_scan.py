"""`jobward scan stubs`: functions that say they do something and do not, told by their exit status."""

import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness

GOOD = '''"""Writes files."""
import os
import tempfile


def _commit(fd, temporary, path):
    os.fsync(fd)
    os.replace(temporary, path)


def atomic_write(path, data):
    """Writes all of it or nothing."""
    fd, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        _commit(fd, temporary, path)


class Trainer:
    def checkpoint(self):
        atomic_write(self.path, self.state())

    def resume(self):
        with open(self.path) as file:
            self.load(file.read())
'''
MARKERS = ("--markers", "checkpoint,resume,atomic_write")


class Scan(harness.JobwardTest):
    def source(self, text, name="train.py"):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def scan(self, *arguments, status=0, markers=MARKERS):
        run = self.jobward("scan", "stubs", *markers, "--json", *arguments)
        self.assertEqual(run.returncode, status, run)
        report = harness.strict_json(run.stdout)
        self.assertEqual((report["schema_version"], report["passed"]), (1, status == 0))
        return report

    def reasons(self, report):
        return [fault["reason"] for entry in report["functions"] + report["markers_at_fault"]
                for fault in entry["faults"]]

    def test_real_functions_pass_and_a_stub_fails(self):
        self.source(GOOD)
        report = self.scan(".")
        self.assertEqual([(entry["marker"], entry["function"]) for entry in report["functions"]],
                         [("checkpoint", "Trainer.checkpoint"), ("resume", "Trainer.resume"),
                          ("atomic_write", "atomic_write")])
        self.source(GOOD.replace("    os.fsync(fd)\n", ""))
        self.assertEqual(self.reasons(self.scan(".", status=1)), ["unreached_calls"])
        self.source(GOOD.replace("atomic_write(self.path, self.state())", "print('saved')"))
        text = self.jobward("scan", "stubs", *MARKERS, "train.py")
        self.assertEqual(text.returncode, 1, text)
        self.assertIn(b"FAIL  checkpoint  train.py:21 Trainer.checkpoint: only_logs", text.stdout)

    def test_a_marker_that_nobody_carries_fails(self):
        self.source(GOOD)
        report = self.scan(".", status=1, markers=("--markers", "checkpoint,rollback"))
        self.assertEqual([entry["marker"] for entry in report["markers_at_fault"]], ["rollback"])
        self.assertEqual(self.reasons(report), ["missing"])

    def test_a_changed_body_fails_until_it_is_recorded_again(self):
        self.source(GOOD)
        os.mkdir(self.path("marks"))
        record = self.path("marks/stubs.json")
        self.assertEqual(self.scan("--record", record, ".")["recorded_to"], record)
        self.scan("--against", record, self.work)  # named otherwise
        self.source("# A comment.\n" + GOOD.replace('"wb"', "'wb'"))
        self.scan("--against", record, ".")
        changed = GOOD.replace("file.flush()", "file.flush(); file.tell()")
        self.source(changed)
        report = self.scan("--against", record, ".", status=1)
        self.assertEqual(self.reasons(report), ["calls_changed", "changed"])
        self.scan("--record", record, ".")
        self.scan("--against", record, ".")
        self.source(changed.replace("    def resume(self):", "    def restore(self):"))
        self.assertEqual(sorted(self.reasons(self.scan("--against", record, ".", status=1))),
                         ["gone", "missing"])

    def test_nothing_is_recorded_while_something_is_at_fault(self):
        self.source("def checkpoint():\n    pass\n")
        report = self.scan("--record", "r.json", ".", status=1, markers=("--markers", "checkpoint"))
        self.assertNotIn("recorded_to", report)
        self.assertFalse(os.path.exists(self.path("r.json")))

    def test_demands_decorators_and_known_stubs_can_be_told(self):
        self.source("import torch\nfrom lib import retry\n@retry(3)\ndef checkpoint(m):\n    torch.save(m, 'x')\n")
        one = ("--markers", "checkpoint")
        self.assertEqual(self.reasons(self.scan(".", status=1, markers=one)), ["replaced"])
        trust = ("--trust-decorators", "lib.retry")
        self.scan(*trust, "--require", "checkpoint=torch.save|.save", ".", markers=one)
        self.assertEqual(self.reasons(self.scan(*trust, "--require", "checkpoint=os.fsync", ".", status=1, markers=one)),
                         ["unreached_calls"])
        os.mkdir(self.path("known"))
        self.source("def any_name(m):\n    torch.save(m,\n        \"x\")\n", "known/stubs.py")
        self.assertEqual(self.reasons(self.scan(*trust, "--known-stubs", "known/stubs.py", "train.py", status=1,
                                                markers=one)), ["known_stub"])

    def test_what_cannot_be_judged_is_never_passed(self):
        good = self.source(GOOD)
        self.source("def f(:\n", "broken.py")
        with open(self.path("latin.py"), "wb") as file:
            file.write(b"x = '\xe4'\n")
        os.symlink("loop.py", self.path("loop.py"))
        os.mkfifo(self.path("pipe.py"))
        with open(self.path("large.py"), "wb") as file:
            file.write(b"x = 1\n" * (10 * 1024 * 1024 // 6))
        with open(self.path("deep.py"), "w") as file:
            file.write("x = " + "(" * 200000 + ")" * 200000 + "\n")
        report = self.scan(".", status=2)
        problems = {os.path.basename(entry["file"]): entry["message"] for entry in report["problems"]}
        self.assertEqual(sorted(problems), ["broken.py", "deep.py", "large.py", "latin.py", "loop.py", "pipe.py"])
        self.assertIn("syntax", problems["broken.py"])
        self.assertIn("nested", problems["deep.py"])
        self.assertIn("2097152", problems["large.py"])
        self.assertEqual(self.reasons(report), [], "the good file was judged")
        for path in ("nowhere", "broken.py", "loop.py", "pipe.py"):
            self.scan(good, path, status=2)
        os.mkdir(self.path("nothing"))
        self.assertIn("no *.py", self.scan("nothing", status=2)["problems"][0]["message"])

    def test_directories_are_walked_once_and_what_is_left_out_is_told(self):
        self.source(GOOD, "src/train.py")
        os.symlink(self.path("src"), self.path("src/again"))
        os.symlink("train.py", self.path("src/same.py"))
        for name in (".git", "node_modules"):
            self.source("def checkpoint():\n    pass\n", f"src/{name}/x.py")
        self.source("def checkpoint():\n    pass\n", "src/env/x.py")
        self.source("", "src/env/pyvenv.cfg")
        report = self.scan("src", "src/train.py")
        self.assertEqual((report["files"], len(report["left_out"])), (1, 4))

    def test_an_unreadable_file_is_a_problem(self):
        self.source(GOOD)
        self.source(GOOD, "secret.py")
        os.chmod(self.path("secret.py"), 0)
        if os.geteuid() == 0:
            self.prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
            self.binary = os.path.join(self.tmp, "jobward")
            with open(harness.BINARY, "rb") as source, open(self.binary, "wb") as target:
                target.write(source.read())
            os.chmod(self.binary, 0o755)
        report = self.scan(".", status=2)
        self.assertEqual([os.path.basename(entry["file"]) for entry in report["problems"]], ["secret.py"])

    def test_hostile_names_are_shown_safely(self):
        self.source("def checkpoint():\n    pass\n", "a\x1b[31m\n.py")
        run = self.jobward("scan", "stubs", "--markers", "checkpoint", ".")
        self.assertEqual(run.returncode, 1, run)
        self.assert_printable(run.stdout)

    def test_usage_errors_are_2(self):
        self.source(GOOD)
        for arguments in ((), ("stubs",), ("stubs", "."), ("stubs", *MARKERS), ("stubs", "--markers", "a-b", "."),
                          ("stubs", *MARKERS, "--require", "checkpoint", "."),
                          ("stubs", *MARKERS, "--require", "other=x", "."),
                          ("stubs", *MARKERS, "--max-bytes", "0", "."),
                          ("stubs", *MARKERS, "--against", "nowhere", "."),
                          ("stubs", *MARKERS, "--against", "train.py", "."),
                          ("stubs", *MARKERS, "--record", "a", "--against", "b", "."),
                          ("stubs", *MARKERS, ".", "--", "true"), ("other",)):
            with self.subTest(arguments=arguments):
                run = self.jobward("scan", *arguments)
                self.assertEqual((run.returncode, run.stdout), (2, b""), run)
                self.assertTrue(run.messages.startswith("jobward"), run)


if __name__ == "__main__":
    harness.main()
