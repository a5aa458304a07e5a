#include "backtest/baselines.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/random.h"
#include "tests/unit/backtest/sample_history.h"

using namespace jobward;
using backtest::Method;
using test::history_of;
using test::hour_run;

namespace {

backtest::Comparison compared(std::vector<profiles::PastRun> runs, bool cold = false) {
  backtest::ReplayOptions options;
  options.compare = true;
  options.cold = cold;
  auto replayed = backtest::replay(history_of(std::move(runs)), options);
  REQUIRE(replayed);
  return *replayed->comparison;
}

profiles::PastRun asked(double gigabytes, double request) {
  auto run = hour_run("align", gigabytes);
  run.requested_bytes = request * test::kGigabyte;
  return run;
}

}  // namespace

TEST_CASE("backtest baselines: The p95 that is kept up is that of the sorted list") {
  test::Random random(7);
  backtest::SeenNeeds seen;
  CHECK(!seen.p95());
  CHECK(!seen.largest());
  std::vector<double> all;
  for (int i = 0; i < 500; ++i) {
    // With ties, and with long falls and rises.
    const double value = i % 5 == 0 ? 100 : i < 250 ? 1000 - i : random.between(0, 2000);
    seen.add(value);
    all.push_back(value);
    CHECK(*seen.p95() == Approx(*backtest::quantile(all, 0.95)));
    CHECK(*seen.largest() == *std::max_element(all.begin(), all.end()));
  }
}

TEST_CASE("backtest baselines: Each rule on four runs, by hand") {
  // Known before each: {2}, {2, 4}, {2, 4, 3}. Hours and gigabytes.
  const auto figures = compared(
      {hour_run("align", 2), hour_run("align", 4), hour_run("align", 3), hour_run("align", 4.2)});
  // 2 fails at 4: 2, then 4; 4 of 3: 1; 4 fails at 4.2: 4, then 8 - 4.2.
  const auto most = figures.scores(Method::max_seen);
  CHECK(most.first.rows == 3);
  CHECK(most.failures == 2);
  CHECK(most.wastage_gbh == Approx(2 + 1 + 4 + 3.8));
  CHECK(*most.median_slack == Approx(1.0 / 3));
  // 2.2, then 4.4; 4.4 of 3; 4.4 of 4.2.
  const auto more = figures.scores(Method::max_times_1_1);
  CHECK(more.failures == 1);
  CHECK(more.wastage_gbh == Approx(2.2 + 0.4 + 1.4 + 0.2));
  // p95 of {2} is 2, of {2, 4} is 3.9, of {2, 3, 4} is 3.9.
  const auto p95 = figures.scores(Method::p95);
  CHECK(p95.failures == 2);
  CHECK(p95.wastage_gbh == Approx(2 + 0 + 0.9 + 3.9 + 3.6));
  CHECK(figures.scores(Method::request).first.rows == 0);
}

TEST_CASE("backtest baselines: The user's request counts on the rows that tell it") {
  const auto figures = compared({asked(2, 8), asked(3, 8), hour_run("align", 3), asked(3, 2)});
  const auto request = figures.scores(Method::request);
  CHECK(request.first.rows == 2);
  CHECK(request.failures == 1);
  CHECK(request.wastage_gbh == Approx(5 + 2 + 1));
  CHECK(figures.own_where_requested().first.rows == 2);
  CHECK(figures.scores(Method::max_seen).first.rows == 3);
}

TEST_CASE("backtest baselines: Without an earlier run a rule guesses, as the estimate does") {
  const auto figures = compared({hour_run("align", 4)}, true);
  for (const auto method : {Method::max_seen, Method::max_times_1_1, Method::p95}) {
    CHECK(figures.scores(method).first.rows == 1);
    CHECK(figures.scores(method).wastage_gbh == Approx(60));
  }
  CHECK(!figures.hindsight());
}

TEST_CASE("backtest baselines: In hindsight the factor covers as many rows as the estimates did") {
  backtest::Comparison figures;
  backtest::SeenNeeds seen;
  seen.add(10 * test::kGigabyte);
  // needed / largest: 0.5, 1.2, 0.8, 1.5; the estimates covered three of the four.
  const double given[] = {8, 13, 9, 14};
  const double needed[] = {5, 12, 8, 15};
  for (int i = 0; i < 4; ++i) {
    const backtest::Need need{needed[i] * test::kGigabyte, 3600};
    const auto own = backtest::charge(given[i] * test::kGigabyte, {}, need, 1);
    REQUIRE(own);
    REQUIRE(figures.add(need, *own, std::nullopt, seen, 64e9, 1, 1));
  }
  const auto hindsight = figures.hindsight();
  REQUIRE(hindsight);
  CHECK(hindsight->k == Approx(1.2));
  CHECK(hindsight->first.rows == 4);
  CHECK(hindsight->first.covered == 3);
  CHECK(*hindsight->median_slack == Approx(0.5));        // of 1.4, 0, 0.5
  CHECK(*hindsight->own_median_slack == Approx(0.125));  // of 0.6, 1/12, 0.125
}
