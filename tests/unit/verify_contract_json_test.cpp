// Contracts as JSON: the same shape, the same errors.
#include <catch2/catch.hpp>

#include "tests/unit/verify_contracts.h"
#include "trust/baseline.h"
#include "verify/terms.h"

using namespace jobward;
using namespace jobward::verify;
using Catch::Contains;

namespace {

Contract json_of(const std::string& text) { return contract_of(text, {}, Form::json); }
std::string refused(const std::string& text) { return refusal_of(text, {}, Form::json); }

// A contract with this as its one check.
std::string with_check(const std::string& members) {
  return R"({"id": "demo", "datasets": {"t": {"path": "t.csv"}}, "checks": {"one": {)" + members +
         "}}}";
}

const std::string kUnique =
    R"("type": "unique", "severity": "WARN", "dataset": "t", "columns": "a")";

}  // namespace

TEST_CASE("contract JSON: It means what the same in TOML means") {
  const auto json = json_of(R"({
    "id": "demo",
    "description": "for people",
    "datasets": {
      "u": {"path": ["u1.tsv", "u2.tsv"], "null_strings": [], "types": {"id": "BIGINT"}},
      "t": {"path": "t.csv", "skip": 1, "header": false}
    },
    "checks": {
      "z": {"type": "schema_match", "severity": "HARD_FAIL", "dataset": "t",
            "columns": [{"name": "a", "type": "BIGINT", "nullable": false}, {"name": "b"}]},
      "y": {"type": "allowed_values", "severity": "WARN", "dataset": "u", "columns": ["a"],
            "values": [1, "1", true, 2.5], "tolerance": "1%"},
      "x": {"type": "value_range", "severity": "INFO", "dataset": "u", "pattern": "*", "min": -1.5,
            "max": 9007199254740993}
    }})");
  const auto toml = contract_of(
      "id = \"demo\"\n"
      "[datasets.u]\npath = [\"u1.tsv\", \"u2.tsv\"]\nnull_strings = []\n"
      "types = { id = \"BIGINT\" }\n"
      "[datasets.t]\npath = \"t.csv\"\nskip = 1\nheader = false\n"
      "[checks.z]\ntype = \"schema_match\"\nseverity = \"HARD_FAIL\"\ndataset = \"t\"\n"
      "columns = [{ name = \"a\", type = \"BIGINT\", nullable = false }, { name = \"b\" }]\n"
      "[checks.y]\ntype = \"allowed_values\"\nseverity = \"WARN\"\ndataset = \"u\"\n"
      "columns = [\"a\"]\nvalues = [1, \"1\", true, 2.5]\ntolerance = \"1%\"\n"
      "[checks.x]\ntype = \"value_range\"\nseverity = \"INFO\"\ndataset = \"u\"\npattern = \"*\"\n"
      "min = -1.5\nmax = 9007199254740993\n");
  CHECK(trust::same(terms_of(json), terms_of(toml)));
  REQUIRE(json.checks.size() == 3);
  CHECK(json.checks[0].id == "z");  // in the order of the file
  CHECK(json.datasets[0].name == "u");
  CHECK(std::get<ValueRange>(json.checks[2].demand).maximum ==
        TomlScalar(std::int64_t{9007199254740993}));
}

TEST_CASE("contract JSON: An error names the field") {
  CHECK_THAT(refused(with_check(R"("type": "unique", "severity": "warn", "dataset": "t")")),
             Contains("c.json#/checks/one/severity") && Contains("HARD_FAIL, WARN, INFO"));
  CHECK_THAT(refused(with_check(kUnique + R"(, "toleranse": 1)")),
             Contains("c.json#/checks/one/toleranse") && Contains("did you mean tolerance?"));
  CHECK_THAT(refused(with_check(R"("type": "unique", "dataset": "t", "columns": "a")")),
             Contains("c.json#/checks/one:") && Contains("severity: it is missing"));
  CHECK_THAT(refused(with_check(R"("type": "unique", "severity": "WARN", "dataset": "tt",
                                   "columns": "a")")),
             Contains("c.json#/checks/one/dataset") && Contains("no dataset tt"));
  CHECK_THAT(refused(with_check(R"("type": "schema_match", "severity": "WARN", "dataset": "t",
                                   "columns": [{"name": "a"}, {"name": "b", "typ": "any"}])")),
             Contains("c.json#/checks/one/columns/1/typ"));
  CHECK_THAT(refused(R"({"id": "x", "titel": 1, "checks": {}})"), Contains("c.json#/titel"));
}

TEST_CASE("contract JSON: The same name twice in one object is an error wherever it stands") {
  CHECK_THAT(refused(R"({"id": "x", "checks": {"a": {}, "b": {}, "a": {}}})"),
             Contains("c.json#/checks/a") && Contains("twice"));
  CHECK_THAT(refused(with_check(kUnique + R"(, "severity": "INFO")")),
             Contains("c.json#/checks/one/severity") && Contains("twice"));
  CHECK_THAT(refused(with_check(R"("type": "schema_match", "severity": "WARN", "dataset": "t",
                                   "columns": [{"name": "a"}, {"name": "b", "name": "c"}])")),
             Contains("c.json#/checks/one/columns/1/name") && Contains("twice"));
  CHECK_THAT(refused(R"({"id": "x", "id": "y"})"), Contains("c.json#/id") && Contains("twice"));
  // It is the name that counts, not how it is written.
  CHECK_THAT(refused(R"({"id": "x", "\u0069d": "y"})"), Contains("twice"));
  // In two objects it is no second one.
  const auto two = with_check(kUnique + "}, \"two\": {" + kUnique);
  CHECK(json_of(two).checks.size() == 2);
}

TEST_CASE("contract JSON: What is no JSON, or no object, is an error") {
  for (const char* text : {"", "{", "{\"id\": }", "{\"id\": \"x\",}", "[]", "1", "null", "\"x\"",
                           "{\"id\": \"\xff\"}", "{\"id\": \"x\"} {}", "// comment\n{}"})
    CHECK_THAT(refused(text), Contains("c.json#"));
  // Neither of them costs a stack.
  CHECK_THAT(refused(std::string(200000, '[')), Contains("too deeply"));
  std::string nested;
  for (int i = 0; i < 1000; ++i)
    nested += "{\"a\":";
  CHECK_THAT(refused(nested), Contains("too deeply"));
}

TEST_CASE("contract JSON: A value of the wrong kind is an error with its field") {
  for (const char* value : {"null", "1.5", "10.0", "-1", "18446744073709551615", "{}", "[1]",
                            "[{}]", "[[1]]", "\"10\""})
    CHECK_THAT(refused(with_check(kUnique + ", \"tolerance\": " + value)),
               Contains("c.json#/checks/one/tolerance"));
  for (const char* severity : {"null", "1", "[\"WARN\"]", "{}", "\"\""})
    CHECK_THAT(refused(with_check("\"type\": \"unique\", \"dataset\": \"t\", \"columns\": \"a\", "
                                  "\"severity\": " +
                                  std::string(severity))),
               Contains("c.json#/checks/one/severity"));
  CHECK_THAT(refused(R"({"id": "x", "checks": []})"), Contains("c.json#/checks"));
  CHECK_THAT(refused(R"({"id": "x", "checks": {"one": 1}})"), Contains("c.json#/checks/one"));
}
