#include "trust/baseline.h"

#include <catch2/catch.hpp>
#include <limits>

#include "trust/terms_codec.h"

using namespace jobward;
using namespace jobward::trust;
using Catch::Contains;

namespace {

ContractTerms orders() {
  Term nulls;
  nulls.check = "nulls";
  nulls.primitive = "null_rate_ceiling";
  nulls.severity = Severity::hard_fail;
  nulls.bounds["ceiling"] = {0.01, Bound::Loosens::up};
  nulls.bounds["minimum"] = {100, Bound::Loosens::down};
  nulls.choices["extra"] = {{"forbid", "allow"}, "forbid"};
  nulls.sets["columns"] = {{"a", "b"}, false};
  nulls.sets["allowed"] = {{"x", "y"}, true};
  nulls.fixed = {{"dataset", "orders.parquet"}, {"null", "NULL"}};
  Term rows = nulls;
  rows.check = "rows";
  rows.primitive = "row_count_parity";
  return {"orders", {nulls, rows}};
}

std::string loosened(const ContractTerms& after) {
  std::string text;
  for (const auto& one : compare(orders(), after))
    text += one + "\n";
  return text;
}

template <class Change>
std::string with(Change change) {
  auto terms = orders();
  change(terms.terms[0]);
  return loosened(terms);
}

}  // namespace

TEST_CASE("baseline: The same terms, and tighter ones, pass") {
  CHECK(loosened(orders()) == "");
  CHECK(same(orders(), orders()));
  CHECK(with([](Term& term) { term.bounds["ceiling"].value = 0.001; }) == "");
  CHECK(with([](Term& term) { term.bounds["minimum"].value = 200; }) == "");
  CHECK(with([](Term& term) { term.sets["columns"].members = {"a", "b", "c"}; }) == "");
  CHECK(with([](Term& term) { term.sets["allowed"].members = {"x"}; }) == "");
  CHECK(with([](Term& term) { term.bounds["fresh"] = {3600, Bound::Loosens::up}; }) == "");
  auto more = orders();
  more.terms.push_back(more.terms[0]);
  more.terms.back().check = "another";
  CHECK(loosened(more) == "");
  CHECK_FALSE(same(orders(), more));
}

TEST_CASE("baseline: A severity that was lowered is named") {
  CHECK_THAT(with([](Term& term) { term.severity = Severity::warn; }),
             Contains("check nulls: its severity was lowered from HARD_FAIL to WARN"));
  CHECK_THAT(with([](Term& term) { term.severity = Severity::info; }), Contains("to INFO"));
}

TEST_CASE("baseline: A ceiling or tolerance that was raised is named") {
  CHECK_THAT(with([](Term& term) { term.bounds["ceiling"].value = 0.02; }),
             Contains("check nulls: ceiling was raised from 0.01 to 0.02"));
  CHECK_THAT(with([](Term& term) { term.bounds["minimum"].value = 99; }),
             Contains("minimum was lowered from 100 to 99"));
  CHECK_THAT(with([](Term& term) { term.bounds["ceiling"].value.reset(); }), Contains("no bound"));
  CHECK_THAT(with([](Term& term) { term.bounds.erase("ceiling"); }), Contains("no bound"));
  CHECK(with([](Term& term) {
          term.bounds["ceiling"].value = std::numeric_limits<double>::quiet_NaN();
        }) != "");
  CHECK(with([](Term& term) { term.bounds["ceiling"] = {0.001, Bound::Loosens::down}; }) != "");
}

TEST_CASE("baseline: A check that was removed is named") {
  auto terms = orders();
  terms.terms.pop_back();
  CHECK_THAT(loosened(terms), Contains("check rows: it was removed"));
  CHECK_THAT(with([](Term& term) { term.primitive = "unique"; }), Contains("and is unique"));
}

TEST_CASE("baseline: A dataset that was pointed elsewhere is named") {
  CHECK_THAT(with([](Term& term) { term.fixed["dataset"] = "clean.parquet"; }),
             Contains("dataset was orders.parquet and is clean.parquet"));
  CHECK_THAT(with([](Term& term) { term.fixed.erase("null"); }), Contains("is gone"));
  CHECK_THAT(with([](Term& term) { term.fixed["where"] = "false"; }), Contains("where is now"));
}

TEST_CASE("baseline: A choice or a set that became looser is named") {
  CHECK_THAT(with([](Term& term) { term.choices["extra"].value = "allow"; }),
             Contains("extra was forbid and is allow"));
  CHECK(with([](Term& term) { term.choices["extra"].value = "unheard-of"; }) != "");
  CHECK(with([](Term& term) { term.choices.erase("extra"); }) != "");
  CHECK_THAT(with([](Term& term) { term.sets["columns"].members = {"a"}; }),
             Contains("columns has no longer b"));
  CHECK_THAT(with([](Term& term) {
               term.sets["allowed"].members = {"x", "y", "z"};
             }),
             Contains("allowed has in addition z"));
  CHECK(with([](Term& term) { term.sets.erase("columns"); }) != "");
}

TEST_CASE("baseline: A copy is known by its checks, whatever its id") {
  auto copy = orders();
  copy.id = "orders2";
  CHECK(is_copy(orders(), copy));
  for (auto& term : copy.terms)
    term.check += "-renamed";
  CHECK(is_copy(orders(), copy));  // the same primitive on the same data
  copy.terms.pop_back();
  CHECK(is_copy(orders(), copy));
  for (auto& term : copy.terms)
    term.fixed["dataset"] = "customers.parquet";
  CHECK_FALSE(is_copy(orders(), copy));
  CHECK(is_copy(orders(), copy, true));  // other words for data that are partly the same
}

TEST_CASE("baseline: Checks that are added do not hide those that were taken over") {
  auto copy = orders();
  copy.id = "orders2";
  for (int i = 0; i < 9; ++i) {
    Term padding;
    padding.check = "padding" + std::to_string(i);
    padding.primitive = "freshness";
    copy.terms.push_back(padding);
  }
  CHECK(is_copy(orders(), copy));
}

TEST_CASE("baseline: Terms come back from the ledger as they were") {
  const auto text = canonical_text(orders());
  const auto again = read_terms(text).value();
  CHECK(canonical_text(again) == text);
  CHECK(compare(orders(), again).empty());
  CHECK(compare(again, orders()).empty());
  for (const auto* broken :
       {"", "[]", "{}", R"({"id":"x","terms":[{}]})", R"({"id":"x","terms":[{"severity":"LOW"}]})"})
    CHECK_FALSE(read_terms(broken));
}
