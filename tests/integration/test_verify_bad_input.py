"""Contracts and data that are wrong: each is named with file and line, and nothing of it passes."""

import os
import struct
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from verify_case import LIBRARY, VerifyTest

HEAD = 'id = "demo"\n[datasets.t]\npath = "t.csv"\n[checks.one]\n'
CHECK = 'type = "unique"\nseverity = "HARD_FAIL"\ndataset = "t"\ncolumns = "a"\n'


class Contracts(VerifyTest):
    def assert_refused(self, text, *words, name="c.toml"):
        self.write("t.csv", "a\n1\n")
        run = self.verify(self.write(name, text))
        self.assertEqual(run.returncode, 2, run)
        self.assertEqual(run.json["reports"], [], "nothing was checked")
        for word in words:
            self.assertIn(word, run.json["error"])
        self.assert_printable(run.stderr)

    def test_unknown_keys(self):
        self.assert_refused(HEAD + CHECK + "toleranse = 1\n", "c.toml:9", "unknown key", "did you mean tolerance?")
        self.assert_refused(HEAD.replace("path", "pth") + CHECK, "c.toml:3", "did you mean path?")
        self.assert_refused("idd = \"x\"\n" + HEAD + CHECK, "c.toml:1", "did you mean id?")

    def test_severities_are_exactly_three_words(self):
        for word in ("warn", "HARDFAIL", "hard_fail", "ERROR", "", "WARN "):
            with self.subTest(word=word):
                self.assert_refused(HEAD + CHECK.replace("HARD_FAIL", word), "c.toml:6", "severity")
        self.assert_refused(HEAD + CHECK.replace('severity = "HARD_FAIL"\n', ""), "c.toml:4", "severity: it is missing")

    def test_two_checks_of_one_id(self):
        self.assert_refused(HEAD + CHECK + "[checks.one]\n" + CHECK, "c.toml:9")
        self.assert_refused('{"id": "x",\n "checks": {"a": {}, "a": {}}}', "#/checks/a", "twice", name="c.json")

    def test_unknown_datasets_and_checks(self):
        self.assert_refused(HEAD + CHECK.replace('"t"', '"tt"'), "c.toml:7", "there is no dataset tt", "did you mean t?")
        self.assert_refused(HEAD + CHECK.replace("unique", "uniqe"), "c.toml:5", "did you mean unique?")

    def test_values_of_the_wrong_kind(self):
        self.assert_refused(HEAD + CHECK + "tolerance = 0.5\n", "c.toml:9", "tolerance")
        self.assert_refused(HEAD + CHECK.replace('"a"', "1"), "c.toml:8", "columns")
        self.assert_refused('id = "x"\n', "no checks")
        self.assert_refused("", "id: it is missing")
        self.assert_refused("not toml", "c.toml:1")
        self.assert_refused("{", "parse error", name="c.json")
        self.assert_refused("[" * 100000, name="c.json")

    def test_what_counts_as_null_must_be_said(self):
        check = CHECK.replace("unique", "null_rate_ceiling") + "ceiling = 0\n"
        self.assert_refused(HEAD + check, "what counts as null")

    def test_a_contract_that_is_not_there(self):
        run = self.verify(self.path("none.toml"))
        self.assertEqual(run.returncode, 2, run)
        self.assertIn("none.toml", run.json["error"])


class Data(VerifyTest):
    UNIQUE = {"type": "unique", "dataset": "t", "columns": "a"}

    def unique(self, path="t.csv", **dataset):
        return self.check({"t": {"path": path, **dataset}}, self.UNIQUE)

    def test_a_column_that_is_not_there(self):
        self.write("t.csv", "aa\n1\n")
        self.assert_error(self.unique(), "no such column", "did you mean aa?")

    def test_an_error_halts_whatever_the_severity(self):
        self.write("t.csv", "b\n1\n")
        result = self.check({"t": "t.csv"}, {**self.UNIQUE, "severity": "INFO"})
        self.assert_error(result)
        self.assertEqual(result["severity"], "INFO")

    def test_a_pattern_that_matches_nothing(self):
        self.assert_error(self.unique("none-*.csv"), "no file matches")
        self.assert_error(self.unique("none.csv"), "none.csv")

    def test_ragged_lines_are_named(self):
        self.write("t.csv", "a,b\n1,2\n3,4,5\n")
        self.assert_error(self.unique(), "t.csv", "Line: 3")
        self.write("t.csv", "a,b\n" + "1,2\n" * 50000 + "3\n")
        self.assert_error(self.unique(), "Line: 50002")

    def test_a_later_value_of_another_type(self):
        self.write("t.csv", "a\n" + "".join(f"{i}\n" for i in range(50000)) + "x\n")
        self.assert_error(self.unique(), "50002")
        schema = {"type": "schema_match", "dataset": "t", "columns": {"a": "integer"}}
        self.assert_error(self.check({"t": "t.csv"}, schema), "50002")

    def test_mixed_types_across_files(self):
        self.make("p1.parquet", "SELECT 1::BIGINT a")
        self.make("p2.parquet", "SELECT '2' a")
        self.assert_error(self.unique("p*.parquet"), "column a is BIGINT in p1.parquet and VARCHAR in p2.parquet")
        schema = {"type": "schema_match", "dataset": "t", "columns": {"a": "integer"}}
        self.assert_failed(self.check({"t": "p*.parquet"}, schema), "p2.parquet")
        self.write("c1.csv", "a\n1\n")
        self.write("c2.csv", "b\n1\n")
        self.assert_error(self.unique("c*.csv"), "c2.csv")

    def test_ten_thousand_columns(self):
        self.write("t.csv", ",".join(f"c{i}" for i in range(10000)) + "\n" + ",".join(["1"] * 10000) + "\n")
        check = {"type": "null_rate_ceiling", "dataset": "t", "pattern": "c*", "ceiling": 0, "counts": ["NULL"]}
        self.assert_passed(self.check({"t": "t.csv"}, check, timeout=120))

    def test_empty_files(self):
        self.write("t.csv", "")
        self.assert_error(self.unique(), "it is empty")
        self.write("t.csv", "a\n")
        self.assert_failed(self.unique(), "has no rows")
        self.assert_passed(self.unique(allow_empty=True))

    def test_a_parquet_file_cut_short(self):
        self.make("t.parquet", "SELECT i a FROM range(1000) r(i)")
        content = harness.read_bytes(self.path("t.parquet"))
        self.write("t.parquet", content[:-100])
        self.assert_error(self.unique("t.parquet"), "t.parquet")

    def test_bytes_that_are_no_utf8(self):
        self.write("t.csv", b"a,b\n1,x\n2,\xff\xfe\n3,z\n")
        check = {"type": "unique", "dataset": "t", "columns": "b"}
        self.assert_error(self.check({"t": "t.csv"}, check), "t.csv", "utf-8")
        self.assert_passed(self.check({"t": {"path": "t.csv", "encoding": "latin-1"}}, check))

    def test_names_that_differ_only_in_case(self):
        self.write("t.csv", "A,a\n1,1\n1,2\n")
        self.assert_passed(self.unique())
        self.assert_failed(self.check({"t": "t.csv"}, {**self.UNIQUE, "columns": "A"}))

    def test_broken_json_lines(self):
        self.write("t.jsonl", '{"a": 1}\n{"a":\n')
        self.assert_error(self.unique("t.jsonl"), "t.jsonl")

    def test_broken_sqlite(self):
        self.write("t.db", b"SQLite format 3\0" + struct.pack("B", 7) * 5000)
        self.assert_error(self.unique("t.db", table="t"), "t.db")
        self.make_sqlite("u.db", "CREATE TABLE t(a INTEGER)", "INSERT INTO t VALUES (1), ('x')")
        self.assert_error(self.unique("u.db", table="t"), "row 2", "another kind")
        self.assert_error(self.unique("u.db", table="none"), "no table none")

    def test_a_directory_and_a_fifo(self):
        os.mkdir(self.path("d.csv"))
        self.assert_error(self.unique("d.csv"), "directory")
        os.mkfifo(self.path("f.csv"))
        self.assert_error(self.unique("f.csv"), "no regular file")


class EngineFile(VerifyTest):
    def setUp(self):
        super().setUp()
        self.write("t.csv", "a\n1\n")
        self.rows = self.contract({"t": "t.csv"}, {"one": {"type": "row_count_parity", "dataset": "t", "equal": 1}})

    def test_without_the_library_it_says_what_to_install(self):
        self.env["JOBWARD_DUCKDB"] = ""
        self.env["HOME"] = self.env["XDG_DATA_HOME"] = self.work
        run = self.jobward("verify", self.rows)
        if run.returncode == 0:
            self.skipTest("a system-wide libduckdb is installed here")
        self.assertEqual(run.returncode, 2, run)
        self.assertIn("fetch-duckdb", run.messages)

    def test_a_library_that_others_can_write_is_refused(self):
        copy = self.path("libduckdb.so")
        os.symlink(LIBRARY, self.path("link.so"))
        self.write("libduckdb.so", b"not loaded")
        for mode in (0o666, 0o664):
            os.chmod(copy, mode)
            self.env["JOBWARD_DUCKDB"] = copy
            run = self.jobward("verify", self.rows)
            self.assertEqual(run.returncode, 2, run)
            self.assertIn("can be written by others", run.messages)
        os.chmod(copy, 0o644)
        os.chmod(self.work, 0o777)
        self.assertIn("can be written by others", self.jobward("verify", self.rows).messages)
        os.chmod(self.work, 0o755)
        self.env["JOBWARD_DUCKDB"] = self.path("link.so")
        self.assertEqual(self.jobward("verify", self.rows).returncode, 0)

    def test_too_little_memory_is_a_usage_error(self):
        run = self.jobward("verify", "--memory", "1M", self.rows)
        self.assertEqual(run.returncode, 2, run)
        self.assertIn("128 MiB", run.messages)

    def test_an_interrupt_leaves_nothing_behind(self):
        self.make("l.parquet", "SELECT i k FROM range(20000000) r(i)")
        contract = self.contract({"l": "l.parquet"}, {"one": {"type": "unique", "dataset": "l", "columns": "k"}})
        process = self.spawn([self.binary, "verify", "--memory", "200M", contract])
        harness.wait_until(lambda: os.listdir(self.env["TMPDIR"]), "it has begun")
        time.sleep(0.2)  # in the middle, at best; the end must be the same anywhere
        process.terminate()
        run = self.finish(process)
        self.assertIn(run.returncode, (-15, 0), run)


if __name__ == "__main__":
    harness.main()
