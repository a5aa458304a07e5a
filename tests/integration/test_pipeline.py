"""examples/pipeline: once clean, once with each defect, once with each trick, each ending as it should."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import verify_case

RUN_ALL = os.path.join(verify_case.ROOT, "examples", "pipeline", "run_all.py")


class Pipeline(harness.JobwardTest):
    def scenario(self, name):
        env = {**self.env, "JOBWARD_BINARY": self.binary, "JOBWARD_DUCKDB": verify_case.LIBRARY, "TMPDIR": self.path(".")}
        done = self.finish(self.spawn([sys.executable, RUN_ALL, name], env=env), timeout=120)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(b"as it should", done.stdout)
        self.assertEqual(os.listdir(self.path(".")), [], "something was left")


for name in ("clean", "schema", "rows", "keys", "nulls", "downgrade", "cap", "stub", "stamp"):
    setattr(Pipeline, f"test_{name}", lambda self, name=name: self.scenario(name))


if __name__ == "__main__":
    harness.main()
