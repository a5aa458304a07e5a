#include <catch2/catch.hpp>

#include "common/identity.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/verify_contracts.h"
#include "verify/contract_reader.h"

using namespace jobward;
using namespace jobward::verify;
using Catch::Contains;

namespace {

const std::string kUnique =
    "type = \"unique\"\nseverity = \"HARD_FAIL\"\ndataset = \"t\"\ncolumns = \"a\"\n";
const std::string kWhole = kOneCheck + kUnique;  // eight lines

std::string replaced(const std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return std::string(text).replace(at, from.size(), to);
}

// A contract with this table [datasets.t], from line 3 on.
std::string with_dataset(const std::string& lines) {
  return "id = \"demo\"\n[datasets.t]\n" + lines + "[checks.one]\n" + kUnique;
}

Dataset dataset_of(const std::string& lines) {
  return contract_of(with_dataset(lines)).datasets[0];
}

std::string dataset_refusal(const std::string& lines) { return refusal_of(with_dataset(lines)); }

Tolerance tolerance_of(const std::string& line) {
  return std::get<Unique>(contract_of(kWhole + line).checks[0].demand).tolerance;
}

}  // namespace

TEST_CASE("contract: Datasets and checks come in the order of the file, each with its place") {
  const auto contract = contract_of(
      "id = \"demo:2/x\"\ndescription = \"for people\"\n"
      "[datasets.zoo]\npath = \"z.csv\"\n[datasets.ant]\npath = \"a.csv\"\n"
      "[checks.z]\ntype = \"unique\"\nseverity = \"WARN\"\ndataset = \"zoo\"\ncolumns = \"a\"\n"
      "description = \"for people, too\"\n"
      "[checks.\"a.b\"]\ntype = \"unique\"\nseverity = \"INFO\"\ndataset = \"ant\"\n"
      "columns = \"a\"\n");
  CHECK(contract.id == "demo:2/x");
  REQUIRE(contract.datasets.size() == 2);
  CHECK(contract.datasets[0].name == "zoo");
  CHECK(contract.datasets[0].where == "c.toml:3");
  CHECK(contract.dataset("ant") == &contract.datasets[1]);
  CHECK(contract.dataset("bee") == nullptr);
  REQUIRE(contract.checks.size() == 2);
  CHECK(contract.checks[0].id == "z");
  CHECK(contract.checks[0].where == "c.toml:7");
  CHECK(contract.checks[1].id == "a.b");
  CHECK(contract.checks[1].dataset == "ant");
}

TEST_CASE("contract: A severity is exactly one of three words") {
  const auto severity = [](const std::string& word) {
    return contract_of(replaced(kWhole, "HARD_FAIL", word)).checks[0].severity;
  };
  CHECK(severity("HARD_FAIL") == Severity::hard_fail);
  CHECK(severity("WARN") == Severity::warn);
  CHECK(severity("INFO") == Severity::info);
  for (const char* word : {"warn", "Warn", "hard_fail", "HARDFAIL", "HARD FAIL", "ERROR", "WARN ",
                           " WARN", "WARN\\n", ""})
    CHECK_THAT(refusal_of(replaced(kWhole, "HARD_FAIL", word)),
               Contains("c.toml:6") && Contains("severity"));
  for (const char* value : {"1", "true", "[\"WARN\"]"})
    CHECK_THAT(refusal_of(replaced(kWhole, "\"HARD_FAIL\"", value)),
               Contains("c.toml:6") && Contains("severity"));
  CHECK_THAT(refusal_of(replaced(kWhole, "HARD_FAIL", "HARDFAIL")),
             Contains("HARD_FAIL, WARN, INFO") && Contains("did you mean HARD_FAIL?"));
  CHECK_THAT(refusal_of(replaced(kWhole, "severity = \"HARD_FAIL\"\n", "")),
             Contains("c.toml:4") && Contains("severity: it is missing"));
}

TEST_CASE("contract: A key that does not exist is an error on every level") {
  CHECK_THAT(refusal_of("titel = \"x\"\n" + kWhole),
             Contains("c.toml:1") && Contains("unknown key titel"));
  CHECK_THAT(refusal_of(replaced(kWhole, "path", "pth")),
             Contains("c.toml:3") && Contains("datasets.t.pth") && Contains("did you mean path?"));
  CHECK_THAT(refusal_of(kWhole + "toleranse = 1\n"), Contains("c.toml:9") &&
                                                         Contains("checks.one.toleranse") &&
                                                         Contains("did you mean tolerance?"));
  CHECK_THAT(
      refusal_of(kOneCheck + "type = \"schema_match\"\nseverity = \"WARN\"\ndataset = \"t\"\n"
                             "columns = [{ name = \"a\", typ = \"any\" }]\n"),
      Contains("c.toml:8") && Contains("did you mean type?"));
  // One of another check is as unknown.
  CHECK_THAT(refusal_of(kWhole + "ceiling = 0\n"), Contains("c.toml:9") && Contains("ceiling"));
  CHECK_THAT(refusal_of(kWhole + "[extra]\n"), Contains("c.toml:9") && Contains("unknown key"));
}

TEST_CASE("contract: No id of a check, and no dataset, stands there twice") {
  CHECK_THAT(refusal_of(kWhole + "[checks.one]\n" + kUnique), Contains("c.toml:9"));
  CHECK_THAT(refusal_of(kWhole + "[datasets.t]\npath = \"u.csv\"\n"), Contains("c.toml:9"));
  // The engine does not tell them apart.
  CHECK_THAT(refusal_of(kWhole + "[datasets.T]\npath = \"u.csv\"\n"),
             Contains("c.toml:9") && Contains("differ only in case"));
}

TEST_CASE("contract: A dataset or a check that is not known is named, with what was meant") {
  CHECK_THAT(refusal_of(replaced(kWhole, "dataset = \"t\"", "dataset = \"tt\"")),
             Contains("c.toml:7") && Contains("no dataset tt") && Contains("did you mean t?"));
  CHECK_THAT(refusal_of(replaced(kWhole, "dataset = \"t\"\n", "")),
             Contains("c.toml:4") && Contains("dataset: it is missing"));
  CHECK_THAT(refusal_of(replaced(kWhole, "unique", "uniqe")),
             Contains("c.toml:5") && Contains("did you mean unique?"));
  CHECK_THAT(refusal_of(kOneCheck + "severity = \"WARN\"\n"), Contains("type: it is missing"));
}

TEST_CASE("contract: What is no contract is an error with its place") {
  CHECK_THAT(refusal_of(""), Contains("c.toml:1") && Contains("id: it is missing"));
  CHECK_THAT(refusal_of("id = \"demo\"\n"), Contains("no checks"));
  CHECK_THAT(refusal_of("id = \"a b\"\n" + replaced(kWhole, "id = \"demo\"\n", "")),
             Contains("c.toml:1") && Contains("id: it has"));
  CHECK_THAT(refusal_of("id = \"x\"\nchecks = 1\n"), Contains("c.toml:2") && Contains("checks"));
  CHECK_THAT(refusal_of("id = \"x\"\n[checks]\none = 1\n"),
             Contains("c.toml:3") && Contains("no table"));
  CHECK_THAT(refusal_of(replaced(kWhole, "[checks.one]", "[checks.\"a b\"]")),
             Contains("c.toml:4") && Contains("the id of a check"));
  CHECK_THAT(refusal_of(replaced(kWhole, "[datasets.t]", "[datasets.\"a b\"]")),
             Contains("c.toml:2") && Contains("the name of a dataset"));
  CHECK_THAT(refusal_of(replaced(kWhole, "[datasets.t]", "[datasets.\"a\\u001b[31m\"]")),
             !Contains("\x1b"));
}

TEST_CASE("contract: The file names tell the format, or the contract does") {
  const auto format = [](const std::string& lines) { return to_string(dataset_of(lines).format); };
  CHECK(format("path = \"a/*.csv\"\n") == "csv");
  CHECK(format("path = \"A.CSV\"\n") == "csv");
  CHECK(format("path = [\"a.csv\", \"b.csv.gz\", \"c.csv.zst\"]\n") == "csv");
  CHECK(format("path = \"a.tsv\"\n") == "tsv");
  CHECK(format("path = \"part-*.parquet\"\n") == "parquet");
  CHECK(format("path = [\"a.jsonl\", \"b.ndjson.gz\"]\n") == "jsonl");
  for (const char* ending : {"sqlite", "sqlite3", "db"})
    CHECK(format("path = \"a." + std::string(ending) + "\"\ntable = \"x\"\n") == "sqlite");
  CHECK(format("path = \"a.txt\"\nformat = \"csv\"\n") == "csv");
  CHECK_THAT(dataset_refusal("path = \"a.txt\"\n"),
             Contains("c.toml:2") && Contains("do not tell the format"));
  CHECK_THAT(dataset_refusal("path = [\"a.csv\", \"b.tsv\"]\n"),
             Contains("do not tell the format"));
  CHECK_THAT(dataset_refusal("path = \"a\"\nformat = \"cvs\"\n"),
             Contains("c.toml:4") && Contains("did you mean csv?"));
}

TEST_CASE("contract: Nothing of a text file is left to be detected") {
  const auto plain = dataset_of("path = \"a.csv\"\n").text;
  CHECK(plain.delimiter == ",");
  CHECK(plain.quote == "\"");
  CHECK(plain.escape == "\"");
  CHECK(plain.comment.empty());
  CHECK(plain.header);
  CHECK(plain.skip == 0);
  CHECK(plain.null_strings == std::vector<std::string>{""});
  CHECK(plain.quoted_nulls);
  CHECK(plain.encoding == "utf-8");
  CHECK(plain.decimal_separator == ".");
  CHECK(dataset_of("path = \"a.tsv\"\n").text.delimiter == "\t");
  const auto given = dataset_of(
      "path = \"a.tsv\"\ndelimiter = \";\"\nquote = \"\"\nescape = \"\\\\\"\ncomment = \"#\"\n"
      "header = false\nskip = 3\nnull_strings = [\"NA\", \"\"]\nquoted_nulls = false\n"
      "encoding = \"latin-1\"\ntimestamp_format = \"%d.%m.%Y %H:%M\"\ndate_format = \"%d.%m.%Y\"\n"
      "decimal_separator = \",\"\ntypes = { id = \"BIGINT\" }\n");
  CHECK(given.text.delimiter == ";");
  CHECK(given.text.quote.empty());
  CHECK(given.text.escape == "\\");
  CHECK(given.text.comment == "#");
  CHECK_FALSE(given.text.header);
  CHECK(given.text.skip == 3);
  CHECK(given.text.null_strings == std::vector<std::string>{"NA", ""});
  CHECK_FALSE(given.text.quoted_nulls);
  CHECK(given.text.encoding == "latin-1");
  CHECK(given.text.timestamp_format == "%d.%m.%Y %H:%M");
  CHECK(given.text.date_format == "%d.%m.%Y");
  CHECK(given.text.decimal_separator == ",");
  REQUIRE(given.types.size() == 1);
  CHECK(given.types[0] == std::pair<std::string, std::string>("id", "BIGINT"));
  // To read nothing as NULL is a choice, too.
  CHECK(dataset_of("path = \"a.csv\"\nnull_strings = []\n").text.null_strings.empty());
}

TEST_CASE("contract: What is common to all formats, and what some have") {
  const auto plain = dataset_of("path = \"a.parquet\"\n");
  CHECK(plain.key.empty());
  CHECK_FALSE(plain.allow_empty);
  CHECK_FALSE(plain.digest_content);
  CHECK_FALSE(plain.hive_partitioning);
  const auto given = dataset_of(
      "path = \"a.parquet\"\nkey = [\"a\", \"b\"]\nallow_empty = true\ndigest = \"content\"\n"
      "hive_partitioning = true\n");
  CHECK(given.key == std::vector<std::string>{"a", "b"});
  CHECK(given.allow_empty);
  CHECK(given.digest_content);
  CHECK(given.hive_partitioning);
  CHECK(dataset_of("path = \"a.db\"\ntable = \"orders\"\n").table == "orders");
  CHECK_THAT(dataset_refusal("path = \"a.db\"\n"), Contains("table: it is missing"));
  CHECK_THAT(dataset_refusal("path = [\"a.db\", \"b.db\"]\ntable = \"x\"\n"),
             Contains("one database"));
  // A key that means nothing for the format would be believed to do something.
  CHECK_THAT(dataset_refusal("path = \"a.parquet\"\ndelimiter = \",\"\n"),
             Contains("c.toml:4") && Contains("unknown key"));
  CHECK_THAT(dataset_refusal("path = \"a.parquet\"\ntypes = { a = \"BIGINT\" }\n"),
             Contains("unknown key"));
  CHECK_THAT(dataset_refusal("path = \"a.csv\"\ntable = \"x\"\n"), Contains("unknown key"));
  CHECK_THAT(dataset_refusal("path = \"a.db\"\ntable = \"x\"\nhive_partitioning = true\n"),
             Contains("unknown key"));
}

TEST_CASE("contract: A value that a dataset cannot have is an error with its line") {
  const std::string path = "path = \"a.csv\"\n";
  for (const char* line :
       {"delimiter = \"\"", "delimiter = \"||\"", "quote = \"''\"", "decimal_separator = \"\"",
        "skip = -1", "skip = 1.5", "skip = 2000000", "header = \"yes\"", "null_strings = \"NA\"",
        "encoding = \"utf8\"", "digest = \"all\"", "allow_empty = 1", "key = []",
        "types = \"BIGINT\"", "types = { a = \"integer\" }", "types = { a = \"BIGINT; DROP\" }"})
    CHECK_THAT(dataset_refusal(path + line + "\n"), Contains("c.toml:4"));
  CHECK_THAT(dataset_refusal(""), Contains("c.toml:2") && Contains("path: it is missing"));
  CHECK_THAT(dataset_refusal("path = \"\"\nformat = \"csv\"\n"), Contains("c.toml:3"));
  CHECK_THAT(dataset_refusal("path = []\nformat = \"csv\"\n"), Contains("c.toml:3"));
  CHECK_THAT(dataset_refusal("path = 1\n"), Contains("c.toml:3"));
}

TEST_CASE("contract: A tolerance is a number of rows or a share in per cent, and by default none") {
  CHECK(tolerance_of("").of(1e6) == 0);
  CHECK(tolerance_of("tolerance = 0\n").of(1e6) == 0);
  CHECK(tolerance_of("tolerance = 10\n").rows == 10);
  CHECK(tolerance_of("tolerance = 10\n").of(1e6) == 10);
  CHECK(tolerance_of("tolerance = 10\n").of(0) == 10);
  CHECK(tolerance_of("tolerance = \"0%\"\n").of(1e6) == 0);
  CHECK(tolerance_of("tolerance = \"0.1%\"\n").of(1e6) == Approx(1000));
  CHECK(tolerance_of("tolerance = \"100%\"\n").of(50) == Approx(50));
  CHECK_FALSE(tolerance_of("tolerance = \"1%\"\n").rows);
  // 0.5 could be half a row or half of them.
  for (const char* value : {"0.5", "1.0", "-1", "true", "[1]", "\"10\"", "\"0.5\"", "\"\"", "\"%\"",
                            "\"-1%\"", "\"101%\"", "\"nan%\"", "\"1%%\"", "nan", "inf"})
    CHECK_THAT(refusal_of(kWhole + "tolerance = " + value + "\n"),
               Contains("c.toml:9") && Contains("tolerance"));
}

TEST_CASE(
    "contract: A file is read with its directory, project, digest and what it names beside it") {
  const test::TemporaryDirectory directory;
  directory.make_directory("repo/.git");
  directory.write("repo/checks/q.sql", "SELECT * FROM t WHERE a < 0");
  const std::string text = kOneCheck +
                           "type = \"custom_sql\"\nseverity = \"WARN\"\ndatasets = \"t\"\n"
                           "query_file = \"q.sql\"\n";
  const auto path = directory.write("repo/checks/c.toml", text);
  const auto contract = read_contract(path);
  REQUIRE(contract);
  CHECK(contract->path == path);
  CHECK(contract->directory == directory.path("repo/checks"));
  CHECK(contract->project == directory.path("repo"));
  // What it names beside it is part of what it demands.
  CHECK(contract->sha256 != sha256_hex(text));
  directory.write("repo/checks/q.sql", "SELECT * FROM t WHERE false");
  CHECK(read_contract(path)->sha256 != contract->sha256);
  const auto& demand = std::get<CustomSql>(contract->checks[0].demand);
  CHECK(demand.query == "SELECT * FROM t WHERE a < 0");
  CHECK(demand.file == "q.sql");
}

TEST_CASE("contract: A file that is missing is named, and one that ends in .json is JSON") {
  const test::TemporaryDirectory directory;
  const auto missing = read_contract(directory.path("none.toml"));
  REQUIRE_FALSE(missing);
  CHECK_THAT(missing.error().message(), Contains("none.toml"));
  const auto path = directory.write("c.toml", kOneCheck +
                                                  "type = \"custom_sql\"\nseverity = \"WARN\"\n"
                                                  "datasets = \"t\"\nquery_file = \"none.sql\"\n");
  const auto without_query = read_contract(path);
  REQUIRE_FALSE(without_query);
  CHECK_THAT(without_query.error().message(), Contains("c.toml:8") && Contains("none.sql"));
  const auto json = read_contract(directory.write(
      "c.json",
      R"({"id": "demo", "datasets": {"t": {"path": "t.csv"}}, "checks": {"one": {"type": "unique",
          "severity": "INFO", "dataset": "t", "columns": "a"}}})"));
  REQUIRE(json);
  CHECK(json->checks[0].severity == Severity::info);
  CHECK_FALSE(read_contract(directory.write("d.json", kWhole)));
}
