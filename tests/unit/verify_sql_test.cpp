#include <catch2/catch.hpp>

#include "verify/sql.h"

using namespace jobward;
using namespace jobward::verify;
using Catch::Contains;

namespace {

std::string value(const TomlScalar& scalar, const std::string& type) {
  const auto sql = sql_value(scalar, type);
  INFO((sql ? "" : sql.error().message()));
  REQUIRE(sql);
  return *sql;
}

std::string misfit(const TomlScalar& scalar, const std::string& type) {
  const auto sql = sql_value(scalar, type);
  REQUIRE_FALSE(sql);
  return sql.error().message();
}

const TomlScalar kText = std::string("1");
const TomlScalar kWhole = std::int64_t{1};
const TomlScalar kBroken = 0.5;
const TomlScalar kTruth = true;

}  // namespace

TEST_CASE("sql: A text stays a text, and a name a name") {
  CHECK(sql_text("") == "''");
  CHECK(sql_text("it's") == "'it''s'");
  CHECK(sql_text("'; DROP TABLE t; --") == "'''; DROP TABLE t; --'");
  CHECK(sql_text("a\"b\\n") == "'a\"b\\n'");  // nothing else means anything
  CHECK(sql_name("a b") == "\"a b\"");
  CHECK(sql_name("a \"b\"") == "\"a \"\"b\"\"\"");
  CHECK(sql_name("\" FROM x --") == "\"\"\" FROM x --\"");
  CHECK(sql_name("it's") == "\"it's\"");
}

TEST_CASE("sql: A file's name is no pattern") {
  CHECK(glob_escaped("/data/a.csv") == "/data/a.csv");
  CHECK(glob_escaped("/d[1]/a*b?.csv") == "/d[[]1]/a[*]b[?].csv");
}

TEST_CASE("sql: Pieces are put together") {
  CHECK(as_text("sum(a)") == "CAST(sum(a) AS VARCHAR)");
  CHECK(joined({}, ", ").empty());
  CHECK(joined({"a"}, ", ") == "a");
  CHECK(joined({"a", "b", "c"}, " AND ") == "a AND b AND c");
}

TEST_CASE("sql: A value is compared only with a column of its kind") {
  CHECK(value(kText, "VARCHAR") == "'1'");
  CHECK(value(std::string("it's"), "VARCHAR") == "'it''s'");
  CHECK(value(kWhole, "BIGINT") == "1");
  CHECK(value(std::int64_t{9007199254740993}, "BIGINT") == "9007199254740993");
  CHECK(value(kBroken, "BIGINT") == "0.5");
  CHECK(value(kWhole, "DECIMAL(18,3)") == "1");
  CHECK(value(kTruth, "BOOLEAN") == "true");
  CHECK(value(false, "BOOLEAN") == "false");
  CHECK(value(std::string("2026-01-01"), "DATE") == "CAST('2026-01-01' AS DATE)");
  CHECK(value(std::string("x'"), "TIMESTAMP WITH TIME ZONE") ==
        "CAST('x''' AS TIMESTAMP WITH TIME ZONE)");
  // A FLOAT of 0.1 is more than 0.1: both sides are rounded alike.
  CHECK(value(0.1, "FLOAT") == "CAST('0.1' AS FLOAT)");
  CHECK(value(kWhole, "DOUBLE") == "CAST('1' AS DOUBLE)");
}

TEST_CASE("sql: A value of another kind is refused in words, and not converted") {
  CHECK_THAT(misfit(kText, "BIGINT"), Contains("a text") && Contains("BIGINT"));
  CHECK_THAT(misfit(kText, "DOUBLE"), Contains("a text"));
  CHECK_THAT(misfit(kText, "DECIMAL(18,3)"), Contains("DECIMAL(18,3)"));
  CHECK_THAT(misfit(kText, "BOOLEAN"), Contains("a text"));
  CHECK_THAT(misfit(kWhole, "VARCHAR"), Contains("a number") && Contains("VARCHAR"));
  CHECK_THAT(misfit(kWhole, "BOOLEAN"), Contains("a number"));
  CHECK_THAT(misfit(kBroken, "DATE"), Contains("a number"));
  CHECK_THAT(misfit(kTruth, "BIGINT"), Contains("a truth"));
  CHECK_THAT(misfit(kTruth, "VARCHAR"), Contains("a truth"));
}

TEST_CASE("sql: Whatever a contract or a directory has in it is quoted where files are read") {
  Dataset dataset;
  dataset.text.delimiter = "'";
  dataset.text.null_strings = {"", "N'A"};
  const std::vector<TypedColumn> columns{{"a'b", "BIGINT"}};
  const auto sql = sql_reader(dataset, {"/d/it's[1].csv"}, columns, 0);
  CHECK_THAT(sql, Contains("['/d/it''s[[]1].csv']") && Contains("delim = ''''") &&
                      Contains("nullstr = ['', 'N''A']") && Contains("'a''b': 'BIGINT'"));
  dataset.format = Format::parquet;
  CHECK_THAT(sql_reader(dataset, {"/d/it's.parquet"}, {}, 0),
             Contains("read_parquet(['/d/it''s.parquet']") && !Contains("delim"));
  dataset.format = Format::jsonl;
  CHECK_THAT(sql_reader(dataset, {"/d/it's.jsonl"}, columns, 0),
             Contains("['/d/it''s.jsonl']") && Contains("columns = {'a''b': 'BIGINT'}"));
}

TEST_CASE("sql: Nothing of a CSV but its types is left to be detected") {
  Dataset dataset;
  CHECK_THAT(sql_reader(dataset, {"/a.csv", "/b.csv"}, {}, 0),
             Contains("read_csv(['/a.csv', '/b.csv']") && Contains("delim = ','") &&
                 Contains("quote = '\"'") && Contains("header = true") && Contains("skip = 0") &&
                 Contains("nullstr = ['']") && Contains("encoding = 'utf-8'") &&
                 Contains("strict_mode = true") && Contains("null_padding = false") &&
                 Contains("ignore_errors = false") && Contains("union_by_name = false") &&
                 !Contains("columns = ") && !Contains("buffer_size"));
  CHECK_THAT(
      sql_reader(dataset, {"/a.csv"}, {{"a", "BIGINT"}}, 4096),
      Contains("auto_detect = false, columns = {'a': 'BIGINT'}") && Contains("buffer_size = 4096"));
  // An empty field is not NULL where nothing is.
  dataset.text.null_strings.clear();
  CHECK_THAT(sql_reader(dataset, {"/a.csv"}, {}, 0), !Contains("nullstr = ['']"));
}
