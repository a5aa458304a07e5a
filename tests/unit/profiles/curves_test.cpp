#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "profiles/sqlite.h"
#include "profiles/sqlite_run_store.h"
#include "tests/support/fixed_clock.h"
#include "tests/support/sample_run.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::profiles;

namespace {

struct Place {
  test::TemporaryDirectory directory;
  test::FixedClock clock;
  std::unique_ptr<RunStore> store =
      open_sqlite_run_store(directory.path(), clock, [](const std::string&) {}).value();

  sqlite::Database database() {
    return sqlite::Database::open(directory.path() + "/jobward.db", 1000).value();
  }
};

RunEnding ended_well(double wall) {
  RunEnding ending;
  ending.usage.set(Metric::wall, wall);
  ending.usage.set(Metric::memory_need, 5000);
  ending.curve = {{0, 1024}, {0.5, 4096}};
  return ending;
}

void put(RunStore& store, int number, const RunEnding& ending,
         const std::string& masked = "masked-key") {
  auto request = test::plain_request("run0000" + std::to_string(100 + number));
  request.fingerprint.masked = masked;
  REQUIRE(store.begin(request, {1, 1, {}, {}}));
  REQUIRE(store.end(request.id, ending, {1, 1, 2, 3}, Teaches::no));
}

}  // namespace

TEST_CASE("curves: The last ones of a kind, newest first") {
  Place place;
  CHECK(place.store->curves("masked-key").value().empty());
  for (int i = 0; i < kCurvesRead + 3; ++i)
    put(*place.store, i, ended_well(i + 1));
  const auto curves = place.store->curves("masked-key").value();
  REQUIRE(curves.size() == kCurvesRead);
  CHECK(curves.front().wall_seconds == kCurvesRead + 3);
  CHECK(curves.back().wall_seconds == 4);
  CHECK(curves.front().need_bytes == 5000);
  REQUIRE(curves.front().points.size() == 2);
  CHECK(curves.front().points[1].seconds == 0.5);
  CHECK(curves.front().points[1].bytes == 4096);
}

TEST_CASE("curves: Only of runs of the kind that ended well and have one") {
  Place place;
  put(*place.store, 0, ended_well(1), "another-key");
  auto ending = ended_well(2);
  ending.outcome = Outcome::failed;
  put(*place.store, 1, ending);
  ending = ended_well(3);
  ending.curve.clear();
  put(*place.store, 2, ending);
  ending = ended_well(4);
  ending.usage = {};
  put(*place.store, 3, ending);
  REQUIRE(place.store->begin(test::plain_request("open000000"), {1, 1, {}, {}}));
  CHECK(place.store->curves("masked-key").value().empty());
  put(*place.store, 4, ended_well(5));
  const auto curves = place.store->curves("masked-key").value();
  REQUIRE(curves.size() == 1);
  CHECK(curves[0].wall_seconds == 5);
}

TEST_CASE("curves: One that is damaged is left out") {
  Place place;
  for (int i = 0; i < 3; ++i)
    put(*place.store, i, ended_well(i + 1));
  REQUIRE(
      place.database().execute("UPDATE runs SET curve=x'010203' WHERE id='run0000100';"
                               "UPDATE runs SET ending='{' WHERE id='run0000101'"));
  const auto curves = place.store->curves("masked-key").value();
  REQUIRE(curves.size() == 1);
  CHECK(curves[0].wall_seconds == 3);
}

TEST_CASE("curves: An index leads to them, without sorting") {
  Place place;
  auto db = place.database();
  auto plan = db.prepare(
      "EXPLAIN QUERY PLAN SELECT ending, curve FROM runs"
      " WHERE fp_masked=? AND outcome='ok' AND length(curve)>0 ORDER BY seq DESC LIMIT 10");
  REQUIRE(plan);
  REQUIRE(plan->step().value());
  CHECK(plan->text(3) == "SEARCH runs USING INDEX runs_with_curve (fp_masked=?)");
  CHECK(!plan->step().value());
}
