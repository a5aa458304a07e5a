#include "estimator/sample.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/random.h"
#include "tests/unit/estimator/histories.h"

using namespace jobward;
using namespace jobward::estimator;
using profiles::Features;
using test::Random;
using test::run_of;
using test::Runs;

namespace {

std::vector<std::string> chosen(const Runs& runs, const Features& query) {
  std::vector<std::string> out;
  for (const auto& predictor : sample_of(test::state_of(runs), Resource::memory, query).predictors)
    out.push_back(predictor.name);
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> chosen(const Runs& runs) { return chosen(runs, runs.back().features); }

void check_finite(const Sample& sample) {
  for (const auto* values : {&sample.value, &sample.log_value, &sample.weight, &sample.coordinate})
    for (const double value : *values)
      REQUIRE(std::isfinite(value));
  REQUIRE(std::isfinite(sample.query));
}

}  // namespace

TEST_CASE("sample: Of a size that matters and ten random ones, the random ones are left out") {
  int right = 0;
  constexpr int kHistories = 200;
  for (int history = 0; history < kHistories; ++history) {
    Random random(static_cast<std::uint64_t>(history));
    Runs runs;
    for (int i = 0; i < 40; ++i) {
      const double size = std::exp(random.between(15, 20));
      Features features{{"size:--data", size}};
      for (int f = 0; f < 10; ++f)
        features["feature:random" + std::to_string(f)] = std::exp(random.between(0, 5));
      runs.push_back(run_of((1e8 + 3 * size) * std::exp(0.1 * random.normal()), features));
    }
    right += chosen(runs) == std::vector<std::string>{"size:--data"} ? 1 : 0;
  }
  CHECK(right >= 0.95 * kHistories);
}

TEST_CASE("sample: Two sizes that matter together are both found, a third as well") {
  int two = 0;
  int three = 0;
  constexpr int kHistories = 100;
  for (int history = 0; history < kHistories; ++history) {
    Random random(static_cast<std::uint64_t>(history));
    Runs runs_two;
    Runs runs_three;
    for (int i = 0; i < 60; ++i) {
      const double rows = std::exp(random.between(5, 10));
      const double columns = std::exp(random.between(1, 4));
      const double threads = std::exp(random.between(0, 3));
      const Features features{{"feature:columns", columns},
                              {"feature:rows", rows},
                              {"feature:seed", random.uniform()},
                              {"feature:threads", threads}};
      const double need = 1e4 * rows * columns * std::exp(0.1 * random.normal());
      runs_two.push_back(run_of(need, features));
      runs_three.push_back(run_of(need * std::sqrt(threads), features));
    }
    using Names = std::vector<std::string>;
    two += chosen(runs_two) == Names{"feature:columns", "feature:rows"} ? 1 : 0;
    three +=
        chosen(runs_three) == Names{"feature:columns", "feature:rows", "feature:threads"} ? 1 : 0;
  }
  CHECK(two >= 0.95 * kHistories);
  CHECK(three >= 0.95 * kHistories);
}

TEST_CASE("sample: Where no size matters, at most one serves to tell which runs are alike") {
  Random random(15);
  Runs runs;
  for (int i = 0; i < 50; ++i)
    runs.push_back(run_of(1e9 * std::exp(0.1 * random.normal()),
                          {{"size:a", random.between(1, 9)}, {"size:b", random.between(1, 9)}}));
  CHECK(chosen(runs).size() <= 1);
}

TEST_CASE("sample: A plain number counts from six runs on and only near what was seen") {
  Runs runs;
  for (std::size_t i = 1; i < kFewRuns; ++i)
    runs.push_back(run_of(1000.0 * static_cast<double>(i), {{"num:k", static_cast<double>(i)}}));
  CHECK(chosen(runs).empty());
  runs.push_back(run_of(6000, {{"num:k", 6}}));
  CHECK(chosen(runs) == std::vector<std::string>{"num:k"});
  CHECK(chosen(runs, {{"num:k", 8}}) == std::vector<std::string>{"num:k"});
  CHECK(chosen(runs, {{"num:k", 60}}).empty());
  CHECK(chosen(runs, {{"num:k", -60}}).empty());
}

TEST_CASE("sample: A plain number that does not explain the need is no coordinate either") {
  Random random(16);
  Runs runs;
  for (int i = 0; i < 30; ++i)
    runs.push_back(
        run_of(1e9 * std::exp(0.1 * random.normal()), {{"num:--seed", random.between(1, 1e6)}}));
  CHECK(chosen(runs).empty());
}

TEST_CASE("sample: A feature that never varies, or that a run lacks, is left out") {
  Runs runs;
  for (int i = 1; i <= 20; ++i)
    runs.push_back(run_of(1000.0 * i, {{"size:constant", 5}, {"size:data", i}, {"size:gap", i}}));
  runs[7].features.erase("size:gap");
  CHECK(chosen(runs) == std::vector<std::string>{"size:data"});
  CHECK(chosen(runs, {{"size:constant", 7}, {"size:gap", 3}}).empty());
  CHECK(chosen(runs, {}).empty());
  CHECK(chosen(runs, {{"size:other", 1}}).empty());
}

TEST_CASE("sample: Negative, zero and fractional features are followed as well") {
  Runs negative;
  Runs fractional;
  Runs zero;
  for (int i = 0; i < 20; ++i) {
    negative.push_back(run_of(1000 + 100.0 * i, {{"feature:level", i - 10}}));
    fractional.push_back(run_of(1000 + 100.0 * i, {{"feature:level", 1e-6 * (i + 1)}}));
    zero.push_back(run_of(1000 + 100.0 * i, {{"feature:level", i}}));
  }
  for (const auto& runs : {negative, fractional, zero}) {
    CHECK(chosen(runs) == std::vector<std::string>{"feature:level"});
    check_finite(sample_of(test::state_of(runs), Resource::memory, {{"feature:level", 0}}));
    check_finite(sample_of(test::state_of(runs), Resource::memory, {{"feature:level", -1e300}}));
  }
}

TEST_CASE("sample: Features over twelve decades are told apart at both ends") {
  Random random(17);
  Runs runs;
  for (int i = 0; i < 60; ++i) {
    const double size = std::pow(10, random.between(0, 12));
    runs.push_back(run_of(1e3 * std::pow(size, 0.5), {{"size:data", size}}));
  }
  const auto sample =
      sample_of(test::state_of(runs), Resource::memory, {{"size:data", 1e6}, {"size:x", 3}});
  REQUIRE(sample.predictors.size() == 1);
  CHECK(std::is_sorted(sample.coordinate.begin(), sample.coordinate.end()));
  CHECK(std::is_sorted(sample.value.begin(), sample.value.end()));
  CHECK(sample.query == Approx(std::log(1e6)));
  check_finite(sample);
}

TEST_CASE("sample: Only runs that measured the resource are in it, the younger count more") {
  Runs runs;
  for (int i = 0; i < 10; ++i)
    runs.push_back(run_of(100.0 + i));
  runs[3] = test::ended_at(500);
  runs[4] = test::failed_at(500);
  runs[5].used.erase(Resource::memory);
  runs[9] = run_of(0);
  const auto sample = sample_of(test::state_of(runs), Resource::memory, {});
  CHECK(sample.run == std::vector<std::size_t>{0, 1, 2, 6, 7, 8, 9});
  CHECK(std::is_sorted(sample.weight.begin(), sample.weight.end()));
  CHECK(sample.weight.back() == 1);
  CHECK(sample.value.back() == smallest(Resource::memory));
  CHECK(sample_of(test::state_of(runs), Resource::wall, {}).size() == 0);
}
