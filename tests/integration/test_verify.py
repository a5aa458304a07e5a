"""`jobward verify`: each primitive passes what it should, fails what it should, and says how much."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from verify_case import VerifyTest


class Schema(VerifyTest):
    SELECT = "SELECT 1::BIGINT id, 'x' AS name, 1.5::DOUBLE score, NULL::INTEGER gone"

    def schema(self, columns, file="t.parquet", **options):
        self.make(file, self.SELECT)
        return self.check({"t": file}, {"type": "schema_match", "dataset": "t", "columns": columns, **options})

    def test_names_and_families_match(self):
        columns = {"id": "integer", "name": "text", "score": "float", "gone": "INTEGER"}
        self.assert_passed(self.schema(columns))
        self.assert_passed(self.schema({**columns, "gone": "any"}, file="t.csv"))

    def test_missing_extra_and_mismatched_are_reported_apart(self):
        result = self.schema({"id": "VARCHAR", "nam": "text", "score": "float"})
        self.assert_failed(result, "missing: nam", "extra: name, gone", "id is BIGINT, not VARCHAR", "did you mean name?")
        self.assertEqual(result["details"]["missing"], ["nam"])
        self.assertEqual(result["details"]["extra"], ["name", "gone"])
        self.assertEqual(len(result["details"]["mismatched"]), 1)

    def test_extra_columns_can_be_allowed(self):
        self.assert_failed(self.schema(["id"]), "extra")
        self.assert_passed(self.schema(["id"], extra="allow"))

    def test_exact_order(self):
        names = ["id", "score", "name", "gone"]
        self.assert_passed(self.schema(names))
        self.assert_failed(self.schema(names, order="exact"), "in the place of score stands name")
        self.assert_passed(self.schema(["id", "name", "score", "gone"], order="exact"))

    def test_exact_types_differ_within_a_family(self):
        self.assert_failed(self.schema({"id": "INT"}, extra="allow"), "id is BIGINT, not INTEGER")

    def test_nullability_is_that_of_the_data(self):
        self.assert_passed(self.schema([{"name": "id", "nullable": False}], extra="allow"))
        result = self.schema([{"name": "gone", "nullable": False}], extra="allow")
        self.assert_failed(result, "gone is NULL in 1 rows")

    def test_names_differ_by_case(self):
        self.assert_failed(self.schema(["ID"], extra="allow"), "missing: ID")

    def test_a_type_that_the_engine_does_not_know(self):
        self.assert_error(self.schema({"id": "BIGGINT"}, extra="allow"), "BIGGINT")


class Rows(VerifyTest):
    def rows(self, count, datasets=None, **options):
        self.make("t.parquet", f"SELECT i FROM range({count}) r(i)")
        return self.check({"t": "t.parquet", **(datasets or {})},
                          {"type": "row_count_parity", "dataset": "t", **options})

    def test_a_number_and_a_range(self):
        self.assert_passed(self.rows(10, equal=10))
        self.assert_failed(self.rows(10, equal=11), "10 rows, expected 11: 1 fewer")
        self.assert_passed(self.rows(10, min=10, max=10))
        self.assert_failed(self.rows(10, min=11), "at least 11")
        self.assert_failed(self.rows(10, max=9), "at most 9")

    def test_tolerance_is_rows_or_a_share(self):
        self.assert_passed(self.rows(95, equal=100, tolerance=5))
        self.assert_failed(self.rows(94, equal=100, tolerance=5), "5 rows would be tolerated")
        self.assert_passed(self.rows(95, equal=100, tolerance="5%"))
        self.assert_failed(self.rows(94, equal=100, tolerance="5%"))

    def test_another_dataset(self):
        self.write("other.csv", "a\n1\n2\n3\n")
        self.assert_passed(self.rows(3, {"o": "other.csv"}, other="o"))
        self.assert_failed(self.rows(4, {"o": "other.csv"}, other="o"), "o has 3: 1 more")

    def test_the_last_accepted_count_is_remembered_only_if_nothing_halts(self):
        self.assert_passed(self.rows(100, last_accepted=True))
        self.assert_passed(self.rows(104, last_accepted=True, tolerance="5%"))  # now 104 is the last
        self.assert_failed(self.rows(110, last_accepted=True, tolerance="5%"), "the last accepted count is 104")
        self.assert_failed(self.rows(110, last_accepted=True, tolerance="5%"), "104")  # not remembered
        self.assert_passed(self.rows(109, last_accepted=True, tolerance="5%"))

    def test_a_first_count_can_be_refused(self):
        self.assert_failed(self.rows(100, last_accepted=True, first="fail"), "no count was accepted before")


class Keys(VerifyTest):
    def align(self, left, right, **options):
        self.make("l.parquet", left)
        self.make("r.parquet", right)
        return self.check({"l": "l.parquet", "r": "r.parquet"},
                          {"type": "key_alignment", "dataset": "l", "other": "r", "keys": "k", **options})

    def test_both_sides_are_told(self):
        result = self.align("SELECT unnest([1, 2, 3, 3]) k", "SELECT unnest([2, 3, 4, 4, 5]) k")
        self.assert_failed(result, "1 keys only in l", "2 keys only in r", "1 rows of l repeat", "1 rows of r repeat")
        details = result["details"]
        self.assertEqual((details["left_only"], details["right_only"]), (1, 2))
        self.assertEqual((details["left_repeated"], details["right_repeated"]), (1, 1))
        self.assertEqual([(one["k"], one["left_rows"], one["right_rows"]) for one in result["samples"]],
                         [("1", "1", "0"), ("3", "2", "1"), ("4", "0", "2"), ("5", "0", "1")])

    def test_modes(self):
        small, large = "SELECT unnest([1, 2]) k", "SELECT unnest([1, 2, 3]) k"
        self.assert_passed(self.align(large, large))
        self.assert_failed(self.align(small, large))
        self.assert_passed(self.align(small, large, mode="left_subset"))
        self.assert_failed(self.align(large, small, mode="left_subset"), "1 keys only in l")
        self.assert_passed(self.align(large, small, mode="right_subset"))
        self.assert_failed(self.align(small, large, mode="right_subset"), "1 keys only in r")

    def test_duplicates_can_be_allowed_and_are_counted(self):
        twice, once = "SELECT unnest([1, 1, 2]) k", "SELECT unnest([1, 2]) k"
        self.assert_failed(self.align(twice, once))
        result = self.align(twice, once, duplicates="allow")
        self.assert_passed(result)
        self.assertEqual(result["details"]["left_repeated"], 1)

    def test_tolerance(self):
        left, right = "SELECT i k FROM range(100) r(i)", "SELECT i k FROM range(2, 100) r(i)"
        self.assert_failed(self.align(left, right, tolerance=1))
        self.assert_passed(self.align(left, right, tolerance=2))
        self.assert_passed(self.align(left, right, tolerance="2%"))

    def test_several_columns(self):
        left, right = "SELECT 1 a, 'x' b", "SELECT 1 c, 'x' d UNION ALL SELECT 1, 'y'"
        result = self.align(left, right, keys=["a", "b"], other_keys=["c", "d"])
        self.assert_failed(result, "1 keys only in r")
        self.assertEqual(result["samples"], [{"a": "1", "b": "y", "left_rows": "0", "right_rows": "1"}])

    def test_case_and_blanks_are_told_and_can_be_ignored(self):
        left, right = "SELECT unnest(['Ann', 'bob ']) k", "SELECT unnest(['ann', 'bob']) k"
        result = self.align(left, right)
        self.assert_failed(result, "2 of them differ only in case or blanks")
        self.assert_failed(self.align(left, right, ignore_case=True), "1 keys only in l")
        self.assert_passed(self.align(left, right, ignore_case=True, ignore_blanks=True))

    def test_null_keys_are_an_offence_unless_chosen(self):
        both = "SELECT unnest([1, NULL]) k"
        self.assert_failed(self.align(both, both), "NULL key")
        self.assert_passed(self.align(both, both, null_keys="equal"))

    def test_nan_and_minus_zero_are_keys_as_any_other(self):
        left = "SELECT unnest(['nan'::DOUBLE, 0.0, 1.0]) k"
        right = "SELECT unnest(['nan'::DOUBLE, -0.0, 1.0]) k"
        self.assert_passed(self.align(left, right))

    def test_types_are_not_converted_silently(self):
        self.assert_error(self.align("SELECT 1::BIGINT k", "SELECT '1' k"), "BIGINT", "VARCHAR")
        self.assert_error(self.align("SELECT 9007199254740993::BIGINT k", "SELECT 9007199254740992::DOUBLE k"), "DOUBLE")
        self.assert_passed(self.align("SELECT 7::BIGINT k", "SELECT 7::UTINYINT k"))


class Nulls(VerifyTest):
    def nulls(self, select, file="t.parquet", **options):
        self.make(file, select)
        return self.check({"t": file}, {"type": "null_rate_ceiling", "dataset": "t", "columns": "v", "ceiling": 0.25,
                                        "counts": ["NULL"], **options})

    def test_the_rate_is_compared_with_the_ceiling(self):
        select = "SELECT CASE WHEN i < {} THEN NULL ELSE i END v FROM range(100) r(i)"
        result = self.nulls(select.format(25))
        self.assert_passed(result)
        self.assertEqual((result["observed"], result["threshold"], result["rows"], result["failing"]), (0.25, 0.25, 100, 25))
        result = self.nulls(select.format(26))
        self.assert_failed(result, "null rate of v is 26 %, above the ceiling of 25 %", "26 of 100 rows")
        self.assertEqual(result["failing_rate"], 0.26)
        self.assertEqual(len(result["samples"]), 5)

    def test_what_counts_is_chosen(self):
        select = "SELECT unnest(['1', '2', 'nan', NULL])::DOUBLE v"
        self.assert_passed(self.nulls(select))
        self.assert_failed(self.nulls(select, counts=["NULL", "NaN"]), "50 %")
        self.assert_passed(self.nulls(select, counts=["NaN"]))
        texts = "SELECT unnest(['a', '', ' ', NULL]) v"
        self.assert_passed(self.nulls(texts))
        self.assert_failed(self.nulls(texts, counts=["NULL", "empty"]), "50 %")
        self.assert_failed(self.nulls(texts, counts=["NULL", "blank"]), "75 %")

    def test_a_csv_reads_as_null_what_the_dataset_says(self):
        self.write("t.csv", "v,w\n,1\nNA,2\nx,3\ny,4\n")
        check = {"type": "null_rate_ceiling", "dataset": "t", "columns": "v", "ceiling": 0, "counts": ["NULL"]}
        for strings, rate in ((None, 0.25), ([""], 0.25), (["", "NA"], 0.5), (["NA"], 0.25), ([], 0)):
            with self.subTest(strings=strings):
                dataset = {"path": "t.csv"} if strings is None else {"path": "t.csv", "null_strings": strings}
                self.assertEqual(self.check({"t": dataset}, check)["observed"], rate)

    def test_a_pattern_takes_many_columns_and_names_the_bad_ones(self):
        self.make("t.parquet", "SELECT 1 f_a, NULL::INT f_b, NULL::INT other")
        check = {"type": "null_rate_ceiling", "dataset": "t", "pattern": "f_*", "ceiling": "0%", "counts": ["NULL"]}
        result = self.check({"t": "t.parquet"}, check)
        self.assert_failed(result, "null rate of f_b")
        self.assertNotIn("other", result["message"])
        self.assert_error(self.check({"t": "t.parquet"}, {**check, "pattern": "g_*"}), "no column of dataset t matches")


class Values(VerifyTest):
    def values(self, select, check, file="t.parquet", dataset=None):
        self.make(file, select)
        return self.check({"t": {"path": file, **(dataset or {})}}, {"dataset": "t", **check})

    def test_unique(self):
        check = {"type": "unique", "columns": "v"}
        self.assert_passed(self.values("SELECT i v FROM range(100) r(i)", check))
        result = self.values("SELECT unnest([1, 1, 1, 2, 2, 3]) v", check)
        self.assert_failed(result, "repeats a key in 3 of 6 rows")
        self.assertEqual(result["samples"], [{"v": "1", "rows": "3"}, {"v": "2", "rows": "2"}])
        self.assert_passed(self.values("SELECT unnest([1, 1, 1, 2, 2, 3]) v", {**check, "tolerance": 3}))

    def test_unique_over_nulls(self):
        select = "SELECT unnest([1, NULL, NULL]) v"
        self.assert_passed(self.values(select, {"type": "unique", "columns": "v"}))
        self.assert_failed(self.values(select, {"type": "unique", "columns": "v", "nulls": "equal"}), "1 of 3")
        self.assert_failed(self.values(select, {"type": "unique", "columns": "v", "nulls": "fail"}), "NULL in 2 rows")

    def test_unique_over_several_columns(self):
        select = "SELECT unnest([1, 1, 2]) a, unnest(['x', 'y', 'x']) b"
        self.assert_passed(self.values(select, {"type": "unique", "columns": ["a", "b"]}))
        self.assert_failed(self.values(select, {"type": "unique", "columns": ["a"]}))
        self.assert_failed(self.values("SELECT unnest(['A', 'a ']) v", {"type": "unique", "columns": "v",
                                       "ignore_case": True, "ignore_blanks": True}))

    def test_range(self):
        check = {"type": "value_range", "columns": "v", "min": 0, "max": 10}
        self.assert_passed(self.values("SELECT unnest([0, 10, NULL]) v", check))
        result = self.values("SELECT unnest([0, 11, -1, 5]) v, unnest(['a', 'b', 'c', 'd']) id", check, dataset={"key": "id"})
        self.assert_failed(result, "v is outside 0 to 10 in 2 of 4 rows (it goes from -1 to 11)")
        self.assertEqual(result["samples"], [{"id": "b", "v": "11"}, {"id": "c", "v": "-1"}])
        self.assert_failed(self.values("SELECT unnest([0, 10]) v", {**check, "exclusive": True}), "2 of 2")
        self.assert_passed(self.values("SELECT unnest([0, 11]) v", {**check, "tolerance": 1}))

    def test_range_of_floats_and_nan(self):
        check = {"type": "value_range", "columns": "v", "min": 0, "max": 0.1}
        self.assert_passed(self.values("SELECT 0.1::FLOAT v", check))
        nan = "SELECT unnest([0.05, 'nan'::DOUBLE]) v"
        self.assert_failed(self.values(nan, check), "1 of 2 rows")
        self.assert_failed(self.values(nan, {"type": "value_range", "columns": "v", "min": 0}), "1 of 2 rows")
        self.assert_passed(self.values(nan, {**check, "nan": "ignore"}))
        self.assert_failed(self.values("SELECT unnest([5, 'nan'::DOUBLE]) v", {**check, "nan": "ignore"}), "1 of 2 rows")

    def test_range_of_dates(self):
        check = {"type": "value_range", "columns": "v", "min": "2026-01-01", "max": "2026-12-31"}
        self.assert_passed(self.values("SELECT DATE '2026-06-01' v", check))
        self.assert_failed(self.values("SELECT DATE '2027-01-01' v", check))
        self.assert_error(self.values("SELECT DATE '2027-01-01' v", {**check, "max": "tomorrow"}))
        self.assert_error(self.values("SELECT 1 v", check), "text is given for a column of type INTEGER")
        self.assert_error(self.values("SELECT 'x' v", {"type": "value_range", "columns": "v", "min": 0}), "VARCHAR")

    def test_allowed_values(self):
        check = {"type": "allowed_values", "columns": "v", "values": ["a", "b"]}
        self.assert_passed(self.values("SELECT unnest(['a', 'b', NULL]) v", check))
        result = self.values("SELECT unnest(['a', 'c', 'B']) v", check)
        self.assert_failed(result, "2 of 3 rows")
        self.assertEqual(result["samples"], [{"v": "c"}, {"v": "B"}])
        self.assert_failed(self.values("SELECT unnest(['a', NULL]) v", {**check, "nulls": "fail"}), "1 of 2")
        self.assert_failed(self.values("SELECT unnest(['a', 'c', 'B']) v", {**check, "ignore_case": True}), "1 of 3")
        self.assert_passed(self.values("SELECT unnest([1, 2]) v", {"type": "allowed_values", "columns": "v", "values": [1, 2]}))
        self.assert_error(self.values("SELECT 1 v", check), "a text is given")

    def test_values_are_text_and_no_sql(self):
        hostile = "x'); DROP TABLE t; --"
        check = {"type": "allowed_values", "columns": "v", "values": [hostile]}
        self.assert_passed(self.values("SELECT 'x''); DROP TABLE t; --' v", check))
        self.assert_failed(self.values("SELECT 'x' v", check))

    def test_a_column_with_quotes_and_sql_in_its_name(self):
        name = 'a"b\'); --'
        self.make("t.parquet", 'SELECT 1 AS "a""b\'); --"')
        self.assert_passed(self.check({"t": "t.parquet"}, {"type": "value_range", "dataset": "t", "columns": [name], "min": 0}))

    def test_no_rows_prove_nothing(self):
        check = {"type": "unique", "columns": "v"}
        self.assert_failed(self.values("SELECT 1 v WHERE false", check), "has no rows")
        self.assert_passed(self.values("SELECT 1 v WHERE false", check, dataset={"allow_empty": True}))


class Freshness(VerifyTest):
    def fresh(self, select, file="t.parquet", dataset=None, **options):
        self.make(file, select)
        return self.check({"t": {"path": file, **(dataset or {})}},
                          {"type": "freshness", "dataset": "t", "column": "v", "max_age": "2h", **options})

    def test_the_newest_value_counts_and_not_the_file(self):
        old = "SELECT now() - INTERVAL 3 HOUR v UNION ALL SELECT now() - INTERVAL 5 HOUR"
        result = self.fresh(old)
        self.assert_failed(result, "3h00m old")
        self.assertAlmostEqual(result["observed"], 3 * 3600, delta=120)
        self.assert_passed(self.fresh(old, max_age="4h"))

    def test_times_without_a_zone_need_one(self):
        naive = "SELECT (now() AT TIME ZONE 'UTC') - INTERVAL 1 HOUR v"
        self.assert_error(self.fresh(naive), "no zone")
        self.assert_passed(self.fresh(naive, timezone="UTC"))
        self.assert_failed(self.fresh(naive, timezone="America/New_York"), "in the future")
        self.assert_error(self.fresh(naive, timezone="Mars/Olympus"), "Mars/Olympus")
        self.assert_error(self.fresh("SELECT now() v", timezone="UTC"), "have a zone already")

    def test_numbers_need_a_unit(self):
        seconds = "SELECT epoch(now())::BIGINT v"
        self.assert_error(self.fresh(seconds), "unit")
        self.assert_passed(self.fresh(seconds, unit="s"))
        self.assert_failed(self.fresh(seconds, unit="ms"))

    def test_the_future_is_not_fresh(self):
        self.assert_failed(self.fresh("SELECT now() + INTERVAL 1 HOUR v"), "in the future")
        self.assert_passed(self.fresh("SELECT now() + INTERVAL 1 HOUR v", max_future="2h"))
        self.assert_failed(self.fresh("SELECT 'infinity'::TIMESTAMPTZ v"), "no moment")

    def test_only_nulls(self):
        self.assert_failed(self.fresh("SELECT NULL::TIMESTAMPTZ v"), "NULL in all rows")

    def test_text_is_no_time(self):
        self.assert_error(self.fresh("SELECT 'yesterday' v"), "VARCHAR")


class Files(VerifyTest):
    # Of "hello\n".
    DIGEST = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"

    def test_one_digest(self):
        self.write("a.csv", "hello\n")
        check = {"type": "file_digest", "dataset": "t", "sha256": self.DIGEST}
        self.assert_passed(self.check({"t": "a.csv"}, check))
        self.write("a.csv", "hellO\n")
        self.assert_failed(self.check({"t": "a.csv"}, check), "another content")

    def test_no_engine_is_needed(self):
        self.env["JOBWARD_DUCKDB"] = "/no/such/library"
        self.write("a.csv", "hello\n")
        self.assert_passed(self.check({"t": "a.csv"}, {"type": "file_digest", "dataset": "t", "sha256": self.DIGEST}))

    def test_a_manifest_covers_all_files_and_no_other(self):
        self.write("d/a.csv", "hello\n")
        self.write("d/b.csv", "hello\n")
        self.write("sums", f"{self.DIGEST}  d/a.csv\n{self.DIGEST}  d/b.csv\n")
        check = {"type": "file_digest", "dataset": "t", "manifest": "sums"}
        self.assert_passed(self.check({"t": "d/*.csv"}, check))
        self.write("d/c.csv", "hello\n")
        self.assert_failed(self.check({"t": "d/*.csv"}, check), "d/c.csv is not in the manifest")
        os.unlink(self.path("d/c.csv"))
        os.unlink(self.path("d/b.csv"))
        self.assert_failed(self.check({"t": "d/*.csv"}, check), "d/b.csv is in the manifest")


class CustomSql(VerifyTest):
    def query(self, query, **options):
        self.make("t.parquet", "SELECT i id, i % 3 v FROM range(9) r(i)")
        return self.check({"t": "t.parquet"}, {"type": "custom_sql", "datasets": ["t"], "query": query, **options})

    def test_offending_rows_are_counted_and_shown(self):
        self.assert_passed(self.query("SELECT * FROM t WHERE v > 2"))
        result = self.query("SELECT id, v FROM t WHERE v = 2 ORDER BY id;  ")
        self.assert_failed(result, "the query returns 3 rows")
        self.assertEqual(result["samples"], [{"id": str(i), "v": "2"} for i in (2, 5, 8)])
        self.assert_passed(self.query("SELECT * FROM t WHERE v = 2 -- three", max_rows=3))

    def test_two_datasets_of_which_one_is_text(self):
        self.write("o.csv", "id\n1\n99\n")
        self.make("t.parquet", "SELECT i id FROM range(9) r(i)")
        result = self.check({"t": "t.parquet", "o": "o.csv"},
                            {"type": "custom_sql", "datasets": ["t", "o"], "query": "SELECT o.id FROM o ANTI JOIN t USING (id)"})
        self.assertEqual(result["samples"], [{"id": "99"}])

    def test_only_one_select(self):
        for query in ("DROP TABLE t", "CREATE TABLE x AS SELECT 1", "SELECT 1; SELECT 2", "COPY t TO 'x.csv'",
                      "SET threads = 1", "ATTACH 'x.db'", "SELECT ?", "not sql", "-- nothing"):
            with self.subTest(query=query):
                self.assert_error(self.query(query), "cannot use the query")
        self.assertFalse(os.path.exists(self.path("x.csv")))

    def test_no_other_file_can_be_read(self):
        secret = self.write("secret.csv", "a\n1\n")
        for query in (f"SELECT * FROM read_csv('{secret}')", "SELECT * FROM 'secret.csv'", "SELECT * FROM read_text('/etc/passwd')",
                      "SELECT * FROM glob('/etc/*')"):
            with self.subTest(query=query):
                self.assert_error(self.query(query), "cannot use the query")


class Formats(VerifyTest):
    CHECKS = {"columns": {"type": "schema_match", "dataset": "t", "columns": {"id": "integer", "name": "text"}},
              "rows": {"type": "row_count_parity", "dataset": "t", "equal": 3},
              "nulls": {"type": "null_rate_ceiling", "dataset": "t", "columns": ["name"], "ceiling": 0.4, "counts": ["NULL"]},
              "ids": {"type": "unique", "dataset": "t", "columns": ["id"]}}

    def assert_all_pass(self, dataset):
        run = self.verify(self.contract({"t": dataset}, self.CHECKS))
        self.assertEqual(run.returncode, 0, run)
        report = run.json["reports"][0]
        self.assertEqual([check["status"] for check in report["checks"]], ["passed"] * 4, run)
        self.assertEqual(report["datasets"][0]["rows"], 3)
        self.assertEqual(report["datasets"][0]["scans"], 1, "several checks share one scan")

    SELECT = "SELECT unnest([1, 2, 3]) id, unnest(['a', NULL, 'c']) AS name"

    def test_parquet(self):
        self.make("t.parquet", self.SELECT)
        self.assert_all_pass("t.parquet")

    def test_csv_and_tsv_and_other_dialects(self):
        self.make("t.csv", self.SELECT)
        self.assert_all_pass("t.csv")
        self.write("t.tsv", "id\tname\n1\ta\n2\t\n3\tc\n")
        self.assert_all_pass("t.tsv")
        self.write("t.txt", "# made by hand\nid;name\n1;'a'\n2;\n3;'c;d'\n")
        self.assert_all_pass({"path": "t.txt", "format": "csv", "delimiter": ";", "quote": "'", "comment": "#"})

    def test_json_lines(self):
        self.make("t.jsonl", self.SELECT)
        self.assert_all_pass("t.jsonl")

    def test_sqlite(self):
        self.make_sqlite("t.db", "CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT)",
                         "INSERT INTO people VALUES (1, 'a'), (2, NULL), (3, 'c')")
        self.assert_all_pass({"path": "t.db", "table": "people"})

    def test_sqlite_in_wal_mode_is_only_read(self):
        self.make_sqlite("t.db", "PRAGMA journal_mode = WAL", "CREATE TABLE t(id INTEGER, name TEXT)",
                         "INSERT INTO t VALUES (1, 'a'), (2, NULL), (3, 'c')")
        before = sorted(os.listdir(self.work))
        self.assert_all_pass({"path": "t.db", "table": "t"})
        after = [name for name in sorted(os.listdir(self.work)) if name != "contract.toml"]
        self.assertEqual(after, before, "nothing was made beside the database")

    def test_a_glob_of_many_files(self):
        for i in (1, 2, 3):
            self.make(f"part-{i}.parquet", f"SELECT {i} id, {'NULL' if i == 2 else repr(str(i))}::VARCHAR AS name")
        self.assert_all_pass("part-*.parquet")
        os.makedirs(self.path("deep/er"))
        for i in (1, 2, 3):
            os.rename(self.path(f"part-{i}.parquet"), self.path(f"deep/er/part-{i}.parquet"))
        self.assert_all_pass("**/*.parquet")
        self.assert_all_pass(["deep/er/part-1.parquet", "deep/er/part-[23].parquet"])

    def test_a_file_whose_name_looks_like_a_pattern(self):
        self.make("x1.parquet", "SELECT 9 id, 'z' AS name")
        self.make("x[1].parquet", self.SELECT)
        self.assert_all_pass("x[1].parquet")

    def test_one_scan_for_text_also_with_a_join_and_a_query(self):
        self.make("t.csv", self.SELECT)
        checks = {**self.CHECKS,
                  "keys": {"type": "key_alignment", "dataset": "t", "other": "t", "keys": ["id"]},
                  "sql": {"type": "custom_sql", "datasets": ["t"], "query": "SELECT * FROM t WHERE id > 3"}}
        run = self.verify(self.contract({"t": "t.csv"}, checks))
        self.assertEqual(run.returncode, 0, run)
        self.assertEqual(run.json["reports"][0]["datasets"][0]["scans"], 1)


class Command(VerifyTest):
    def two(self, severity):
        self.write("t.csv", "a\n1\n2\n")
        return {"bad": {"type": "row_count_parity", "dataset": "t", "equal": 3, "severity": severity},
                "good": {"type": "row_count_parity", "dataset": "t", "equal": 2}}

    def test_the_severity_decides_the_exit_status(self):
        for severity, status in (("HARD_FAIL", 1), ("WARN", 0), ("INFO", 0)):
            with self.subTest(severity=severity):
                run = self.verify(self.contract({"t": "t.csv"}, self.two(severity)))
                self.assertEqual(run.returncode, status, run)
                checks = run.json["reports"][0]["checks"]
                self.assertEqual([check["status"] for check in checks], ["failed", "passed"], "all are checked")
                self.assertEqual((checks[0]["severity"], checks[0]["severity_effective"]), (severity, severity))

    def test_a_hard_fail_halts_what_comes_after(self):
        first = self.contract({"t": "t.csv"}, self.two("HARD_FAIL"), "first.toml")
        second = self.contract({"t": "t.csv"}, self.two("INFO"), "second.toml")
        run = self.verify(first, second)
        self.assertEqual((run.returncode, len(run.json["reports"]), run.json["not_run"]), (1, 1, [second]), run)
        run = self.verify(second, first)
        self.assertEqual((run.returncode, len(run.json["reports"]), run.json["not_run"]), (1, 2, []), run)

    def test_the_table_for_people(self):
        contract = self.contract({"t": "t.csv"}, self.two("WARN"))
        run = self.jobward("verify", contract)
        self.assert_printable(run.stdout)
        text = run.stdout.decode()
        self.assertRegex(text, r"WARN +bad +row_count_parity +2 rows, expected 3: 1 fewer")
        self.assertRegex(text, r"ok +good ")
        self.assertIn("1 passed, 1 failed as WARN", text)

    def test_the_report_says_what_was_looked_at(self):
        run = self.verify(self.contract({"t": "t.csv"}, self.two("WARN")))
        report = run.json["reports"][0]
        self.assertEqual(report["contract"], "demo")
        self.assertRegex(report["engine"]["version"], r"^v1\.")
        self.assertEqual(report["datasets"][0]["digest"]["basis"], "content")
        self.assertEqual(len(report["datasets"][0]["digest"]["sha256"]), 64)
        self.assertTrue(all(check["seconds"] > 0 for check in report["checks"]))

    def test_a_large_file_is_known_by_size_and_time_only_and_that_is_said(self):
        self.write("t.csv", "a\n" + "1234567\n" * (1 << 20) + "1\n")
        checks = {"rows": {"type": "row_count_parity", "dataset": "t", "min": 1}}
        digest = self.verify(self.contract({"t": "t.csv"}, checks)).json["reports"][0]["datasets"][0]["digest"]
        self.assertEqual(digest["basis"], "size_and_mtime")
        self.assertNotIn("sha256", digest)
        forced = {"t": {"path": "t.csv", "digest": "content"}}
        digest = self.verify(self.contract(forced, checks)).json["reports"][0]["datasets"][0]["digest"]
        self.assertEqual(digest["basis"], "content")

    def test_dry_run_looks_at_no_data(self):
        contract = self.contract({"t": "not-there.csv"}, {"rows": {"type": "row_count_parity", "dataset": "t", "equal": 3}})
        run = self.jobward("verify", "--dry-run", contract)
        self.assertEqual(run.returncode, 0, run)
        self.assertIn(b"1 checks on 1 datasets", run.stdout)

    def test_samples_are_bounded(self):
        self.write("t.csv", "a\n" + "7\n" * 50)
        checks = {"range": {"type": "value_range", "dataset": "t", "columns": "a", "max": 6}}
        contract = self.contract({"t": "t.csv"}, checks)
        for wanted in (0, 2, 30):
            check = self.verify("--samples", str(wanted), contract).json["reports"][0]["checks"][0]
            self.assertEqual(len(check.get("samples", [])), wanted)

    def test_json_contracts_have_the_same_shape(self):
        self.write("t.csv", "a\n1\n2\n")
        path = self.write("c.json", '{"id": "demo", "datasets": {"t": {"path": "t.csv"}}, "checks": {"rows": '
                                    '{"type": "row_count_parity", "severity": "HARD_FAIL", "dataset": "t", "equal": 2}}}')
        self.assertEqual(self.verify(path).returncode, 0)

    def test_paths_are_relative_to_the_contract(self):
        self.write("sub/t.csv", "a\n1\n2\n")
        contract = self.contract({"t": "t.csv"}, {"rows": {"type": "row_count_parity", "dataset": "t", "equal": 2}}, "sub/c.toml")
        self.assertEqual(self.verify(contract, cwd="/").returncode, 0)


if __name__ == "__main__":
    harness.main()
