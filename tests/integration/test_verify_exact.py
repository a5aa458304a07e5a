"""`jobward verify` judges what is in the data: not what a file says of itself, not what is left of a value when it has been
converted, and nothing that was cut off."""

import gzip
import os
import struct
import sys
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from verify_case import VerifyTest, quoted


class ParquetStatistics(VerifyTest):
    """A file of which one value was changed, and not the statistics in its footer."""

    def make_lying(self, old, new, select="SELECT i AS id, i::DOUBLE / 7 AS x FROM range(1000) r(i)"):
        self.sql(f"COPY ({select}) TO {quoted(self.path('t.parquet'))} (FORMAT parquet, COMPRESSION uncompressed)")
        content = harness.read_bytes(self.path("t.parquet"))
        self.assertEqual(content.count(struct.pack("<d", old)), 1)
        self.write("t.parquet", content.replace(struct.pack("<d", old), struct.pack("<d", new)))

    def range(self, **options):
        return self.check({"t": "t.parquet"}, {"type": "value_range", "dataset": "t", "columns": "x", **options})

    def test_a_nan_that_the_statistics_leave_out(self):
        self.make_lying(3 / 7, float("nan"))
        self.assert_failed(self.range(min=0, max=1000), "1 of 1,000 rows")
        self.assert_passed(self.range(min=0, max=1000, nan="ignore"))
        check = {"type": "null_rate_ceiling", "dataset": "t", "columns": "x", "ceiling": 0, "counts": ["NaN"]}
        self.assert_failed(self.check({"t": "t.parquet"}, check), "1 of 1,000")

    def test_a_value_beyond_the_maximum_that_they_give(self):
        self.make_lying(3 / 7, 1e6)
        result = self.range(min=0, max=1000)
        self.assert_failed(result, "1 of 1,000 rows", "from 0.0 to 1000000.0")
        self.assertEqual(result["samples"], [{"x": "1000000.0"}], "the filter reaches the row")

    def test_a_filter_of_a_query_is_not_answered_by_them(self):
        self.make_lying(3 / 7, 1e6)
        for query in ("SELECT * FROM t WHERE x > 1000", "SELECT * FROM t WHERE NOT (x <= 1000)", "SELECT max(x) FROM t HAVING max(x) > 1000",
                      "SELECT * FROM (SELECT * FROM t WHERE id >= 0) WHERE x BETWEEN 1000 AND 1e9",
                      "SELECT t.id FROM t JOIN range(1) r(i) ON t.x > 1000 + r.i"):
            with self.subTest(query=query):
                result = self.check({"t": "t.parquet"}, {"type": "custom_sql", "datasets": ["t"], "query": query})
                self.assert_failed(result, "returns 1 row")


class Texts(VerifyTest):
    def column(self, values, type_=None, file="t.csv", check=None, **dataset):
        """The result of a check that reads column a, whose values are given as they stand in the file."""
        if file.endswith(".jsonl"):
            self.write(file, "".join(f'{{"a": {value}, "b": 1}}\n' for value in values))
        else:
            self.write(file, "a,b\n" + "".join(f"{value},1\n" for value in values))
        types = {"types": {"a": type_}} if type_ else {}
        return self.check({"t": {"path": file, **types, **dataset}},
                          check or {"type": "unique", "dataset": "t", "columns": "a", "tolerance": 40000})

    def test_what_does_not_fit_the_type_given_is_an_error_with_its_line(self):
        for type_, good, bad in (
                ("BIGINT", ["1", "-2", "+3"], ["1.5", "2.0", "0x10", "1_000", "1e3", " 77 ", "77 ", "99999999999999999999", "x"]),
                ("UTINYINT", ["0", "255"], ["256", "-1", "1.0"]),
                ("HUGEINT", ["99999999999999999999"], ["1.5", "1e3"]),
                ("DECIMAL(18,2)", ["1", "1.23", "1.2300", "-.5"], ["1.239", "1e2", "1_0.1", " 1"]),
                ("DOUBLE", ["1", "1.5", "-1e3", "inf", "-Infinity", "NaN", "12345678901234567890"],
                 ["1e999", "-1e999", "1_0.5", " 1.5", "0x10", "1.5x"]),
                ("FLOAT", ["1.5"], ["1e999", " 1"]),
                ("DATE", ["2026-01-31"], ["2026-01-31 13:00:00", "2026-02-30", "31/01/2026", "2026-1-3", " 2026-01-31"]),
                ("TIMESTAMP", ["2026-01-31 13:00:00", "2026-01-31T13:00:00.123456", "2026-01-31"],
                 ["2026-01-31 13:00:00+10:00", "2026-01-31T13:00:00Z", "2026-01-31 13:00:00 UTC", "2026-01-31 13:00:00.1234567"]),
                ("TIMESTAMP_NS", ["2026-01-31 13:00:00.123456789"], ["2026-01-31 13:00:00+01"]),
                ("TIMESTAMP WITH TIME ZONE", ["2026-01-31 13:00:00+10:00", "2026-01-31T13:00:00Z"],
                 ["2026-01-31 13:00:00", "2026-01-31 13:00:00 Mars/Olympus"]),
                ("TIME", ["13:00:00", "13:00"], ["13:00:00+01", "2026-01-31 13:00:00"]),
                ("BOOLEAN", ["true", "false"], [" true", "maybe"]),
                ("UUID", ["00000000-0000-0000-0000-000000000001"], ["x"])):
            self.assert_passed(self.column(good, type_))
            for text in bad:
                with self.subTest(type=type_, text=text):
                    result = self.column([good[0], text], type_)
                    self.assert_error(result, f't.csv: line 3: column a has "{text}"', f"which is no {type_}")

    def test_what_comes_after_the_sample_must_fit_as_well(self):
        many = [str(i) for i in range(50000)]
        self.assert_error(self.column([*many, "1.4"]), "line 50002", '"1.4"', "no BIGINT")
        self.assert_error(self.column([*many, " 7"]), "line 50002")
        dates = ["2026-01-01"] * 30000
        self.assert_error(self.column([*dates, "2026-01-02 13:00:00"]), "line 30002", "no DATE")
        floats = [f"{i}.5" for i in range(30000)]
        self.assert_error(self.column([*floats, "12345678901234567890"]), "line 30002", "no DOUBLE")

    def test_every_check_of_the_column_notices(self):
        for check in ({"type": "value_range", "columns": "a", "min": 0}, {"type": "allowed_values", "columns": "a", "values": [1, 2]},
                      {"type": "null_rate_ceiling", "columns": "a", "ceiling": 0, "counts": ["NULL"]},
                      {"type": "schema_match", "columns": {"a": "BIGINT"}, "extra": "allow"},
                      {"type": "key_alignment", "other": "t", "keys": "a"}, {"type": "freshness", "column": "a", "unit": "s", "max_age": "1s"}):
            with self.subTest(check=check["type"]):
                self.assert_error(self.column(["1", "1.5"], "BIGINT", check={"dataset": "t", **check}), "line 3", '"1.5"')
        query = {"type": "custom_sql", "datasets": ["t"], "query": "SELECT * FROM t WHERE a > 5"}
        self.assert_error(self.column(["1", "1.5"], "BIGINT", check=query), "line 3", '"1.5"')

    def test_columns_that_nobody_asks_for_may_have_anything(self):
        self.assert_passed(self.column(["1", "1.5"], "BIGINT", check={"type": "unique", "dataset": "t", "columns": "b", "tolerance": 1}))

    def test_what_is_detected_is_only_what_is_written_so(self):
        schema = {"type": "schema_match", "dataset": "t", "extra": "allow"}
        for text, type_ in (("12", "BIGINT"), (" 77 ", "VARCHAR"), ("0x10", "VARCHAR"), ("1.5", "DOUBLE"), ("31/12/2026", "VARCHAR"),
                            ("2026-12-31", "DATE"), ("12345678901234567890", "VARCHAR"), ("2026-01-01T00:00:00Z", "TIMESTAMP WITH TIME ZONE")):
            with self.subTest(text=text):
                self.assert_passed(self.column([text], check={**schema, "columns": {"a": type_}}))

    def test_lines_are_counted_as_an_editor_does(self):
        self.write("t.csv", 'x\na,"b\nc"\n1,"x\ny\nz"\n2,"p"\n1.5,q\n')
        dataset = {"path": "t.csv", "skip": 1, "types": {"a": "BIGINT"}}
        check = {"type": "unique", "dataset": "t", "columns": "a"}
        self.assert_error(self.check({"t": dataset}, check), "line 8", '"1.5"')
        self.write("one.csv", "a\n1\n")
        self.write("two.csv", "a\n2\n3.5\n")
        dataset = {"path": ["one.csv", "two.csv"], "types": {"a": "BIGINT"}}
        self.assert_error(self.check({"t": dataset}, check), "two.csv: line 3")

    def test_other_ways_to_write_numbers_and_times(self):
        german = {"delimiter": ";", "decimal_separator": ","}
        self.write("t.csv", "a;b\n1,5;1\n2,25;1\n")
        check = {"type": "value_range", "dataset": "t", "columns": "a", "min": 1.5, "max": 2.25}
        for type_ in (None, "DOUBLE", "DECIMAL(9,2)"):
            types = {"types": {"a": type_}} if type_ else {}
            self.assert_passed(self.check({"t": {"path": "t.csv", **german, **types}}, check))
        self.write("t.csv", "a;b\n1,5;1\n2.25;1\n")
        self.assert_error(self.check({"t": {"path": "t.csv", **german, "types": {"a": "DOUBLE"}}}, check), "line 3", '"2.25"')
        dates = {"type": "value_range", "dataset": "t", "columns": "a", "min": "2026-12-31", "max": "2026-12-31"}
        self.assert_passed(self.column(["31/12/2026"], check=dates, date_format="%d/%m/%Y"))
        self.assert_error(self.column(["31/12/2026", "2026-12-31"], "DATE", check=dates, date_format="%d/%m/%Y"), "line 3")
        times = {"type": "value_range", "dataset": "t", "columns": "a", "min": "2026-12-31 10:00:00", "max": "2026-12-31 10:00:00"}
        self.assert_passed(self.column(["31.12.2026 10h00"], "TIMESTAMP", check=times, timestamp_format="%d.%m.%Y %Hh%M"))
        self.assert_error(self.column(["31.12.2026 10h00 +02"], "TIMESTAMP", check=times, timestamp_format="%d.%m.%Y %Hh%M %z"), "zone")

    def test_json_values_keep_their_kind(self):
        for type_, good, bad in (("BIGINT", ["1", "null"], ["2.4", "true", '"12"', "1e3", "{}"]), ("BOOLEAN", ["true"], ["1", '"true"']),
                                 ("DOUBLE", ["1.5", "2"], ["1e999", '"1.5"', "true"]), ("DATE", ['"2026-01-01"'], ['"2026-01-01 13:00:00"', "20260101"]),
                                 ("DECIMAL(18,2)", ["1.25", "3"], ["1.239", "0.12345678901234567890"]),
                                 ("TIMESTAMP", ['"2026-01-01T00:00:00"'], ['"2026-01-01T00:00:00+10:00"', '"2026-01-01T00:00:00Z"'])):
            self.assert_passed(self.column(good, type_, "t.jsonl"))
            for text in bad:
                with self.subTest(type=type_, text=text):
                    self.assert_error(self.column([good[0], text], type_, "t.jsonl"), "t.jsonl: line 2: column a has ", f"no {type_}")
        many = [str(i) for i in range(30000)]
        self.assert_error(self.column([*many, "2.4"], None, "t.jsonl"), "line 30001")

    def test_a_zone_in_json_is_neither_lost_nor_needed(self):
        schema = {"type": "schema_match", "dataset": "t", "extra": "allow"}
        zoned = ['"2026-01-01T00:00:00+10:00"'] * 3
        self.assert_passed(self.column(zoned, None, "t.jsonl", {**schema, "columns": {"a": "zoned_timestamp"}}))
        moment = {"type": "value_range", "dataset": "t", "columns": "a", "min": "2025-12-31 14:00:00+00", "max": "2025-12-31 14:00:00+00"}
        self.assert_passed(self.column(zoned, None, "t.jsonl", moment))
        self.assert_passed(self.column(['"2026-01-01T00:00:00"'], None, "t.jsonl", {**schema, "columns": {"a": "TIMESTAMP"}}))
        mixed = ['"2026-01-01T00:00:00"', '"2026-01-01T00:00:00+10:00"']
        self.assert_passed(self.column(mixed, None, "t.jsonl", {**schema, "columns": {"a": "text"}}))

    def test_a_directory_can_be_a_column(self):
        for part in ("k=1", "k=2"):
            self.write(f"{part}/t.csv", "a,b\n1,x\n")
            self.write(f"{part}/t.jsonl", '{"a": 1}\n')
        check = {"type": "unique", "dataset": "t", "columns": ["a", "k"]}
        for kind in ("csv", "jsonl"):
            self.assert_passed(self.check({"t": {"path": f"*/t.{kind}", "hive_partitioning": True}}, check))
            typed = {"path": f"*/t.{kind}", "hive_partitioning": True, "types": {"k": "VARCHAR", "a": "INTEGER"}}
            self.assert_passed(self.check({"t": typed}, check))


class Keys(VerifyTest):
    def align(self, left, right):
        return self.check({"l": left, "r": right}, {"type": "key_alignment", "dataset": "l", "other": "r", "keys": "k"})

    def typed(self, left, right):
        self.write("t.csv", "k\n1\n")
        return self.align(*({"path": "t.csv", "types": {"k": type_}} for type_ in (left, right)))

    def test_long_ids_of_csv_are_not_rounded(self):
        self.write("l.csv", "k\n12345678901234567890\n")
        self.write("r.csv", "k\n12345678901234567891\n")
        self.assert_failed(self.align("l.csv", "r.csv"), "1 keys only in l")
        typed = [{"path": path, "types": {"k": "HUGEINT"}} for path in ("l.csv", "r.csv")]
        self.assert_failed(self.align(*typed), "1 keys only in l")

    def test_types_that_have_no_exact_common_one(self):
        for left, right in (("DECIMAL(38,0)", "DECIMAL(38,10)"), ("HUGEINT", "UHUGEINT"), ("HUGEINT", "DECIMAL(38,0)"), ("BIGINT", "DOUBLE")):
            with self.subTest(left=left, right=right):
                self.assert_error(self.typed(left, right), left, right)
        for left, right in (("BIGINT", "UBIGINT"), ("BIGINT", "DECIMAL(18,3)"), ("INTEGER", "HUGEINT"), ("DECIMAL(9,2)", "DECIMAL(18,4)")):
            with self.subTest(left=left, right=right):
                self.assert_passed(self.typed(left, right))

    def test_whole_numbers_of_sqlite_that_a_double_does_not_hold(self):
        self.make_sqlite("t.db", "CREATE TABLE t(k NUMERIC)", "INSERT INTO t VALUES (1.5), (9007199254740993)")
        check = {"type": "unique", "dataset": "t", "columns": "k"}
        self.assert_error(self.check({"t": {"path": "t.db", "table": "t"}}, check), "row 2", "too large a whole number")
        self.make_sqlite("u.db", "CREATE TABLE t(k NUMERIC)", "INSERT INTO t VALUES (1.5), (9007199254740992)")
        self.assert_passed(self.check({"t": {"path": "u.db", "table": "t"}}, check))

    def test_a_key_may_be_called_as_a_count_is(self):
        self.make("t.parquet", "SELECT unnest([7, 7, 8]) AS rows, 1 AS left_rows")
        result = self.check({"t": "t.parquet"}, {"type": "unique", "dataset": "t", "columns": "rows"})
        self.assertEqual(result["samples"], [{"rows": "7", "rows_": "2"}])
        self.make("l.parquet", "SELECT 7 AS left_rows")
        self.make("r.parquet", "SELECT 8 AS left_rows")
        result = self.check({"l": "l.parquet", "r": "r.parquet"},
                            {"type": "key_alignment", "dataset": "l", "other": "r", "keys": "left_rows"})
        self.assertEqual(result["samples"], [{"left_rows": "7", "left_rows_": "1", "right_rows": "0"},
                                             {"left_rows": "8", "left_rows_": "0", "right_rows": "1"}])


class Compressed(VerifyTest):
    ROWS = {"type": "row_count_parity", "dataset": "t", "min": 1}
    TEXT = "a\n" + "".join(f"{i}\n" for i in range(20000))

    def rows(self, content, name="t.csv.gz"):
        self.write(name, content)
        return self.check({"t": name}, self.ROWS)

    def test_one_and_several_members_are_whole(self):
        self.assertEqual(self.rows(gzip.compress(self.TEXT.encode()))["observed"], 20000)
        half = len(self.TEXT) // 2
        members = gzip.compress(self.TEXT[:half].encode()) + gzip.compress(self.TEXT[half:].encode())
        self.assertEqual(self.rows(members)["observed"], 20000)
        self.assertEqual(self.rows(gzip.compress(b'{"a": 1}\n'), "t.jsonl.gz")["observed"], 1)

    def test_one_that_is_cut_short(self):
        whole = gzip.compress(self.TEXT.encode())
        for length in (len(whole) - 1, len(whole) - 8, len(whole) // 2, 20):
            with self.subTest(length=length):
                self.assert_error(self.rows(whole[:length]), "t.csv.gz", "cut off")
        self.assert_error(self.rows(whole + whole[:-10]), "cut off")

    def test_a_checksum_or_a_length_that_is_wrong(self):
        whole = gzip.compress(self.TEXT.encode())
        for place in (-8, -1):
            with self.subTest(place=place):
                broken = bytearray(whole)
                broken[place] ^= 1
                self.assert_error(self.rows(bytes(broken)), "t.csv.gz", "damaged")
                self.assert_error(self.rows(bytes(broken) + whole), "damaged")

    def test_what_is_no_gzip(self):
        self.assert_error(self.rows(b"a\n1\n"), "damaged")
        self.assert_error(self.rows(gzip.compress(b"a\n1\n") + b"trailing"), "damaged")
        self.assert_error(self.rows(zlib.compress(b"a\n1\n")), "damaged")

    def test_zst_cannot_be_tested_and_is_refused(self):
        self.assert_error(self.rows(b"\x28\xb5\x2f\xfd....", "t.csv.zst"), "t.csv.zst", "unpack it")

    def test_headers_of_compressed_files_are_compared_as_well(self):
        self.write("one.csv.gz", gzip.compress(b"a,b\n1,2\n"))
        self.write("two.csv.gz", gzip.compress(b"b,a\n1,2\n"))
        self.assert_error(self.check({"t": "*.csv.gz"}, self.ROWS), "two.csv.gz has another header")


class JsonKeys(VerifyTest):
    def schema(self, columns, **options):
        return self.check({"t": {"path": "*.jsonl", **options.pop("dataset", {})}},
                          {"type": "schema_match", "dataset": "t", "columns": columns, **options})

    def test_a_key_that_comes_late_is_extra(self):
        self.write("t.jsonl", '{"a": 1}\n' * 30000 + '{"a": 1, "late": 2}\n')
        self.assert_failed(self.schema({"a": "BIGINT"}), "extra: late")
        self.assert_passed(self.schema({"a": "BIGINT"}, extra="allow"))
        self.assert_failed(self.schema({"a": "BIGINT", "late": "BIGINT"}), "late is in none of the first lines")
        self.assert_passed(self.schema({"a": "BIGINT", "late": "BIGINT"}, dataset={"types": {"late": "BIGINT"}}))

    def test_a_key_of_a_later_file(self):
        for i in range(40):
            self.write(f"{i:02}.jsonl", '{"a": 1}\n' if i < 39 else '{"a": 1, "late": 2}\n')
        self.assert_failed(self.schema({"a": "BIGINT"}), "extra: late")

    def test_keys_that_differ_only_in_case(self):
        self.write("t.jsonl", '{"a": 1, "A": 2}\n{"A": 3}\n')
        self.assert_error(self.schema({"a": "BIGINT", "A": "BIGINT"}), "differ only in case")
        self.assert_error(self.check({"t": "t.jsonl"}, {"type": "unique", "dataset": "t", "columns": "A"}), "differ only in case")
        self.write("t.jsonl", '{"a": 1}\n' * 30000 + '{"A": 3}\n')
        self.assert_error(self.schema({"a": "BIGINT"}), "differ only in case")

    def test_many_keys_of_one_type_are_columns_all_the_same(self):
        self.write("t.jsonl", "{" + ", ".join(f'"k{i}": {i}' for i in range(300)) + "}\n")
        self.assert_passed(self.schema({f"k{i}": "BIGINT" for i in range(300)}))

    def test_a_type_for_a_key_that_no_line_has(self):
        self.write("t.jsonl", '{"a": 1}\n')
        self.assert_error(self.schema({"a": "BIGINT"}, dataset={"types": {"b": "BIGINT"}}), "no such column")


class Edges(VerifyTest):
    def test_a_share_means_what_it_says_at_its_edge(self):
        self.make("t.parquet", "SELECT CASE WHEN i < 7 THEN NULL ELSE i END v, i % 993 AS w FROM range(1000) r(i)")
        nulls = {"type": "null_rate_ceiling", "dataset": "t", "columns": "v", "counts": ["NULL"]}
        self.assert_passed(self.check({"t": "t.parquet"}, {**nulls, "ceiling": "0.7%"}))
        self.assert_failed(self.check({"t": "t.parquet"}, {**nulls, "ceiling": "0.69%"}))
        unique = {"type": "unique", "dataset": "t", "columns": "w"}
        result = self.check({"t": "t.parquet"}, {**unique, "tolerance": "0.7%"})
        self.assert_passed(result)
        self.assertEqual(result["threshold"], 7)
        self.assert_failed(self.check({"t": "t.parquet"}, {**unique, "tolerance": "0.6%"}))
        self.make("t.parquet", "SELECT i % 71 AS w FROM range(100) r(i)")
        self.assertEqual(self.check({"t": "t.parquet"}, {**unique, "tolerance": "29%"})["threshold"], 29)

    def test_the_order_of_columns_in_every_parquet_file(self):
        self.make("p1.parquet", "SELECT 1 AS a, 2 AS b")
        self.make("p2.parquet", "SELECT 2 AS b, 1 AS a")
        check = {"type": "schema_match", "dataset": "t", "columns": ["a", "b"]}
        self.assert_passed(self.check({"t": "p*.parquet"}, check))
        self.assert_failed(self.check({"t": "p*.parquet"}, {**check, "order": "exact"}), "in p2.parquet stands b in the place of a")

    def test_a_header_is_taken_as_it_is_written(self):
        self.write("t.csv", " a ,b\n1,2\n")
        check = {"type": "schema_match", "dataset": "t"}
        self.assert_failed(self.check({"t": "t.csv"}, {**check, "columns": ["a", "b"]}), "missing: a")
        self.assert_passed(self.check({"t": "t.csv"}, {**check, "columns": [" a ", "b"]}))

    def test_a_schema_of_ten_thousand_columns(self):
        names = [f"c{i}" for i in range(10000)]
        self.write("t.csv", ",".join(names) + "\n" + ",".join(["1"] * 10000) + "\n")
        check = {"type": "schema_match", "dataset": "t", "columns": {name: "BIGINT" for name in names}}
        self.assert_passed(self.check({"t": "t.csv"}, check, timeout=60))


if __name__ == "__main__":
    harness.main()
