// Checks that have no dataset of their own: custom_sql and stubs. And what all kinds share.
#include <catch2/catch.hpp>

#include "scan/record.h"
#include "tests/unit/verify_contracts.h"

using namespace jobward;
using namespace jobward::verify;
using Catch::Contains;

namespace {

const std::string kHead =
    "id = \"demo\"\n[datasets.t]\npath = \"t.csv\"\n[datasets.u]\npath = \"u.csv\"\n"
    "[checks.one]\nseverity = \"WARN\"\n";  // seven lines
const std::string kSql = kHead + "type = \"custom_sql\"\n";
const std::string kStubs = kHead + "type = \"stubs\"\n";
const std::string kMarked = kStubs + "markers = [\"checkpoint\", \"resume\"]\npaths = \"src\"\n";

template <class Demanded>
Demanded demand_of(const std::string& text, const Beside& beside = {}) {
  const auto check = contract_of(text, beside).checks.at(0);
  CHECK(check.dataset.empty());
  REQUIRE(std::holds_alternative<Demanded>(check.demand));
  return std::get<Demanded>(check.demand);
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("checks: custom_sql has its query in the contract or beside it") {
  const auto given =
      demand_of<CustomSql>(kSql + "datasets = [\"t\", \"u\"]\nquery = \"SELECT 1\"\n");
  CHECK(given.datasets == Names{"t", "u"});
  CHECK(given.query == "SELECT 1");
  CHECK(given.file.empty());
  CHECK(given.max_rows == 0);
  const auto beside = demand_of<CustomSql>(
      kSql + "datasets = \"t\"\nquery_file = \"q.sql\"\nmax_rows = 7\n", {{"q.sql", "SELECT 2"}});
  CHECK(beside.query == "SELECT 2");
  CHECK(beside.file == "q.sql");
  CHECK(beside.max_rows == 7);

  CHECK_THAT(refusal_of(kSql + "query = \"SELECT 1\"\n"), Contains("datasets: it is missing"));
  CHECK_THAT(refusal_of(kSql + "datasets = [\"t\", \"v\"]\nquery = \"SELECT 1\"\n"),
             Contains("c.toml:9") && Contains("no dataset v"));
  CHECK_THAT(refusal_of(kSql + "datasets = \"t\"\n"), Contains("give either query"));
  CHECK_THAT(refusal_of(kSql + "datasets = \"t\"\nquery = \"SELECT 1\"\nquery_file = \"q.sql\"\n"),
             Contains("give either query"));
  CHECK_THAT(refusal_of(kSql + "datasets = \"t\"\nquery_file = \"q.sql\"\n"),
             Contains("c.toml:10") && Contains("q.sql"));
  CHECK_THAT(refusal_of(kSql + "dataset = \"t\"\ndatasets = \"t\"\nquery = \"SELECT 1\"\n"),
             Contains("c.toml:9") && Contains("unknown key"));
}

TEST_CASE("checks: stubs has markers and paths, and no dataset") {
  const auto plain = demand_of<Stubs>(kMarked);
  CHECK(plain.markers == Names{"checkpoint", "resume"});
  CHECK(plain.paths == Names{"src"});
  CHECK(plain.required.empty());
  CHECK(plain.trusted_decorators.empty());
  CHECK(plain.known_stubs.empty());
  CHECK(plain.against.empty());
  const auto given =
      demand_of<Stubs>(kMarked +
                       "require = [\"checkpoint=torch.save|.save/2\", \"resume=torch.load\"]\n"
                       "trust_decorators = \"retry\"\nknown_stubs = [\"known/stubs.py\"]\n");
  CHECK(given.required == Names{"checkpoint=torch.save|.save/2", "resume=torch.load"});
  CHECK(given.trusted_decorators == Names{"retry"});
  CHECK(given.known_stubs == Names{"known/stubs.py"});
  CHECK_THAT(refusal_of(kStubs + "paths = \"src\"\n"), Contains("markers: it is missing"));
  CHECK_THAT(refusal_of(kStubs + "markers = \"checkpoint\"\n"), Contains("paths: it is missing"));
  CHECK_THAT(refusal_of(kMarked + "dataset = \"t\"\n"),
             Contains("c.toml:11") && Contains("unknown key"));
}

TEST_CASE("checks: The words of stubs are looked at before a file is") {
  CHECK_THAT(refusal_of(kStubs + "markers = \"a-b\"\npaths = \"src\"\n"),
             Contains("c.toml:9") && Contains("a-b"));
  for (const char* words : {"checkpoint", "checkpoint=", "checkpoint=|", "other=os.fsync"})
    CHECK_THAT(refusal_of(kMarked + "require = \"" + words + "\"\n"),
               Contains("c.toml:") && Contains("the required calls " + std::string(words)));
}

TEST_CASE("checks: The record that stubs are held against is read with the contract") {
  const auto record = scan::write_record(
      {{"checkpoint", "m.py", "checkpoint", std::string(64, 'a'), std::string(64, 'b')}});
  const std::string against = kMarked + "against = \"marks/stubs.json\"\n";
  const auto demand = demand_of<Stubs>(against, {{"marks/stubs.json", record}});
  CHECK(demand.against == "marks/stubs.json");
  CHECK(demand.record == record);
  CHECK_THAT(refusal_of(against), Contains("c.toml:11") && Contains("marks/stubs.json"));
  for (const char* text : {"", "{}", "[]", "not JSON"})
    CHECK_THAT(refusal_of(against, {{"marks/stubs.json", text}}),
               Contains("c.toml:11") && Contains("marks/stubs.json"));
}

TEST_CASE("checks: Each names the datasets that it looks at") {
  const auto datasets = [](const std::string& lines) {
    return datasets_of(contract_of(kHead + lines).checks.at(0));
  };
  CHECK(datasets("type = \"unique\"\ndataset = \"t\"\ncolumns = \"a\"\n") == Names{"t"});
  CHECK(datasets("type = \"row_count_parity\"\ndataset = \"t\"\nequal = 1\n") == Names{"t"});
  CHECK(datasets("type = \"row_count_parity\"\ndataset = \"t\"\nother = \"u\"\n") ==
        Names{"t", "u"});
  CHECK(datasets("type = \"key_alignment\"\ndataset = \"u\"\nother = \"t\"\nkeys = \"a\"\n") ==
        Names{"u", "t"});
  CHECK(datasets("type = \"custom_sql\"\ndatasets = [\"u\", \"t\"]\nquery = \"SELECT 1\"\n") ==
        Names{"u", "t"});
  CHECK(datasets("type = \"stubs\"\nmarkers = \"checkpoint\"\npaths = \"src\"\n").empty());
}
