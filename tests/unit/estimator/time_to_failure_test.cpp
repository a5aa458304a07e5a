#include "estimator/time_to_failure.h"

#include <catch2/catch.hpp>
#include <limits>

#include "estimator/estimator.h"
#include "tests/unit/estimator/histories.h"

using namespace jobward;
using estimator::failure_share;
using profiles::MemoryCurve;
using test::level_of;
using test::run_of;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// 1000 bytes from the first hundredth of its time on.
MemoryCurve at_once() { return {{{0, 0}, {0.5, 1000}, {1, 1000}, {99, 900}}, 100, 1000}; }

// A point each second.
MemoryCurve growing() {
  MemoryCurve curve{{}, 100, 1000};
  for (int second = 0; second < 100; ++second)
    curve.points.push_back({1.0 * second, 10.0 * (second + 1)});
  return curve;
}

double share_of(const std::vector<MemoryCurve>& curves) {
  const auto share = failure_share(curves);
  REQUIRE(share);
  REQUIRE(share->share > 0);
  REQUIRE(share->share <= 1);
  return share->share;
}

Estimate lean_estimate(const FailureShare& failure, Objective objective = Objective::lean) {
  test::Runs runs;
  for (int i = 0; i < 40; ++i)
    runs.push_back(run_of((i % 2 == 0 ? 1.5e9 : 1e9) + 1e6 * i));
  return estimator::predict({level_of(Level::exact, runs), level_of(Level::everything, runs)}, {},
                            {objective, 0.99, failure, {}});
}

}  // namespace

TEST_CASE("time_to_failure: Memory that is reached at once lets a run fail early") {
  CHECK(share_of({at_once()}) == Approx((0.01 + 1) / 2));
  const auto ten = failure_share(std::vector<MemoryCurve>(10, at_once()));
  REQUIRE(ten);
  CHECK(ten->curves == 10);
  CHECK(ten->share == Approx((10 * 0.01 + 1) / 11));
}

TEST_CASE("time_to_failure: Memory that grows to the end lets it fail late") {
  // 660 bytes are reached in second 65, which ends at 66; 0.65, 0.75, 0.85 and 0.95 of the need so.
  CHECK(share_of({growing()}) == Approx((0.81 + 1) / 2));
  CHECK(share_of({growing(), at_once()}) == Approx((0.81 + 0.01 + 1) / 3));
}

TEST_CASE("time_to_failure: A level that no point is above is exceeded at the end") {
  MemoryCurve curve = at_once();
  curve.need_bytes = 1250;  // the points are above 0.65 and 0.75 of it
  CHECK(share_of({curve}) == Approx(((0.01 + 0.01 + 1 + 1) / 4 + 1) / 2));
  CHECK(share_of({{{{0, 1000}}, 5, 1000}}) == 1);          // one point stands for all its time
  CHECK(share_of({{{{0, 0}, {9, 1000}}, 5, 1000}}) == 1);  // points after the end
  CHECK(share_of({{{{0, 1000}, {9, 1000}}, 5, 1000}}) == 1);
}

TEST_CASE("time_to_failure: Without a curve nothing is known") {
  CHECK(!failure_share({}));
  const auto points = at_once().points;
  const std::vector<MemoryCurve> unusable{{{}, 100, 1000},
                                          {points, 0, 1000},
                                          {points, kNaN, 1000},
                                          {points, kInfinity, 1000},
                                          {points, 100, 0},
                                          {points, 100, kNaN},
                                          {points, -1, 1000},
                                          {points, 100, kInfinity},
                                          {{{0, kNaN}, {1, 9}}, 100, 1000},
                                          {{{kNaN, 0}}, 100, 1000},
                                          {{{2, 1}, {1, 1}}, 100, 10},
                                          {{{0, -5}, {1, 9}}, 100, 1000}};
  for (std::size_t i = 0; i < unusable.size(); ++i) {
    INFO(i);
    CHECK(!failure_share({unusable[i]}));
  }
  auto mixed = unusable;
  mixed.push_back(at_once());
  const auto share = failure_share(mixed);
  REQUIRE(share);
  CHECK(share->curves == 1);
  CHECK(share->share == Approx((0.01 + 1) / 2));
}

TEST_CASE("time_to_failure: The earlier a run fails, the less it is given at first") {
  const auto late = lean_estimate({1, 0});
  const auto early = lean_estimate({0.05, 8});
  REQUIRE(late.sizing);
  REQUIRE(early.sizing);
  CHECK(early.sizing->attempts.front() < 0.8 * late.sizing->attempts.front());
  CHECK(early.sizing->failure.curves == 8);
  CHECK(early.sizing->failure.share == 0.05);
}

TEST_CASE("time_to_failure: The reason says so where it counts") {
  const std::string words = "a run that is too small fails after about 30 % of its time (";
  CHECK_THAT(lean_estimate({0.3, 8}).reason, Catch::Contains(words + "8 memory curves)"));
  CHECK_THAT(lean_estimate({0.3, 1}).reason, Catch::Contains(words + "1 memory curve)"));
  CHECK_THAT(lean_estimate({0.3, 0}).reason, !Catch::Contains("fails after"));
  const auto safe = lean_estimate({0.3, 8}, Objective::safe);
  CHECK_THAT(safe.reason, !Catch::Contains("fails after"));
  CHECK(safe.sizing->failure.curves == 0);
  const auto nothing = estimator::predict({}, {}, {Objective::lean, 0.99, {0.3, 8}, {}});
  CHECK_THAT(nothing.reason, !Catch::Contains("fails after"));
}
