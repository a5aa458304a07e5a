#include <catch2/catch.hpp>

#include "tests/unit/verify_contracts.h"
#include "trust/baseline.h"
#include "verify/terms.h"

using namespace jobward;
using namespace jobward::verify;

namespace {

const std::string kDatasets =
    "id = \"demo\"\n[datasets.t]\npath = \"t.csv\"\n[datasets.u]\npath = \"u.csv\"\n";
const std::string kDigest(64, 'a');

ContractTerms terms_at(const std::string& text, const Beside& beside = {},
                       const std::string& project = "/p", const std::string& directory = "/p") {
  auto contract = contract_of(text, beside);
  contract.project = project;
  contract.directory = directory;
  return terms_of(contract);
}

ContractTerms terms_with(const std::string& check, const Beside& beside = {}) {
  return terms_at(kDatasets + "[checks.one]\nseverity = \"HARD_FAIL\"\n" + check, beside);
}

Term term_with(const std::string& check) { return terms_with(check).terms.at(0); }

// A change of some lines of a contract: told in one direction, in the other, or in both.
struct Change {
  const char* strict;
  const char* loose;
  bool also_back = false;
};

void check_told(const std::string& check, const std::vector<Change>& changes) {
  for (const auto& change : changes) {
    INFO(check << change.strict << " -> " << change.loose);
    const auto strict = terms_with(check + change.strict);
    const auto loose = terms_with(check + change.loose);
    CHECK_FALSE(trust::compare(strict, loose).empty());
    CHECK(trust::compare(loose, strict).empty() != change.also_back);
    CHECK(trust::compare(strict, strict).empty());
  }
}

std::string of_type(const char* type) {
  return "type = \"" + std::string(type) + "\"\ndataset = \"t\"\n";
}

// What a guard says when only the dataset t changes.
bool is_told(const std::string& before, const std::string& after) {
  const auto terms = [](const std::string& lines) {
    return terms_at("id = \"demo\"\n[datasets.t]\n" + lines +
                    "[checks.one]\ntype = \"unique\"\nseverity = \"WARN\"\ndataset = \"t\"\n"
                    "columns = \"a\"\n");
  };
  return !trust::compare(terms(before), terms(after)).empty();
}

}  // namespace

TEST_CASE("terms: Each check has its own, sorted by id") {
  const std::string unique = "type = \"unique\"\nseverity = \"WARN\"\ndataset = \"t\"\n";
  const auto terms = terms_at(kDatasets + "[checks.z]\n" + unique +
                              "columns = \"a\"\n[checks.b]\n" + unique + "columns = \"b\"\n");
  CHECK(terms.id == "demo");
  REQUIRE(terms.terms.size() == 2);
  CHECK(terms.terms[0].check == "b");
  CHECK(terms.terms[1].check == "z");
  CHECK(terms.terms[1].primitive == "unique");
  CHECK(terms.terms[1].severity == Severity::warn);
}

TEST_CASE("terms: A tolerance is there also where the contract has none") {
  for (const std::string& check :
       {of_type("unique") + "columns = \"a\"\n", of_type("row_count_parity") + "equal = 3\n",
        of_type("key_alignment") + "other = \"u\"\nkeys = \"a\"\n",
        of_type("value_range") + "columns = \"a\"\nmin = 0\n",
        of_type("allowed_values") + "columns = \"a\"\nvalues = [1]\n"}) {
    INFO(check);
    const auto none = term_with(check);
    CHECK(none.bounds.at("tolerance_rows").value == 0);
    CHECK(none.bounds.at("tolerance_share").value == 0);
    CHECK(none.bounds.at("tolerance_rows").loosens == Bound::Loosens::up);
    // To say that there is none changes nothing.
    CHECK(trust::same(terms_with(check), terms_with(check + "tolerance = 0\n")));
    CHECK(term_with(check + "tolerance = 5\n").bounds.at("tolerance_rows").value == 5);
    CHECK(*term_with(check + "tolerance = \"1%\"\n").bounds.at("tolerance_share").value ==
          Approx(0.01));
    check_told(check, {{"", "tolerance = 1\n"},
                       {"", "tolerance = \"0.1%\"\n"},
                       {"tolerance = 1\n", "tolerance = 2\n"},
                       {"tolerance = \"1%\"\n", "tolerance = \"2%\"\n"},
                       {"tolerance = 1\n", "tolerance = \"1%\"\n", true}});
  }
}

TEST_CASE("terms: A looser schema is told") {
  const std::string check = of_type("schema_match");
  check_told(check, {{"columns = [\"a\"]\n", "columns = [\"a\"]\nextra = \"allow\"\n"},
                     {"columns = [{ name = \"a\", nullable = false }]\n", "columns = [\"a\"]\n"}});
  const std::vector<std::pair<const char*, const char*>> changes{
      {"columns = [\"a\", \"b\"]\n", "columns = [\"a\"]\n"},
      {"columns = [\"a\", \"b\"]\norder = \"exact\"\n", "columns = [\"a\", \"b\"]\n"},
      {"columns = { a = \"BIGINT\" }\n", "columns = { a = \"integer\" }\n"}};
  for (const auto& [strict, loose] : changes) {
    INFO(strict << " -> " << loose);
    CHECK_FALSE(trust::compare(terms_with(check + strict), terms_with(check + loose)).empty());
  }
  const std::string exact = "order = \"exact\"\n";
  CHECK_FALSE(trust::compare(terms_with(check + exact + "columns = [\"a\", \"b\"]\n"),
                             terms_with(check + exact + "columns = [\"b\", \"a\"]\n"))
                  .empty());
  // Where their order is of no account it does not show either.
  CHECK(trust::same(terms_with(check + "columns = [\"a\", \"b\"]\n"),
                    terms_with(check + "columns = [\"b\", \"a\"]\n")));
}

TEST_CASE("terms: Other counts of rows are told") {
  check_told(of_type("row_count_parity"),
             {{"min = 5\n", "min = 4\n"},
              {"max = 5\n", "max = 6\n"},
              {"min = 5\nmax = 9\n", "min = 5\n"},
              {"equal = 5\n", "equal = 6\n", true},
              {"equal = 5\n", "other = \"u\"\n", true},
              {"other = \"u\"\n", "other = \"t\"\n", true},
              {"last_accepted = true\nfirst = \"fail\"\n", "last_accepted = true\n"}});
}

TEST_CASE("terms: Looser keys are told") {
  const std::string check = of_type("key_alignment") + "other = \"u\"\n";
  check_told(check + "keys = \"a\"\n", {{"", "mode = \"left_subset\"\n"},
                                        {"", "mode = \"right_subset\"\n"},
                                        {"", "duplicates = \"allow\"\n"},
                                        {"", "null_keys = \"equal\"\n"}});
  for (const char* line : {"ignore_case = true\n", "ignore_blanks = true\n"})
    CHECK_FALSE(trust::compare(terms_with(check + "keys = \"a\"\n"),
                               terms_with(check + "keys = \"a\"\n" + line))
                    .empty());
  check_told(check, {{"keys = [\"a\", \"b\"]\n", "keys = \"a\"\n", true},
                     {"keys = \"a\"\n", "keys = \"a\"\nother_keys = \"b\"\n", true}});
  // Neither subset is looser than the other, so that both ways are told.
  check_told(check + "keys = \"a\"\n",
             {{"mode = \"left_subset\"\n", "mode = \"right_subset\"\n", true}});
}

TEST_CASE("terms: Looser demands on values are told") {
  check_told(of_type("null_rate_ceiling"),
             {{"columns = \"a\"\nceiling = 0\ncounts = \"NULL\"\n",
               "columns = \"a\"\nceiling = \"1%\"\ncounts = \"NULL\"\n"},
              {"columns = [\"a\", \"b\"]\nceiling = 0\ncounts = \"NULL\"\n",
               "columns = \"a\"\nceiling = 0\ncounts = \"NULL\"\n"},
              {"columns = \"a\"\nceiling = 0\ncounts = [\"NULL\", \"NaN\"]\n",
               "columns = \"a\"\nceiling = 0\ncounts = \"NULL\"\n"},
              {"columns = \"a\"\nceiling = 0\ncounts = \"blank\"\n",
               "columns = \"a\"\nceiling = 0\ncounts = \"empty\"\n"},
              {"pattern = \"y_*\"\nceiling = 0\ncounts = \"NULL\"\n",
               "pattern = \"x_*\"\nceiling = 0\ncounts = \"NULL\"\n", true}});
  check_told(of_type("unique"),
             {{"columns = \"a\"\n", "columns = [\"a\", \"b\"]\n"},
              {"columns = \"a\"\nnulls = \"fail\"\n", "columns = \"a\"\nnulls = \"equal\"\n"},
              {"columns = \"a\"\nnulls = \"equal\"\n", "columns = \"a\"\n"},
              {"columns = \"a\"\nignore_case = true\n", "columns = \"a\"\n"},
              {"columns = \"a\"\nignore_blanks = true\n", "columns = \"a\"\n"}});
  check_told(of_type("value_range") + "columns = \"a\"\n",
             {{"min = 0\n", "min = -0.5\n"},
              {"max = 1\n", "max = 2\n"},
              {"min = 0\nmax = 1\n", "min = 0\n"},
              {"min = 0\nexclusive = true\n", "min = 0\n"},
              {"min = 0\n", "min = 0\nnan = \"ignore\"\n"},
              // A date is in no order here.
              {"min = \"2026-01-01\"\n", "min = \"2025-01-01\"\n", true},
              {"min = 0\n", "min = \"0\"\n", true}});
  check_told(of_type("allowed_values") + "columns = \"a\"\n",
             {{"values = [1]\n", "values = [1, 2]\n"},
              {"values = [1]\n", "values = [1, \"1\"]\n"},
              {"values = [\"true\"]\n", "values = [\"true\", true]\n"},
              {"values = [1]\nnulls = \"fail\"\n", "values = [1]\n"},
              {"values = [\"a\"]\n", "values = [\"a\"]\nignore_case = true\n"}});
}

TEST_CASE("terms: Older data, another digest, another query are told") {
  check_told(of_type("freshness") + "column = \"at\"\n",
             {{"max_age = \"1h\"\n", "max_age = \"2h\"\n"},
              {"max_age = \"1h\"\n", "max_age = \"1h\"\nmax_future = \"1h\"\n"},
              {"max_age = \"1h\"\ntimezone = \"UTC\"\n",
               "max_age = \"1h\"\ntimezone = \"Europe/Berlin\"\n", true},
              {"max_age = \"1h\"\nunit = \"s\"\n", "max_age = \"1h\"\nunit = \"ms\"\n", true}});
  const std::string query = "type = \"custom_sql\"\ndatasets = \"t\"\n";
  check_told(query, {{"query = \"SELECT 1\"\n", "query = \"SELECT 1\"\nmax_rows = 1\n"},
                     {"query = \"SELECT 1\"\n", "query = \"SELECT 2\"\n", true}});
  const std::string sums = of_type("file_digest") + "manifest = \"sums.txt\"\n";
  CHECK_FALSE(trust::compare(terms_with(sums, {{"sums.txt", kDigest + "  a.csv\n"}}),
                             terms_with(sums, {{"sums.txt", std::string(64, 'b') + "  a.csv\n"}}))
                  .empty());
  // A query counts, and not where it is written down.
  const std::string beside = query + "query_file = \"q.sql\"\n";
  CHECK(trust::same(terms_with(query + "query = \"SELECT 1\"\n"),
                    terms_with(beside, {{"q.sql", "SELECT 1"}})));
  CHECK_FALSE(trust::compare(terms_with(beside, {{"q.sql", "SELECT 1"}}),
                             terms_with(beside, {{"q.sql", "SELECT 1 WHERE false"}}))
                  .empty());
}

TEST_CASE("terms: Looser demands on functions are told") {
  const std::string check = "type = \"stubs\"\nmarkers = [\"checkpoint\", \"resume\"]\n";
  check_told(check + "paths = \"src\"\n", {{"require = \"checkpoint=os.fsync\"\n", ""},
                                           {"require = \"checkpoint=os.fsync\"\n",
                                            "require = \"checkpoint=os.replace\"\n", true},
                                           {"", "trust_decorators = \"retry\"\n"},
                                           {"known_stubs = \"stubs.py\"\n", ""}});
  check_told(check, {{"paths = [\"src\", \"lib\"]\n", "paths = \"src\"\n"}});
  CHECK_FALSE(trust::compare(terms_with(check + "paths = \"src\"\n"),
                             terms_with("type = \"stubs\"\nmarkers = \"checkpoint\"\n"
                                        "paths = \"src\"\n"))
                  .empty());
  // Another record at the same place is another demand.
  const std::string record = R"({"kind": "jobward-stub-record", "schema_version": 1,)";
  const std::string against = check + "paths = \"src\"\nagainst = \"r.json\"\n";
  const auto before = terms_with(against, {{"r.json", record + "\"functions\": []}"}});
  CHECK_FALSE(
      trust::compare(before, terms_with(against, {{"r.json", record + " \"functions\": []}"}}))
          .empty());
  CHECK_FALSE(trust::compare(before, terms_with(check + "paths = \"src\"\n")).empty());
}

TEST_CASE("terms: A lower severity, and a check that is gone, are told") {
  const std::string unique = "type = \"unique\"\ndataset = \"t\"\ncolumns = \"a\"\n";
  const auto with = [&](const char* severity, const std::string& more = "") {
    return terms_at(kDatasets + "[checks.one]\nseverity = \"" + severity + "\"\n" + unique + more);
  };
  CHECK_FALSE(trust::compare(with("HARD_FAIL"), with("WARN")).empty());
  CHECK_FALSE(trust::compare(with("WARN"), with("INFO")).empty());
  CHECK(trust::compare(with("INFO"), with("HARD_FAIL")).empty());
  const std::string second = "[checks.two]\nseverity = \"INFO\"\n" + unique;
  CHECK_FALSE(trust::compare(with("WARN", second), with("WARN")).empty());
  CHECK(trust::compare(with("WARN"), with("WARN", second)).empty());
}

TEST_CASE("terms: Other data, or the same data read otherwise, are told") {
  const std::string plain = "path = \"t.csv\"\n";
  CHECK_FALSE(is_told(plain, plain));
  CHECK(is_told(plain, "path = \"other.csv\"\n"));
  CHECK(is_told("path = \"t/*.csv\"\n", "path = \"t/1*.csv\"\n"));
  CHECK(is_told(plain, plain + "allow_empty = true\n"));
  CHECK_FALSE(is_told(plain + "allow_empty = true\n", plain));
  for (const char* line :
       {"format = \"tsv\"", "delimiter = \";\"", "quote = \"\"", "escape = \"\"", "comment = \"#\"",
        "header = false", "skip = 1", "null_strings = []", "null_strings = [\"\", \"NA\"]",
        "quoted_nulls = false", "encoding = \"latin-1\"", "timestamp_format = \"%Y\"",
        "date_format = \"%Y\"", "decimal_separator = \",\"", "types = { a = \"VARCHAR\" }",
        "hive_partitioning = true"}) {
    INFO(line);
    CHECK(is_told(plain, plain + line + "\n"));
  }
  CHECK(is_told("path = \"t.db\"\ntable = \"a\"\n", "path = \"t.db\"\ntable = \"b\"\n"));
  // How rows are shown, and how files are remembered, demand nothing.
  CHECK_FALSE(is_told(plain, plain + "key = \"id\"\n"));
  CHECK_FALSE(is_told(plain, plain + "digest = \"content\"\n"));
}

TEST_CASE("terms: The other side of a comparison is looked at, too") {
  for (const std::string& check :
       {of_type("key_alignment") + "other = \"u\"\nkeys = \"a\"\n",
        of_type("row_count_parity") + "other = \"u\"\n",
        std::string("type = \"custom_sql\"\ndatasets = [\"t\", \"u\"]\nquery = \"SELECT 1\"\n")}) {
    INFO(check);
    const auto with = [&](const std::string& path) {
      return terms_at("id = \"demo\"\n[datasets.t]\npath = \"t.csv\"\n[datasets.u]\n" + path +
                      "[checks.one]\nseverity = \"WARN\"\n" + check);
    };
    const auto before = with("path = \"u.csv\"\n");
    CHECK_FALSE(trust::compare(before, with("path = \"v.csv\"\n")).empty());
    CHECK_FALSE(trust::compare(before, with("path = \"u.csv\"\nallow_empty = true\n")).empty());
  }
}

TEST_CASE(
    "terms: A moved checkout, and a contract moved within it, demand the same of the same data") {
  const auto contract = [](const std::string& up) {
    return "id = \"demo\"\n[datasets.t]\npath = \"" + up +
           "data/t.csv\"\n[checks.one]\ntype = \"unique\"\nseverity = \"WARN\"\ndataset = \"t\"\n"
           "columns = \"a\"\n[checks.two]\ntype = \"stubs\"\nseverity = \"WARN\"\n"
           "markers = \"checkpoint\"\npaths = \"" +
           up + "src\"\nknown_stubs = \"" + up + "stubs.py\"\n";
  };
  const auto here = terms_at(contract(""), {}, "/home/a/p", "/home/a/p");
  CHECK(trust::same(here, terms_at(contract(""), {}, "/srv/p", "/srv/p")));
  CHECK(trust::same(here, terms_at(contract("../"), {}, "/home/a/p", "/home/a/p/checks")));
  CHECK(trust::same(here, terms_at(contract("/home/a/p/"), {}, "/home/a/p", "/home/a/p/checks")));
  // The same words from another directory mean other data.
  CHECK_FALSE(trust::same(here, terms_at(contract(""), {}, "/home/a/p", "/home/a/p/checks")));
  CHECK_FALSE(
      trust::compare(here, terms_at(contract("../"), {}, "/home/a/p", "/home/a/p")).empty());
}
