#include "backtest/cost.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace jobward;
using backtest::charge;

namespace {

constexpr double kGigabyte = 1e9;
const backtest::Need kThreeForTwoHours{3 * kGigabyte, 7200};

}  // namespace

TEST_CASE("backtest cost: What is given beyond the need is wasted for as long as it runs") {
  const auto cost = charge(4.5 * kGigabyte, {}, kThreeForTwoHours, 1);
  REQUIRE(cost);
  CHECK(cost->failures == 0);
  CHECK(cost->wasted_gbh == Approx(3));
  CHECK(cost->used_gbh == Approx(6));
  CHECK(cost->given == 4.5 * kGigabyte);
}

TEST_CASE("backtest cost: Exactly what was needed suffices") {
  const auto cost = charge(3 * kGigabyte, {}, kThreeForTwoHours, 1);
  REQUIRE(cost);
  CHECK(cost->failures == 0);
  CHECK(cost->wasted_gbh == Approx(0));
}

TEST_CASE("backtest cost: A failed attempt wastes all of it for its share of the time") {
  // 1 and 2 GB for half an hour each share of the two hours, then 4 GB.
  const auto whole = charge(1 * kGigabyte, {}, kThreeForTwoHours, 1);
  const auto half = charge(1 * kGigabyte, {}, kThreeForTwoHours, 0.5);
  REQUIRE(whole);
  REQUIRE(half);
  CHECK(whole->failures == 2);
  CHECK(whole->wasted_gbh == Approx((1 + 2) * 2 + (4 - 3) * 2));
  CHECK(half->wasted_gbh == Approx((1 + 2) * 2 * 0.5 + (4 - 3) * 2));
}

TEST_CASE("backtest cost: After the attempts that are planned it doubles") {
  const auto cost =
      charge(0.5 * kGigabyte, {0.5 * kGigabyte, 0.7 * kGigabyte}, kThreeForTwoHours, 1);
  REQUIRE(cost);
  // 0.5, 0.7, 1.4, 2.8, 5.6
  CHECK(cost->failures == 4);
  CHECK(cost->wasted_gbh == Approx((0.5 + 0.7 + 1.4 + 2.8) * 2 + (5.6 - 3) * 2));
}

TEST_CASE("backtest cost: A plan that does not grow is not followed") {
  // A guess of 2 was larger than what the estimate had planned.
  const auto cost = charge(2 * kGigabyte, {1 * kGigabyte, 1.5 * kGigabyte}, kThreeForTwoHours, 1);
  REQUIRE(cost);
  CHECK(cost->failures == 1);
  CHECK(cost->wasted_gbh == Approx(2 * 2 + (4 - 3) * 2));
}

TEST_CASE("backtest cost: What is no size is an error, and attempts end") {
  for (const double first : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    INFO(first);
    CHECK(!charge(first, {}, kThreeForTwoHours, 1));
  }
  const auto endless = charge(1e-300, {}, kThreeForTwoHours, 1);
  REQUIRE(!endless);
  CHECK_THAT(endless.error().message(), Catch::Contains("no end of attempts"));
}
