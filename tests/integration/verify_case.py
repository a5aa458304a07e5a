"""What the tests of `jobward verify` share: DuckDB's library, data made by it, contracts, reports."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys

import harness

ROOT = os.path.dirname(os.path.dirname(harness.HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
from duckdb_engine import Engine, EngineError, quoted  # noqa: E402,F401


def library():
    """The path of libduckdb.so: JOBWARD_TEST_DUCKDB, or fetched once into a cache by scripts/fetch-duckdb."""
    chosen = os.environ.get("JOBWARD_TEST_DUCKDB")
    if chosen:
        return chosen
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    target = os.path.join(cache, "jobward-tests", "duckdb")
    fetched = subprocess.run([os.path.join(ROOT, "scripts", "fetch-duckdb"), "--to", target],
                             capture_output=True, text=True)
    if fetched.returncode != 0:
        raise SystemExit("these tests need DuckDB's library, and scripts/fetch-duckdb cannot get it "
                         f"(set JOBWARD_TEST_DUCKDB to one that is here): {fetched.stderr}")
    return os.path.join(target, "libduckdb.so")


LIBRARY = library()


def toml(value):
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


class VerifyTest(harness.JobwardTest):
    def setUp(self):
        super().setUp()
        self.env["JOBWARD_DUCKDB"] = LIBRARY
        self.env["TMPDIR"] = self.path("spill")
        os.mkdir(self.env["TMPDIR"])
        self._engine = None

    def tearDown(self):
        if self._engine:
            self._engine.close()
        super().tearDown()
        self.assertEqual(os.listdir(self.env["TMPDIR"]), [], "something was left where spilling goes")

    # -- data

    def write(self, name, content):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return self.path(name)

    def sql(self, query):
        if not self._engine:
            self._engine = Engine(LIBRARY)
        return self._engine.rows(query)

    def make(self, name, select):
        """A file with the rows of a query; the format is that of the name."""
        options = {"parquet": "FORMAT parquet", "csv": "FORMAT csv, HEADER", "jsonl": "FORMAT json"}
        self.sql(f"COPY ({select}) TO {quoted(self.path(name))} ({options[name.rpartition('.')[2]]})")

    def make_sqlite(self, name, *statements):
        with contextlib.closing(sqlite3.connect(self.path(name))) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    # -- contracts

    def contract(self, datasets, checks, name="contract.toml", contract_id="demo"):
        """Writes one, of which nothing is on record. A check without a severity is HARD_FAIL; a dataset may be its
        path alone."""
        self.forget_baselines()
        lines = [f"id = {toml(contract_id)}"]
        for key, dataset in datasets.items():
            lines.append(f"[datasets.{key}]")
            dataset = dataset if isinstance(dataset, dict) else {"path": dataset}
            lines += [f"{option} = {toml(value)}" for option, value in dataset.items()]
        for key, check in checks.items():
            lines.append(f"[checks.{key}]")
            lines += [f"{option} = {toml(value)}" for option, value in {"severity": "HARD_FAIL", **check}.items()]
        return self.write(name, "\n".join(lines) + "\n")

    def forget_baselines(self):
        """These tests are about the checks: the guard (test_contract_guard) is not to hold one against another."""
        if not os.path.exists(harness.database(self.state)):
            return
        with contextlib.closing(sqlite3.connect(harness.database(self.state))) as connection:
            connection.execute("DROP TRIGGER IF EXISTS ledger_forgets_nothing")
            connection.execute("DELETE FROM ledger")
            connection.commit()

    def verify(self, *arguments, timeout=60, **popen):
        run = self.jobward("verify", "--json", *arguments, timeout=timeout, **popen)
        self.assertNotIn(b"internal error", run.stderr, run)
        run.json = harness.strict_json(run.stdout) if run.stdout else None
        if run.json:
            self.assertEqual(run.json["exit_code"], run.returncode, run)
        return run

    def check(self, datasets, check, **options):
        """The result of the one check on `datasets`."""
        run = self.verify(self.contract(datasets, {"one": check}), **options)
        self.assertTrue(run.json and run.json["reports"], run)
        result = run.json["reports"][0]["checks"][0]
        expected = {"passed": 0, "failed": 1 if result["severity_effective"] == "HARD_FAIL" else 0, "error": 2}
        self.assertEqual(run.returncode, expected[result["status"]], run)
        self.assertEqual(result["passed"], result["status"] == "passed")
        result["report"] = run.json["reports"][0]
        return result

    def assert_passed(self, result):
        self.assertEqual(result["status"], "passed", result["message"])

    def assert_failed(self, result, *words):
        self.assertEqual(result["status"], "failed", result["message"])
        for word in words:
            self.assertIn(word, result["message"])

    def assert_error(self, result, *words):
        self.assertEqual(result["status"], "error", result["message"])
        self.assertEqual(result["severity_effective"], "HARD_FAIL")
        for word in words:
            self.assertIn(word, result["message"])
