#include "estimator/experts.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "estimator/least_squares.h"
#include "tests/support/random.h"
#include "tests/unit/estimator/histories.h"

using namespace jobward;
using namespace jobward::estimator;
using profiles::Features;
using test::Random;
using test::run_of;
using test::Runs;

namespace {

enum Kind { constant, straight_line, power_law, nearest_runs };

Runs noisy(int count, std::uint64_t seed, bool two_sizes = false) {
  Random random(seed);
  Runs runs;
  for (int i = 0; i < count; ++i) {
    const double a = std::exp(random.between(1, 4));
    const double b = std::exp(random.between(0, 1));
    const double need = 1e3 * (20 + a) * (two_sizes ? b : 1) * std::exp(0.05 * random.normal());
    Features features{{"size:a", a}};
    if (two_sizes) features["size:b"] = b;
    runs.push_back(run_of(need, features));
  }
  return runs;
}

// The sample as it is without run i, which becomes the query.
Sample without(const Sample& sample, std::size_t i) {
  Sample out = sample;
  const auto drop = [&](auto& values) {
    values.erase(values.begin() + static_cast<std::ptrdiff_t>(i));
  };
  drop(out.run);
  drop(out.value);
  drop(out.log_value);
  drop(out.weight);
  drop(out.coordinate);
  out.query = sample.coordinate[i];
  for (auto& predictor : out.predictors) {
    predictor.query = predictor.values[i];
    predictor.query_log = predictor.logs[i];
    drop(predictor.values);
    drop(predictor.logs);
  }
  return out;
}

}  // namespace

TEST_CASE("experts: Where no size tells runs apart there is only the constant") {
  const auto sample =
      sample_of(test::state_of({run_of(1), run_of(2), run_of(3)}), Resource::memory, {});
  const auto experts = experts_of(sample);
  REQUIRE(experts.size() == 1);
  CHECK(experts[0].prediction == 0);
  CHECK(experts[0].errors == sample.log_value);
}

TEST_CASE("experts: The errors are those of really leaving the run out and fitting again") {
  for (const bool two_sizes : {false, true}) {
    const auto runs = noisy(30, 18, two_sizes);
    const auto sample = sample_of(test::state_of(runs), Resource::memory, runs.front().features);
    REQUIRE(sample.predictors.size() == (two_sizes ? 2 : 1));
    const auto experts = experts_of(sample);
    REQUIRE(experts.size() == 4);
    for (std::size_t i = 0; i < sample.size(); ++i) {
      const auto again = experts_of(without(sample, i));
      for (const auto kind : {straight_line, power_law, nearest_runs}) {
        INFO("expert " << kind << ", run " << i);
        CHECK(experts[kind].errors[i] ==
              Approx(sample.log_value[i] - again[kind].prediction).margin(1e-6));
      }
    }
  }
}

TEST_CASE("experts: Each knows its own kind of job") {
  Runs line;
  Runs power;
  Runs bend;
  for (int i = 1; i <= 40; ++i) {
    const double x = 10.0 * i;
    line.push_back(run_of(5000 + 20 * x, {{"size:x", x}}));
    power.push_back(run_of(50 * std::pow(x, 1.5), {{"size:x", x}}));
    bend.push_back(run_of(x < 200 ? 1e6 : 1e6 * std::pow(x / 200, 3), {{"size:x", x}}));
  }
  const Features query{{"size:x", 105}};
  const auto predicted = [&](const Runs& runs, Kind kind) {
    return std::exp(
        experts_of(sample_of(test::state_of(runs), Resource::memory, query))[kind].prediction);
  };
  CHECK(predicted(line, straight_line) == Approx(5000 + 20 * 105).epsilon(1e-5));
  CHECK(predicted(power, power_law) == Approx(50 * std::pow(105, 1.5)).epsilon(1e-5));
  CHECK(predicted(bend, nearest_runs) == Approx(1e6).epsilon(1e-2));
}

TEST_CASE("experts: A line that crosses zero predicts something above it") {
  Runs runs;
  for (int i = 0; i < 10; ++i)
    runs.push_back(run_of(1e6 - 9e4 * i, {{"size:x", 10.0 + i}}));
  for (const double x : {0.0, 30.0, 1000.0, 1e9}) {
    const auto sample = sample_of(test::state_of(runs), Resource::memory, {{"size:x", x}});
    for (const auto& expert : experts_of(sample)) {
      REQUIRE(std::isfinite(expert.prediction));
      if (expert.prediction != 0) CHECK(std::exp(expert.prediction) >= 0.49 * 1.9e5);
    }
  }
}

TEST_CASE("experts: A line is followed to a query many times larger, not further") {
  Runs runs;
  for (int i = 1; i <= 10; ++i)
    runs.push_back(run_of(1000.0 * i * i, {{"size:x", i}}));
  const auto at = [&](double x) {
    const auto sample = sample_of(test::state_of(runs), Resource::memory, {{"size:x", x}});
    return std::exp(experts_of(sample)[power_law].prediction);
  };
  CHECK(at(12) == Approx(1000.0 * 12 * 12).epsilon(0.01));
  CHECK(at(20) == Approx(1000.0 * 20 * 20).epsilon(0.01));
  CHECK(at(1000) == Approx(100 * 1e5).epsilon(0.01));
}

TEST_CASE("experts: Sizes that say the same twice, and sizes of twelve decades, do no harm") {
  Random random(19);
  Runs runs;
  for (int i = 0; i < 40; ++i) {
    const double x = std::pow(10, random.between(0, 12));
    runs.push_back(run_of(1e3 * std::sqrt(x), {{"size:x", x}, {"size:y", x}, {"size:z", 2 * x}}));
  }
  const auto sample = sample_of(test::state_of(runs), Resource::memory,
                                {{"size:x", 1e7}, {"size:y", 1e7}, {"size:z", 2e7}});
  const auto experts = experts_of(sample);
  REQUIRE(experts.size() == 4);
  for (const auto& expert : experts)
    for (const double error : expert.errors)
      REQUIRE(std::isfinite(error));
  CHECK(std::exp(experts[power_law].prediction) == Approx(1e3 * std::sqrt(1e7)).epsilon(1e-3));
}
