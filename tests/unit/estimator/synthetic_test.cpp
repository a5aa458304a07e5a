// Histories where the right answer is known. All kinds share the level of everything, as on a real
// machine: what the bounds are worth is learned from all of them together.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "estimator/estimator.h"
#include "tests/support/random.h"
#include "tests/unit/estimator/histories.h"

using namespace jobward;
using estimator::Question;
using profiles::Features;
using profiles::Observation;
using test::Random;

namespace {

constexpr int kRuns = 200;

struct Drawn {
  Observation run;
  double median = 0;     // of what is needed, for who knows everything
  double deviation = 0;  // of its logarithm; 0: no oracle is asked
  [[nodiscard]] double need() const { return run.used.find(Resource::memory)->value; }
};

struct Kind {
  std::string name;
  double error;  // median relative one of p50: at most about that of who knows everything
  bool follows_size;
  std::function<Drawn(Random&, int)> draw;
};

Drawn drawn(double median, double deviation, Random& random, Features features = {}) {
  return {test::run_of(median * std::exp(deviation * random.normal()), std::move(features)), median,
          deviation};
}

std::vector<Kind> kinds() {
  const auto size_of = [](Random& random) { return std::exp(random.between(18, 21)); };
  return {
      {"constant", 0.02, false, [](Random& random, int) { return drawn(3e8, 0.02, random); }},
      {"linear", 0.05, true,
       [=](Random& random, int) {
         const double x = size_of(random);
         return drawn(2e8 + 2.5 * x, 0.05, random, {{"size:--data", x}});
       }},
      {"power law", 0.1, true,
       [=](Random& random, int) {
         const double x = size_of(random);
         return drawn(3e4 * std::pow(x, 0.6), 0.1, random, {{"size:--data", x}});
       }},
      {"bimodal", 0.045, false,
       [](Random& random, int) { return drawn(random.uniform() < 0.2 ? 3e9 : 1e9, 0.03, random); }},
      // What is twice as much after 200 runs is followed with a lag.
      {"drifting", 0.1, false,
       [](Random& random, int i) { return drawn(5e8 * (1 + 0.005 * i), 0.05, random); }},
      {"heavy-tailed", 0.7, false, [](Random& random, int) { return drawn(1e9, 1, random); }},
  };
}

// What a ladder costs beyond what is needed; after its end it doubles.
double cost_of(const std::vector<double>& attempts, double need) {
  double out = 0;
  double attempt = 0;
  for (std::size_t i = 0;; ++i) {
    attempt = i < attempts.size() ? attempts[i] : 2 * attempt;
    if (attempt >= need) return out + attempt - need;
    out += attempt;
  }
}

// Who knows the median and the deviation of each run, and doubles after a failure: the best factor.
double oracle_cost(const std::vector<Drawn>& runs, std::size_t from) {
  double best = 1e300;
  for (double z = -1; z < 5; z += 0.05) {
    double cost = 0;
    for (std::size_t i = from; i < runs.size(); ++i)
      cost += cost_of({runs[i].median * std::exp(z * runs[i].deviation)}, runs[i].need());
    best = std::min(best, cost);
  }
  return best;
}

// The best one size for all, in hindsight; then doubling.
double fixed_cost(const std::vector<Drawn>& runs, std::size_t from) {
  double best = 1e300;
  for (std::size_t k = from; k < runs.size(); ++k) {
    double cost = 0;
    for (std::size_t i = from; i < runs.size(); ++i)
      cost += cost_of({runs[k].need()}, runs[i].need());
    best = std::min(best, cost);
  }
  return best;
}

struct Replayed {
  std::vector<Drawn> runs;
  std::vector<double> errors;  // relative, of p50
  std::vector<double> slack;   // of the safe bound
  int bounded = 0;
  int covered = 0;
  double lean_cost = 0;
};

// From the third run on; what is lean only from the tenth, when something is known.
constexpr int kFirst = 2;
constexpr int kFirstLean = 10;

void replay(test::Kinds& store, int number, Replayed& result, const Drawn& next, int i) {
  const auto& features = next.run.features;
  if (i >= kFirst) {
    const auto estimate = store.predict(number, features);
    const double bound = estimate.sizing->attempts.front();
    ++result.bounded;
    result.covered += next.need() <= bound ? 1 : 0;
    result.slack.push_back(bound / next.need() - 1);
    result.errors.push_back(std::abs(estimate.by.find(Resource::memory)->p50 / next.need() - 1));
  }
  if (i >= kFirstLean) {
    const auto attempts =
        store.predict(number, features, {Objective::lean, 0.99, {}, {}}).sizing->attempts;
    result.lean_cost += cost_of(attempts, next.need());
  }
  store.learn(number, next.run);
  result.runs.push_back(next);
}

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// All kinds in turns, `copies` jobs of each.
std::vector<Replayed> replay_all(std::uint64_t seed, int copies) {
  Random random(seed);
  test::Kinds store;
  const auto all = kinds();
  std::vector<Replayed> out(all.size() * static_cast<std::size_t>(copies));
  for (int i = 0; i < kRuns; ++i)
    for (std::size_t k = 0; k < out.size(); ++k)
      replay(store, static_cast<int>(k), out[k], all[k % all.size()].draw(random, i), i);
  return out;
}

const std::vector<Replayed>& results() {
  static const auto all = replay_all(1996, 4);
  return all;
}

const Kind& kind_of(std::size_t result) {
  static const auto all = kinds();
  return all[result % all.size()];
}

}  // namespace

TEST_CASE("synthetic: The safe bound holds in 985 of 1000 runs, from the third run of a job on") {
  int bounded = 0;
  int covered = 0;
  std::ostringstream table;
  for (std::size_t k = 0; k < results().size(); ++k) {
    const auto& result = results()[k];
    bounded += result.bounded;
    covered += result.covered;
    table << "\n  " << kind_of(k).name << ": " << result.covered << " of " << result.bounded
          << ", median slack " << median_of(result.slack);
    // A steady growth is a shift at every run: the one kind that is covered less.
    INFO(table.str());
    CHECK(result.covered >= (kind_of(k).name == "drifting" ? 0.94 : 0.98) * result.bounded);
  }
  INFO(table.str());
  CHECK(covered >= 0.985 * bounded);
}

TEST_CASE("synthetic: The lean size costs little more than the best size in hindsight") {
  const std::size_t count = kinds().size();
  for (std::size_t kind = 0; kind < count; ++kind) {
    double cost = 0;
    double best = 0;
    for (std::size_t k = kind; k < results().size(); k += count) {
      const auto& result = results()[k];
      cost += result.lean_cost;
      best += kind_of(k).follows_size ? oracle_cost(result.runs, kFirstLean)
                                      : fixed_cost(result.runs, kFirstLean);
    }
    INFO(kind_of(kind).name);
    CHECK(cost / best <= 1.3);
  }
}

TEST_CASE("synthetic: The p50 errs about as much as the job itself varies") {
  for (std::size_t k = 0; k < results().size(); ++k) {
    INFO(kind_of(k).name);
    CHECK(median_of(results()[k].errors) <= kind_of(k).error);
  }
}

TEST_CASE("synthetic: What other jobs taught makes the bounds of a new one narrow, and they hold") {
  const auto linear = kinds()[1];
  Random random(35);
  test::Kinds store;
  std::vector<Replayed> out(30);
  for (std::size_t k = 0; k < out.size(); ++k)
    for (int i = 0; i < 40; ++i)
      replay(store, static_cast<int>(k), out[k], linear.draw(random, i), i);
  CHECK(median_of(out.back().slack) < 0.5 * median_of(out.front().slack));
  int covered = 0;
  int bounded = 0;
  for (std::size_t k = 10; k < out.size(); ++k) {
    covered += out[k].covered;
    bounded += out[k].bounded;
  }
  CHECK(covered >= 0.98 * bounded);
}

TEST_CASE("synthetic: After a new version that needs half, the lean size is the new one's") {
  Random random(36);
  test::Kinds store;
  Replayed before;
  Replayed after;
  for (int i = 0; i < 60; ++i)
    replay(store, 1, before, drawn(2e9, 0.05, random), i);
  Replayed changing;
  for (int i = 0; i < 5; ++i)
    replay(store, 1, changing, drawn(1e9, 0.05, random), kFirstLean);
  for (int i = 0; i < 40; ++i)
    replay(store, 1, after, drawn(1e9, 0.05, random), kFirstLean);
  // With the old runs in mind it would be 1e9 too much each time; who knows it needs 0.09e9.
  CHECK(after.lean_cost / 40 < 0.2e9);
  CHECK(median_of(after.errors) < 0.06);
}
