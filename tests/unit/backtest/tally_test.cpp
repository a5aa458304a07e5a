#include "backtest/tally.h"

#include <catch2/catch.hpp>

using namespace jobward;
using backtest::quantile;
using backtest::Tally;

namespace {

constexpr double kGigabyte = 1e9;

void add(Tally& tally, double given, double needed, std::size_t earlier) {
  const backtest::Need need{needed * kGigabyte, 3600};
  const auto cost = backtest::charge(given * kGigabyte, {}, need, 1);
  REQUIRE(cost);
  tally.add_memory(*cost, need, earlier);
}

}  // namespace

TEST_CASE("backtest tally: Sums, coverage and slack by hand") {
  Tally tally;
  add(tally, 3, 2, 0);    // slack 0.5, wasted 1
  add(tally, 4, 2, 2);    // slack 1, wasted 2
  add(tally, 1, 2, 3);    // fails once, wasted 1 + 0
  add(tally, 2, 2, 99);   // slack 0
  add(tally, 6, 2, 100);  // slack 2, wasted 4
  const auto scores = tally.scores();
  CHECK(scores.first.rows == 5);
  CHECK(scores.first.share() == Approx(0.8));
  CHECK(scores.failures == 1);
  CHECK(scores.wastage_gbh == Approx(8));
  CHECK(scores.used_gbh == Approx(10));
  CHECK(*scores.median_slack == Approx(0.75));  // of 0, 0.5, 1, 2
  CHECK(*scores.p90_slack == Approx(1.7));      // 2.7 of the way
  CHECK(scores.by_runs[0].rows == 2);
  CHECK(scores.by_runs[0].share() == Approx(1));
  CHECK(scores.by_runs[1].rows == 1);
  CHECK(scores.by_runs[1].share() == Approx(0));
  CHECK(scores.by_runs[2].rows == 0);
  CHECK(!scores.by_runs[2].share());
  CHECK(scores.by_runs[3].rows == 1);
  CHECK(scores.by_runs[4].rows == 1);
}

TEST_CASE("backtest tally: Errors of times are relative, and 0 measured has none") {
  Tally tally;
  tally.add_predicted(Resource::wall, {90, 120, 150}, 100);   // 0.1
  tally.add_predicted(Resource::wall, {130, 140, 150}, 100);  // 0.3
  tally.add_predicted(Resource::wall, {150, 150, 150}, 200);  // 0.25, beyond the p95
  tally.add_predicted(Resource::wall, {1, 2, 3}, 0);
  tally.add_predicted(Resource::io_write, {5, 6, 7}, 10);  // 0.5
  const auto scores = tally.scores();
  CHECK(scores.wall.rows == 3);
  CHECK(*scores.wall.median_relative_error == Approx(0.25));
  CHECK(scores.wall_p95.share() == Approx(0.75));
  CHECK(*scores.written.median_relative_error == Approx(0.5));
  CHECK(!scores.read.median_relative_error);
  CHECK(!scores.median_slack);
  CHECK(!scores.first.share());
}

TEST_CASE("backtest tally: Merged ones are as if all had been added to one") {
  Tally all;
  Tally left;
  Tally right;
  for (int i = 0; i < 20; ++i) {
    const double given = 1 + 0.1 * i;
    const auto earlier = static_cast<std::size_t>(i * 7);
    add(all, given, 1.5, earlier);
    add(i % 3 == 0 ? left : right, given, 1.5, earlier);
    all.add_predicted(Resource::io_read, {given, given, given}, 2);
    (i % 3 == 0 ? left : right).add_predicted(Resource::io_read, {given, given, given}, 2);
  }
  left.merge(right);
  const auto one = all.scores();
  const auto two = left.scores();
  CHECK(two.first.covered == one.first.covered);
  CHECK(two.failures == one.failures);
  CHECK(two.wastage_gbh == Approx(one.wastage_gbh));
  CHECK(*two.p90_slack == Approx(*one.p90_slack));
  CHECK(*two.read.median_relative_error == Approx(*one.read.median_relative_error));
  for (std::size_t i = 0; i < one.by_runs.size(); ++i)
    CHECK(two.by_runs.at(i).rows == one.by_runs.at(i).rows);
}

TEST_CASE("backtest tally: Quantiles lie between order statistics") {
  CHECK(!quantile({}, 0.5));
  CHECK(*quantile({7}, 0.9) == 7);
  CHECK(*quantile({4, 1, 3, 2}, 0.5) == Approx(2.5));
  CHECK(*quantile({10, 30, 20}, 0) == 10);
  CHECK(*quantile({10, 30, 20}, 1) == 30);
  CHECK(*quantile({0, 10, 20, 30, 40}, 0.95) == Approx(38));
}
