#include "estimator/forecast.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <vector>

#include "tests/support/random.h"
#include "tests/unit/estimator/histories.h"

using namespace jobward;
using namespace jobward::estimator;
using test::Random;
using test::run_of;
using test::Runs;
using Draw = std::function<double(Random&)>;

namespace {

Forecast forecast_of(const Runs& runs, const profiles::Features& query = {}) {
  const auto said = forecast(test::state_of(runs), Resource::memory, query);
  REQUIRE(said);
  return *said;
}

// How many of these histories of 60 like runs are believed to shift at some point.
int false_shifts(const Draw& draw, int histories) {
  int out = 0;
  for (int history = 0; history < histories; ++history) {
    Random random(static_cast<std::uint64_t>(history));
    KindState state;
    bool shifted = false;
    for (int i = 0; i < 60; ++i) {
      state.learn(run_of(1e9 * draw(random)));
      if (i >= 5 && (i < 20 || i % 4 == 0))
        shifted = shifted || forecast(state, Resource::memory, {})->changed.has_value();
    }
    out += shifted ? 1 : 0;
  }
  return out;
}

// How many runs after one by `factor` the shift is believed; 99: never.
int seen_after(double factor, double noise, std::uint64_t seed) {
  Random random(seed);
  KindState state;
  const auto learn = [&](double level) {
    state.learn(run_of(level * std::exp(noise * random.normal())));
  };
  for (int i = 0; i < 30; ++i)
    learn(1e9);
  if (forecast(state, Resource::memory, {})->changed) return -1;
  for (int after = 1; after <= 12; ++after) {
    learn(1e9 * factor);
    if (forecast(state, Resource::memory, {})->changed) return after;
  }
  return 99;
}

}  // namespace

TEST_CASE("forecast: A change in the last runs of a full window is seen") {
  Runs runs;
  for (std::size_t i = 0; i < KindState::kWindow; ++i)
    runs.push_back(run_of(i + kShiftRuns < KindState::kWindow ? 100e6 : 150e6));
  const auto said = forecast_of(runs);
  REQUIRE(said.changed);
  CHECK(*said.changed == kShiftRuns);
}

TEST_CASE("forecast: Nothing is said of what was never measured") {
  CHECK(!forecast(KindState(), Resource::memory, {}));
  CHECK(!forecast(test::state_of({run_of(5)}), Resource::wall, {}));
  CHECK(!forecast(test::state_of({test::ended_at(5)}), Resource::memory, {}));
}

TEST_CASE("forecast: Stationary runs are not taken for a shift, with light tails or heavy ones") {
  constexpr int kHistories = 500;
  CHECK(false_shifts([](Random& r) { return std::exp(0.05 * r.normal()); }, kHistories) <=
        0.02 * kHistories);
  CHECK(false_shifts([](Random& r) { return std::exp(r.normal()); }, kHistories) <=
        0.02 * kHistories);
  CHECK(false_shifts([](Random& r) { return std::pow(1 - r.uniform(), -0.5); }, kHistories) <=
        0.02 * kHistories);
}

TEST_CASE("forecast: One odd run, or two, are no shift") {
  Runs runs(20, run_of(1e9));
  runs.push_back(run_of(3e9));
  CHECK(!forecast_of(runs).changed);
  runs.push_back(run_of(3e9));
  CHECK(!forecast_of(runs).changed);
  Runs first{run_of(3e9), run_of(3e9)};
  first.insert(first.end(), 20, run_of(1e9));
  CHECK(!forecast_of(first).changed);
}

TEST_CASE("forecast: After a change of the level by half, old runs lose weight in 3 to 5 runs") {
  int right = 0;
  constexpr int kHistories = 200;
  for (int history = 0; history < kHistories; ++history) {
    const double factor = history % 2 == 0 ? 1.5 : 0.5;
    const int after = seen_after(factor, 0.05, static_cast<std::uint64_t>(history));
    right += after >= 3 && after <= 5 ? 1 : 0;
  }
  CHECK(right >= 0.95 * kHistories);
}

TEST_CASE("forecast: After a shift, what is said is of the new runs, and how many they are") {
  for (const double factor : {0.5, 1.5}) {
    Random random(20);
    Runs runs;
    for (int i = 0; i < 40; ++i)
      runs.push_back(run_of(1e9 * std::exp(0.03 * random.normal())));
    for (int i = 0; i < 6; ++i)
      runs.push_back(run_of(1e9 * factor * std::exp(0.03 * random.normal())));
    const auto said = forecast_of(runs);
    REQUIRE(said.changed);
    CHECK(*said.changed == 6);
    CHECK(said.distribution.quantile(0.5) == Approx(1e9 * factor).epsilon(0.06));
  }
}

TEST_CASE("forecast: A shift of what follows a size is seen in what is left over of it") {
  Random random(21);
  Runs runs;
  const auto add = [&](double slope) {
    const double x = random.between(1e8, 1e9);
    runs.push_back(run_of((1e8 + slope * x) * std::exp(0.02 * random.normal()), {{"size:x", x}}));
  };
  for (int i = 0; i < 40; ++i)
    add(2);
  CHECK(!forecast_of(runs, {{"size:x", 5e8}}).changed);
  for (int i = 0; i < 8; ++i)
    add(4);
  const auto said = forecast_of(runs, {{"size:x", 5e8}});
  REQUIRE(said.changed);
  CHECK(said.distribution.quantile(0.5) == Approx(1e8 + 4 * 5e8).epsilon(0.15));
}

TEST_CASE("forecast: The next of n runs lies in the tail with a chance of one in n + 1, not more") {
  int above = 0;
  constexpr int kHistories = 4000;
  for (int history = 0; history < kHistories; ++history) {
    Random random(static_cast<std::uint64_t>(history));
    Runs runs;
    for (int i = 0; i < 20; ++i)
      runs.push_back(run_of(1e9 * std::exp(0.2 * random.normal())));
    const double next = 1e9 * std::exp(0.2 * random.normal());
    above += forecast_of(runs).distribution.surprise(next) > std::log(21) ? 1 : 0;
  }
  CHECK(above <= 1.1 * kHistories / 21);
  CHECK(above >= 0.5 * kHistories / 21);
}

TEST_CASE("forecast: What a distribution says of the next run comes true about as often") {
  Random random(22);
  int below_half = 0;
  int below_ninety = 0;
  constexpr int kHistories = 2000;
  for (int history = 0; history < kHistories; ++history) {
    Runs runs;
    const auto need = [&] { return 1e9 * std::exp(0.3 * random.normal()); };
    for (int i = 0; i < 40; ++i)
      runs.push_back(run_of(need()));
    const auto said = forecast_of(runs);
    const double next = need();
    below_half += next <= said.distribution.quantile(0.5) ? 1 : 0;
    below_ninety += next <= said.distribution.quantile(0.9) ? 1 : 0;
  }
  CHECK(below_half / double{kHistories} == Approx(0.5).margin(0.06));
  CHECK(below_ninety / double{kHistories} == Approx(0.92).margin(0.03));
}

TEST_CASE(
    "forecast: One run is believed as far as the prior spread, two as far as they lie apart") {
  const auto one = forecast_of({run_of(1e9)});
  CHECK(one.distribution.quantile(0.4) == Approx(1e9));
  CHECK(one.distribution.quantile(0.75) / 1e9 - 1 < 2 * kFewFactor * kPriorSpread);
  const auto two = forecast_of({run_of(1e9), run_of(3e9)});
  CHECK(two.distribution.quantile(0.3) == Approx(1e9));
  CHECK(two.distribution.quantile(0.6) == Approx(3e9));
  CHECK(two.runs == 2);
}

TEST_CASE("forecast: A query beyond all sizes extrapolates, within them it does not") {
  Runs runs;
  Random random(23);
  for (int i = 1; i <= 30; ++i)
    runs.push_back(run_of(1e6 * i * std::exp(0.1 * random.normal()), {{"size:x", i}}));
  const auto width = [&](double x) {
    const auto said = forecast_of(runs, {{"size:x", x}});
    CHECK(said.extrapolates == (x >= 50));
    return said.distribution.quantile(0.95) / said.distribution.quantile(0.5);
  };
  const double inside = width(29);
  CHECK(width(40) > inside);
  CHECK(width(50) > width(40));
  CHECK(width(150) > inside);
}

TEST_CASE("forecast: A size that could not yet show whether it matters may matter in full or not") {
  for (const auto& runs :
       {Runs{run_of(1e9, {{"size:x", 10}})}, Runs(5, run_of(1e9, {{"size:x", 10}}))}) {
    const auto near = forecast_of(runs, {{"size:x", 11}});
    CHECK(!near.extrapolates);
    const auto far = forecast_of(runs, {{"size:x", 80}});
    CHECK(far.extrapolates);
    CHECK(far.distribution.quantile(0.1) < 1.2e9);
    CHECK(far.distribution.quantile(0.95) >= 8e9 * (1 - 1e-9));
    CHECK(!forecast_of(runs, {{"size:y", 80}}).extrapolates);
    CHECK(!forecast_of(runs, {{"size:x", 2}}).extrapolates);
  }
  // What a number means is not known.
  CHECK(!forecast_of({run_of(1e9, {{"num:x", 10}})}, {{"num:x", 80}}).extrapolates);
}
