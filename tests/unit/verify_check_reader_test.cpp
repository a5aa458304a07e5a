// The checks of a contract, read into what they demand.
#include <catch2/catch.hpp>

#include "tests/unit/verify_contracts.h"

using namespace jobward;
using namespace jobward::verify;
using Catch::Contains;

namespace {

const std::string kHead =
    "id = \"demo\"\n[datasets.t]\npath = \"t.csv\"\n[datasets.u]\npath = \"u.csv\"\n"
    "[checks.one]\nseverity = \"WARN\"\n";  // seven lines
const std::string kOnT = "dataset = \"t\"\n";
const std::string kDigest(64, 'a');

std::string text_of(const std::string& type, const std::string& lines) {
  return kHead + "type = \"" + type + "\"\n" + lines;
}

Check check_of(const std::string& type, const std::string& lines, const Beside& beside = {}) {
  const auto check = contract_of(text_of(type, lines), beside).checks.at(0);
  CHECK(primitive_name(check.demand) == type);
  return check;
}

template <class Demanded>
Demanded demand_of(const std::string& type, const std::string& lines, const Beside& beside = {}) {
  const auto check = check_of(type, lines, beside);
  REQUIRE(std::holds_alternative<Demanded>(check.demand));
  return std::get<Demanded>(check.demand);
}

std::string refused(const std::string& type, const std::string& lines, const Beside& beside = {}) {
  return refusal_of(text_of(type, lines), beside);
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("checks: schema_match takes columns with types, names alone, or tables that say more") {
  const auto schema = [](const std::string& lines) {
    return demand_of<SchemaMatch>("schema_match", kOnT + lines);
  };
  const auto typed = schema("columns = { id = \"BIGINT\", name = \"text\" }\n");
  REQUIRE(typed.columns.size() == 2);
  CHECK(typed.columns[0].name == "id");
  CHECK(typed.columns[0].type == "BIGINT");
  CHECK(typed.columns[1].type == "text");
  CHECK_FALSE(typed.allow_extra);
  CHECK_FALSE(typed.exact_order);
  const auto named = schema("columns = [\"b\", \"a\"]\nextra = \"allow\"\norder = \"exact\"\n");
  REQUIRE(named.columns.size() == 2);
  CHECK(named.columns[0].name == "b");
  CHECK(named.columns[0].type == "any");
  CHECK(named.allow_extra);
  CHECK(named.exact_order);
  const auto more = schema(
      "columns = [{ name = \"z\", type = \"BIGINT\", nullable = false },\n  { name = \"a\" }]\n");
  REQUIRE(more.columns.size() == 2);
  CHECK(more.columns[0].name == "z");
  CHECK(more.columns[0].nullable == false);
  CHECK(more.columns[1].type == "any");
  CHECK_FALSE(more.columns[1].nullable.has_value());
}

TEST_CASE("checks: A schema that cannot be meant is an error") {
  const auto schema = [](const std::string& lines) {
    return refused("schema_match", kOnT + lines);
  };
  CHECK_THAT(schema(""), Contains("columns: it is missing"));
  CHECK_THAT(schema("columns = {}\n"), Contains("c.toml:10") && Contains("there are none"));
  CHECK_THAT(schema("columns = []\n"), Contains("c.toml:10"));
  CHECK_THAT(schema("columns = [\"a\", \"a\"]\n"), Contains("a stands there twice"));
  CHECK_THAT(schema("columns = { a = \"intger\" }\n"),
             Contains("c.toml:10") && Contains("did you mean integer?"));
  CHECK_THAT(schema("columns = { a = \"bigint\" }\n"), Contains("unknown type bigint"));
  CHECK_THAT(schema("columns = { a = 1 }\n"), Contains("expected a type"));
  CHECK_THAT(schema("columns = [{ type = \"any\" }]\n"), Contains("name: it is missing"));
  CHECK_THAT(schema("columns = { a = \"any\" }\norder = \"exact\"\n"), Contains("has no order"));
  CHECK_THAT(schema("columns = [\"a\"]\nextra = \"ignore\"\n"),
             Contains("c.toml:11") && Contains("forbid, allow"));
}

TEST_CASE("checks: row_count_parity compares with exactly one thing") {
  const auto rows = [](const std::string& lines) {
    return demand_of<RowCountParity>("row_count_parity", kOnT + lines);
  };
  const auto other = rows("other = \"u\"\ntolerance = \"1%\"\n");
  CHECK(other.other == "u");
  CHECK(other.tolerance.of(200) == Approx(2));
  CHECK(rows("equal = 0\n").equal == 0);
  const auto range = rows("min = 5\nmax = 5\n");
  CHECK(range.minimum == 5);
  CHECK(range.maximum == 5);
  CHECK_FALSE(rows("min = 5\n").maximum.has_value());
  CHECK_FALSE(rows("max = 5\n").minimum.has_value());
  CHECK(rows("last_accepted = true\n").last_accepted);
  CHECK(rows("last_accepted = true\n").accept_first);
  CHECK_FALSE(rows("last_accepted = true\nfirst = \"fail\"\n").accept_first);

  for (const char* lines : {"", "last_accepted = false\n", "equal = 1\nmin = 1\n",
                            "other = \"u\"\nequal = 1\n", "equal = 1\nlast_accepted = true\n"})
    CHECK_THAT(refused("row_count_parity", kOnT + lines), Contains("exactly one of"));
  CHECK_THAT(refused("row_count_parity", kOnT + "min = 6\nmax = 5\n"),
             Contains("c.toml:10") && Contains("larger than max"));
  CHECK_THAT(refused("row_count_parity", kOnT + "equal = -1\n"), Contains("c.toml:10"));
  CHECK_THAT(refused("row_count_parity", kOnT + "other = \"v\"\n"),
             Contains("c.toml:10") && Contains("no dataset v"));
  // What would have no effect is no key here.
  CHECK_THAT(refused("row_count_parity", kOnT + "equal = 1\nfirst = \"fail\"\n"),
             Contains("c.toml:11") && Contains("unknown key"));
  CHECK_THAT(refused("row_count_parity", kOnT + "min = 1\ntolerance = 1\n"),
             Contains("c.toml:11") && Contains("unknown key"));
}

TEST_CASE("checks: key_alignment is strict unless it is told otherwise") {
  const auto keys = [](const std::string& lines) {
    return demand_of<KeyAlignment>("key_alignment", kOnT + "other = \"u\"\n" + lines);
  };
  const auto plain = keys("keys = [\"a\", \"b\"]\n");
  CHECK(plain.other == "u");
  CHECK(plain.left == Names{"a", "b"});
  CHECK(plain.right == Names{"a", "b"});
  CHECK(plain.mode == KeyAlignment::Mode::equal);
  CHECK_FALSE(plain.allow_duplicates);
  CHECK_FALSE(plain.allow_null_keys);
  CHECK_FALSE(plain.ignore_case);
  CHECK_FALSE(plain.ignore_blanks);
  CHECK(plain.tolerance.of(100) == 0);
  const auto loose = keys(
      "keys = \"a\"\nother_keys = \"x\"\nmode = \"right_subset\"\nduplicates = \"allow\"\n"
      "null_keys = \"equal\"\nignore_case = true\nignore_blanks = true\ntolerance = 3\n");
  CHECK(loose.left == Names{"a"});
  CHECK(loose.right == Names{"x"});
  CHECK(loose.mode == KeyAlignment::Mode::right_subset);
  CHECK(loose.allow_duplicates);
  CHECK(loose.allow_null_keys);
  CHECK(loose.ignore_case);
  CHECK(loose.ignore_blanks);
  CHECK(loose.tolerance.rows == 3);
  CHECK(keys("keys = \"a\"\nmode = \"left_subset\"\n").mode == KeyAlignment::Mode::left_subset);

  const std::string other = kOnT + "other = \"u\"\n";
  CHECK_THAT(refused("key_alignment", other), Contains("keys: it is missing"));
  CHECK_THAT(refused("key_alignment", other + "keys = []\n"), Contains("c.toml:11"));
  CHECK_THAT(refused("key_alignment", other + "keys = [\"a\", \"b\"]\nother_keys = \"x\"\n"),
             Contains("c.toml:12") && Contains("as many columns"));
  CHECK_THAT(refused("key_alignment", kOnT + "keys = \"a\"\n"), Contains("other: it is missing"));
  CHECK_THAT(refused("key_alignment", kOnT + "other = \"v\"\nkeys = \"a\"\n"),
             Contains("no dataset v"));
}

TEST_CASE("checks: null_rate_ceiling wants to be told what counts as null") {
  const auto rate = [](const std::string& lines) {
    return demand_of<NullRateCeiling>("null_rate_ceiling", kOnT + lines);
  };
  const auto named = rate("columns = \"a\"\nceiling = 0.01\ncounts = \"NULL\"\n");
  CHECK(named.columns.names == Names{"a"});
  CHECK(named.ceiling == Approx(0.01));
  CHECK(named.counts.null);
  CHECK_FALSE(named.counts.nan);
  CHECK_FALSE(named.counts.empty);
  CHECK_FALSE(named.counts.blank);
  const auto all = rate(
      "pattern = \"f_*\"\nceiling = \"1%\"\ncounts = [\"NULL\", \"NaN\", \"empty\", \"blank\"]\n");
  CHECK(all.columns.pattern == "f_*");
  CHECK(all.columns.names.empty());
  CHECK(all.ceiling == Approx(0.01));
  CHECK((all.counts.nan && all.counts.empty && all.counts.blank));
  CHECK(rate("columns = \"a\"\nceiling = 0\ncounts = \"NULL\"\n").ceiling == 0);
  CHECK(rate("columns = \"a\"\nceiling = 1\ncounts = \"NULL\"\n").ceiling == 1);

  const auto refusal = [](const std::string& lines) {
    return refused("null_rate_ceiling", kOnT + lines);
  };
  CHECK_THAT(refusal("columns = \"a\"\nceiling = 0\n"), Contains("what counts as null"));
  CHECK_THAT(refusal("columns = \"a\"\nceiling = 0\ncounts = \"null\"\n"),
             Contains("c.toml:12") && Contains("unknown word null"));
  CHECK_THAT(refusal("columns = \"a\"\ncounts = \"NULL\"\n"), Contains("ceiling: it is missing"));
  for (const char* ceiling : {"1.5", "-0.1", "2", "nan", "\"101%\"", "true"})
    CHECK_THAT(refusal("columns = \"a\"\ncounts = \"NULL\"\nceiling = " + std::string(ceiling)),
               Contains("c.toml:12") && Contains("ceiling"));
  const std::string rest = "ceiling = 0\ncounts = \"NULL\"\n";
  CHECK_THAT(refusal(rest), Contains("give either columns"));
  CHECK_THAT(refusal(rest + "columns = \"a\"\npattern = \"*\"\n"), Contains("give either columns"));
}

TEST_CASE("checks: unique has one key, and says what a NULL in it is") {
  const auto unique = [](const std::string& lines) {
    return demand_of<Unique>("unique", kOnT + lines);
  };
  const auto plain = unique("columns = [\"a\", \"b\"]\n");
  CHECK(plain.columns == Names{"a", "b"});
  CHECK(plain.nulls == Unique::Nulls::ignore);
  CHECK_FALSE(plain.ignore_case);
  CHECK_FALSE(plain.ignore_blanks);
  CHECK(unique("columns = \"a\"\nnulls = \"equal\"\n").nulls == Unique::Nulls::equal);
  CHECK(unique("columns = \"a\"\nnulls = \"fail\"\n").nulls == Unique::Nulls::fail);
  const auto given =
      unique("columns = \"a\"\nignore_case = true\nignore_blanks = true\ntolerance = \"1%\"\n");
  CHECK(given.ignore_case);
  CHECK(given.ignore_blanks);
  CHECK(given.tolerance.of(100) == Approx(1));
  CHECK_THAT(refused("unique", kOnT), Contains("columns: it is missing"));
  CHECK_THAT(refused("unique", kOnT + "columns = \"a\"\nnulls = \"allow\"\n"),
             Contains("c.toml:11") && Contains("ignore, equal, fail"));
}

TEST_CASE("checks: value_range has ends that are numbers, or dates in quotes") {
  const auto range = [](const std::string& lines) {
    return demand_of<ValueRange>("value_range", kOnT + "columns = \"a\"\n" + lines);
  };
  const auto plain = range("min = 0\n");
  CHECK(plain.minimum == TomlScalar(std::int64_t{0}));
  CHECK_FALSE(plain.maximum.has_value());
  CHECK_FALSE(plain.exclusive);
  CHECK_FALSE(plain.allow_nan);
  const auto given =
      range("min = -1.5\nmax = 9007199254740993\nexclusive = true\nnan = \"ignore\"\n");
  CHECK(given.minimum == TomlScalar(-1.5));
  CHECK(given.maximum == TomlScalar(std::int64_t{9007199254740993}));  // no double has it
  CHECK(given.exclusive);
  CHECK(given.allow_nan);
  CHECK(range("max = \"2026-01-01\"\n").maximum == TomlScalar(std::string("2026-01-01")));
  const std::string columns = kOnT + "columns = \"a\"\n";
  CHECK_THAT(refused("value_range", columns), Contains("min, max or both"));
  for (const char* value : {"nan", "inf", "true", "[1]", "2026-01-01"})
    CHECK_THAT(refused("value_range", columns + "min = " + value + "\n"),
               Contains("c.toml:11") && Contains("min"));
}

TEST_CASE("checks: allowed_values keeps the kind of each value") {
  const auto allowed = [](const std::string& lines) {
    return demand_of<AllowedValues>("allowed_values", kOnT + "columns = \"a\"\n" + lines);
  };
  const auto mixed = allowed("values = [1, \"1\", true, 2.5]\n");
  REQUIRE(mixed.values.size() == 4);
  CHECK(mixed.values[0] == TomlScalar(std::int64_t{1}));
  CHECK(mixed.values[1] == TomlScalar(std::string("1")));
  CHECK(mixed.values[2] == TomlScalar(true));
  CHECK(mixed.values[3] == TomlScalar(2.5));
  CHECK(mixed.allow_null);
  CHECK_FALSE(mixed.ignore_case);
  const auto given = allowed("values = [\"a\"]\nnulls = \"fail\"\nignore_case = true\n");
  CHECK_FALSE(given.allow_null);
  CHECK(given.ignore_case);
  const std::string columns = kOnT + "columns = \"a\"\n";
  CHECK_THAT(refused("allowed_values", columns), Contains("values: it is missing"));
  CHECK_THAT(refused("allowed_values", columns + "values = []\n"), Contains("c.toml:11"));
  CHECK_THAT(refused("allowed_values", columns + "values = \"a\"\n"), Contains("c.toml:11"));
}

TEST_CASE("checks: freshness has a greatest age, and allows clocks to differ a little") {
  const auto fresh = [](const std::string& lines) {
    return demand_of<Freshness>("freshness", kOnT + "column = \"at\"\n" + lines);
  };
  const auto plain = fresh("max_age = \"24h\"\n");
  CHECK(plain.column == "at");
  CHECK(plain.max_age_seconds == 86400);
  CHECK(plain.max_future_seconds == 300);
  CHECK(plain.timezone.empty());
  CHECK(plain.unit == Freshness::Unit::none);
  const auto given = fresh("max_age = \"1h30m\"\nmax_future = \"0s\"\ntimezone = \"UTC\"\n");
  CHECK(given.max_age_seconds == 5400);
  CHECK(given.max_future_seconds == 0);
  CHECK(given.timezone == "UTC");
  CHECK(fresh("max_age = \"1d\"\nunit = \"s\"\n").unit == Freshness::Unit::s);
  CHECK(fresh("max_age = \"1d\"\nunit = \"ns\"\n").unit == Freshness::Unit::ns);
  const std::string column = kOnT + "column = \"at\"\n";
  CHECK_THAT(refused("freshness", column), Contains("max_age: it is missing"));
  CHECK_THAT(refused("freshness", column + "max_age = \"1 day\"\n"), Contains("c.toml:11"));
  CHECK_THAT(refused("freshness", column + "max_age = 24\n"), Contains("c.toml:11"));
  CHECK_THAT(refused("freshness", kOnT + "max_age = \"1h\"\n"), Contains("column: it is missing"));
}

TEST_CASE("checks: file_digest has one digest, or a manifest as sha256sum writes it") {
  const auto one =
      demand_of<FileDigestCheck>("file_digest", kOnT + "sha256 = \"" + kDigest + "\"\n");
  CHECK(one.sha256 == kDigest);
  CHECK(one.listed.empty());
  const auto listed = demand_of<FileDigestCheck>(
      "file_digest", kOnT + "manifest = \"sums.txt\"\n",
      {{"sums.txt", kDigest + "  a.csv\n" + std::string(64, '0') + " *sub/b c.csv\n"}});
  CHECK(listed.manifest == "sums.txt");
  REQUIRE(listed.listed.size() == 2);
  CHECK(listed.listed[0] == std::pair<std::string, std::string>("a.csv", kDigest));
  CHECK(listed.listed[1].first == "sub/b c.csv");

  const auto manifest = [](const std::string& text) {
    return refused("file_digest", kOnT + "manifest = \"sums.txt\"\n", {{"sums.txt", text}});
  };
  CHECK_THAT(manifest(kDigest + "  a.csv\n" + "abc  b.csv\n"),
             Contains("c.toml:10") && Contains("sums.txt:2"));
  CHECK_THAT(manifest(std::string(64, 'A') + "  a.csv\n"), Contains("sums.txt:1"));
  CHECK_THAT(manifest(kDigest + "\n"), Contains("sums.txt:1"));
  CHECK_THAT(manifest("\n"), Contains("is empty"));
  CHECK_THAT(refused("file_digest", kOnT + "manifest = \"none.txt\"\n"), Contains("none.txt"));
  CHECK_THAT(refused("file_digest", kOnT), Contains("give either sha256"));
  CHECK_THAT(refused("file_digest", kOnT + "sha256 = \"" + kDigest + "\"\nmanifest = \"s\"\n"),
             Contains("give either sha256"));
  CHECK_THAT(refused("file_digest", kOnT + "sha256 = \"" + std::string(64, 'A') + "\"\n"),
             Contains("c.toml:10") && Contains("lower case"));
}
