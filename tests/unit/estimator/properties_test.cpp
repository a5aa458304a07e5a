// What holds for any history whatever: checked on many drawn at random, and on absurd ones.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "estimator/distribution.h"
#include "estimator/estimator.h"
#include "estimator/kind_state.h"
#include "tests/support/random.h"
#include "tests/unit/estimator/histories.h"

using namespace jobward;
using namespace jobward::estimator;
using profiles::Features;
using profiles::LearnedState;
using profiles::Observation;
using test::ended_at;
using test::level_of;
using test::Random;
using test::run_of;
using test::Runs;

namespace {

struct History {
  Runs runs;
  Features query;
};

// Up to 60 runs: of one level, along a size, of two modes, with a shift, with a fat tail; some of
// them with wall-clock, plain numbers, several sizes.
History any_history(std::uint64_t seed) {
  Random random(seed);
  History out;
  const auto count = static_cast<int>(random.between(1, 60));
  const double noise = std::exp(random.between(-7, 0));
  const double power = random.between(-0.3, 1.5);
  const bool has_size = random.uniform() < 0.7;
  const bool has_number = random.uniform() < 0.3;
  const bool has_wall = random.uniform() < 0.5;
  const double other_mode = random.uniform() < 0.3 ? 3 : 1;
  const double shift = random.uniform() < 0.3 ? 2 : 1;
  const auto features = [&] {
    Features drawn;
    if (has_size) drawn["size:--data"] = std::exp(random.between(10, 20));
    if (has_number) drawn["num:--seed"] = std::floor(random.between(1, 100));
    return drawn;
  };
  for (int i = 0; i < count; ++i) {
    const auto drawn = features();
    double need = 1e8 * std::exp(noise * random.normal());
    if (has_size) need *= std::pow(drawn.at("size:--data") / 1e6, power);
    if (random.uniform() < 0.2) need *= other_mode;
    if (2 * i > count) need *= shift;
    out.runs.push_back(run_of(need, drawn));
    if (has_wall) out.runs.back().used.set(Resource::wall, {need * 1e-7 * random.uniform(), false});
  }
  out.query = random.uniform() < 0.5 ? out.runs.back().features : features();
  return out;
}

std::vector<LearnedState> exact(const Runs& runs) { return {level_of(Level::exact, runs)}; }

Quantiles memory_of(const Runs& runs, const Features& query) {
  return *predict(exact(runs), query).by.find(Resource::memory);
}

double safe(const std::vector<LearnedState>& levels, const Features& query, double confidence) {
  Question question;
  question.confidence = confidence;
  return predict(levels, query, question).sizing->attempts.front();
}

std::vector<double> lean(const std::vector<LearnedState>& levels, const Features& query,
                         double failure_share = 1, std::optional<double> more_than = {}) {
  return predict(levels, query, {Objective::lean, 0.99, {failure_share, 0}, more_than})
      .sizing->attempts;
}

// Any estimate: numbers above zero, in order.
void check_sound(const Estimate& estimate) {
  estimate.by.for_each([](Resource resource, const Quantiles& q) {
    INFO(info(resource).name << ": " << q.p50 << " " << q.p95 << " " << q.p99);
    REQUIRE(q.p50 >= 0);
    if (resource == Resource::memory) REQUIRE(q.p50 > 0);
    REQUIRE(std::isfinite(q.p99));
    REQUIRE(q.p50 <= q.p95);
    REQUIRE(q.p95 <= q.p99);
  });
  if (!estimate.sizing) return;
  const auto& attempts = estimate.sizing->attempts;
  REQUIRE(!attempts.empty());
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    INFO("attempt " << i << " of " << attempts.size() << ": " << attempts[i]);
    REQUIRE(std::isfinite(attempts[i]));
    REQUIRE(attempts[i] > 0);
    if (i > 0) REQUIRE(attempts[i] >= attempts[i - 1] * kLeastGrowth * (1 - 1e-12));
  }
}

void check_all_questions(const std::vector<LearnedState>& levels, const Features& query) {
  for (const auto objective : {Objective::safe, Objective::lean})
    for (const double confidence : {0.5, 0.99, 0.9999999})
      for (const double failure_share : {0.01, 1.0})
        for (const std::optional<double> more_than : {std::optional<double>{}, std::optional(1.0),
                                                      std::optional(3e9), std::optional(1e15)}) {
          const auto estimate =
              predict(levels, query, {objective, confidence, {failure_share, 0}, more_than});
          check_sound(estimate);
          if (more_than && estimate.sizing && estimate.level != Level::everything)
            REQUIRE(estimate.sizing->attempts.front() > *more_than);
        }
}

void for_any_history(const std::function<void(const History&)>& check, int count = 300) {
  for (int seed = 0; seed < count; ++seed) {
    INFO("history " << seed);
    check(any_history(static_cast<std::uint64_t>(seed)));
  }
}

void check_no_lower(const Quantiles& now, const Quantiles& before, double tolerance = 1e-9) {
  REQUIRE(now.p50 >= before.p50 * (1 - tolerance));
  REQUIRE(now.p95 >= before.p95 * (1 - tolerance));
  REQUIRE(now.p99 >= before.p99 * (1 - tolerance));
}

}  // namespace

TEST_CASE(
    "properties: Whatever the history and the question, sizes are numbers above zero, in order") {
  for_any_history(
      [](const History& history) {
        check_all_questions(exact(history.runs), history.query);
        check_all_questions(exact(history.runs), {});
      },
      120);
}

TEST_CASE("properties: A surer bound is never a lower one") {
  test::Kinds kinds;
  int kind = 0;
  for_any_history(
      [&](const History& history) {
        const auto states = exact(history.runs);
        double last = 0;
        double last_shared = 0;
        for (const auto& run : history.runs)
          kinds.learn(kind, run);
        for (double confidence = 0.5; confidence < 0.9999; confidence += 0.01) {
          const double bound = safe(states, history.query, confidence);
          REQUIRE(bound >= last);
          last = bound;
          Question question;
          question.confidence = confidence;
          const auto shared = kinds.predict(kind, history.query, question);
          REQUIRE(shared.sizing->attempts.front() >= last_shared);
          last_shared = shared.sizing->attempts.front();
        }
        ++kind;
      },
      100);
}

TEST_CASE("properties: In another unit of memory the estimate is the same amount") {
  for_any_history([](const History& history) {
    Runs larger = history.runs;
    for (auto& run : larger)
      run.used.set(Resource::memory, {1000 * run.used.find(Resource::memory)->value, false});
    const auto a = memory_of(history.runs, history.query);
    const auto b = memory_of(larger, history.query);
    REQUIRE(b.p50 == Approx(1000 * a.p50).epsilon(1e-4));
    // The state keeps seven digits: errors that are hardly apart may be drawn together or not.
    REQUIRE(b.p95 == Approx(1000 * a.p95).epsilon(0.05));
    REQUIRE(b.p99 == Approx(1000 * a.p99).epsilon(0.05));
    REQUIRE(safe(exact(larger), history.query, 0.97) ==
            Approx(1000 * safe(exact(history.runs), history.query, 0.97)).epsilon(0.05));
  });
}

TEST_CASE("properties: In another unit of the inputs nothing changes") {
  // A power of two is exact; a thousand changes the last of seven digits.
  for (const double unit : {1024.0, 1000.0})
    for_any_history([unit](const History& history) {
      Runs other = history.runs;
      Features query = history.query;
      for (auto& run : other)
        for (auto& [name, value] : run.features)
          value *= unit;
      for (auto& [name, value] : query)
        value *= unit;
      const double tolerance = unit == 1024 ? 1e-6 : 1e-3;
      INFO("unit " << unit);
      const auto a = memory_of(history.runs, history.query);
      const auto b = memory_of(other, query);
      CHECK(b.p50 == Approx(a.p50).epsilon(tolerance));
      CHECK(b.p95 == Approx(a.p95).epsilon(tolerance));
      CHECK(b.p99 == Approx(a.p99).epsilon(tolerance));
    });
}

TEST_CASE("properties: In another order, without a shift, estimates differ by a few percent") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    Runs runs;
    for (int i = 0; i < 30; ++i) {
      const double x = random.between(1, 10);
      runs.push_back(run_of(1e8 * (1 + x) * std::exp(0.1 * random.normal()), {{"size:x", x}}));
    }
    const Features query{{"size:x", random.between(1, 10)}};
    const auto a = memory_of(runs, query);
    std::reverse(runs.begin(), runs.end());
    const auto b = memory_of(runs, query);
    INFO("history " << seed);
    CHECK(b.p50 == Approx(a.p50).epsilon(0.03));
    // Far out in the tail, as long as nothing was pooled.
    CHECK(b.p95 == Approx(a.p95).epsilon(0.4));
  }
}

TEST_CASE("properties: A run that was ended before its time lowers no bound") {
  for_any_history([](const History& history) {
    const auto before = memory_of(history.runs, history.query);
    const double before_safe = safe(exact(history.runs), history.query, 0.99);
    for (const double times : {1e-3, 0.5, 1.0, 1.2, 30.0})
      for (const bool by_limit : {true, false}) {
        Runs runs = history.runs;
        const double value = times * before.p50;
        runs.push_back(by_limit ? ended_at(value, history.query)
                                : test::failed_at(value, history.query));
        check_no_lower(memory_of(runs, history.query), before);
        REQUIRE(safe(exact(runs), history.query, 0.99) >= before_safe * (1 - 1e-9));
      }
  });
}

TEST_CASE("properties: An ended run anywhere in the history lowers no bound") {
  for_any_history([](const History& history) {
    const auto before = memory_of(history.runs, history.query);
    for (const double where : {0.0, 0.3, 0.7}) {
      Runs runs = history.runs;
      const auto at = static_cast<std::ptrdiff_t>(where * static_cast<double>(runs.size()));
      runs.insert(runs.begin() + at, ended_at(before.p50 / 2, history.query));
      check_no_lower(memory_of(runs, history.query), before);
    }
  });
}

TEST_CASE("properties: An end at a limit, of one command or its script, raises what comes next") {
  for_any_history([](const History& history) {
    const auto before = memory_of(history.runs, history.query);
    const double limit = 1.3 * before.p99;
    Runs runs = history.runs;
    runs.push_back(ended_at(limit, history.query));
    REQUIRE(memory_of(runs, history.query).p99 > before.p99);
    REQUIRE(safe(exact(runs), history.query, 0.99) > limit);
    for (const double attempt : lean(exact(runs), history.query))
      REQUIRE(attempt > limit);
  });
}

TEST_CASE(
    "properties: The safe bound is never below what a recent run with the same inputs needed") {
  for_any_history([](const History& history) {
    const std::size_t recent = std::min<std::size_t>(kRecent, history.runs.size());
    for (std::size_t i = history.runs.size() - recent; i < history.runs.size(); ++i) {
      const auto& run = history.runs[i];
      REQUIRE(safe(exact(history.runs), run.features, 0.5) >=
              run.used.find(Resource::memory)->value);
      REQUIRE(memory_of(history.runs, run.features).p99 >= run.used.find(Resource::memory)->value);
    }
  });
}

TEST_CASE(
    "properties: The last ten runs with the same inputs count, whatever a shift or a tail says") {
  Runs runs(100, run_of(1e9, {{"size:x", 5}}));
  runs.push_back(run_of(7e9, {{"size:x", 5}}));
  for (int i = 0; i < 9; ++i) {
    REQUIRE(safe(exact(runs), {{"size:x", 5}}, 0.9) >= 7e9);
    runs.push_back(run_of(1e9, {{"size:x", 5}}));
  }
}

TEST_CASE("properties: The same history gives the same bytes and the same estimate") {
  for_any_history(
      [](const History& history) {
        test::Kinds first;
        test::Kinds second;
        std::vector<LearnedState> levels{{Level::exact, ""}, {Level::everything, ""}};
        auto again = levels;
        for (const auto& run : history.runs) {
          const auto a = learn(levels, run);
          const auto b = learn(again, run);
          const bool same = a == b;
          REQUIRE(same);
          for (std::size_t i = 0; i < levels.size(); ++i)
            levels[i].blob = again[i].blob = a[i];
        }
        const auto a = predict(levels, history.query);
        const auto b = predict(again, history.query);
        REQUIRE(a.by.find(Resource::memory)->p50 == b.by.find(Resource::memory)->p50);
        REQUIRE(a.by.find(Resource::memory)->p99 == b.by.find(Resource::memory)->p99);
        REQUIRE(a.sizing->attempts == b.sizing->attempts);
        REQUIRE(a.reason == b.reason);
      },
      60);
}

TEST_CASE("properties: Absurd amounts and inputs give sound estimates") {
  constexpr double kHuge = 1e300;
  constexpr double kMost = std::numeric_limits<double>::max();
  const std::vector<double> absurd{0,    1e-300, 4.9e-324, 1,      1e-9, 1e38,
                                   1e39, kHuge,  kMost,    -kMost, -1,   std::nan("")};
  const std::vector<Features> queries{{},
                                      {{"size:x", 0}},
                                      {{"size:x", 1}},
                                      {{"size:x", kHuge}},
                                      {{"size:x", -kMost}},
                                      {{"size:x", 1e-300}},
                                      {{"size:x", std::numeric_limits<double>::infinity()}},
                                      {{"size:x", std::nan("")}}};
  for (const int count : {1, 2, 3, 7, 40})
    for (std::size_t seed = 0; seed < 12; ++seed) {
      Random random(seed);
      Runs runs;
      for (int i = 0; i < count; ++i) {
        const auto any = [&] {
          return absurd[static_cast<std::size_t>(random.between(0, 0.999) *
                                                 static_cast<double>(absurd.size()))];
        };
        runs.push_back(run_of(any(), {{"size:x", any()}}));
        runs.back().used.set(Resource::wall, {any(), false});
        if (i % 5 == 4) runs.push_back(ended_at(any(), {{"size:x", any()}}));
      }
      INFO(count << " runs, seed " << seed);
      for (const auto& query : queries)
        check_all_questions(exact(runs), query);
    }
}

TEST_CASE("properties: A line is followed to no absurd size") {
  for (const double spread : {1e-30, 1e-7, 1.0, 1e30}) {
    Runs runs;
    for (int i = 1; i <= 12; ++i)
      runs.push_back(run_of(1e6 * i, {{"size:x", spread * i}, {"size:y", spread * i * i}}));
    for (const double x : {0.0, 1e-300, 1e300, -1e300, std::numeric_limits<double>::max()})
      for (const double y : {0.0, 1e300})
        check_all_questions(exact(runs), {{"size:x", x}, {"size:y", y}});
    for (auto& run : runs)
      run.used.set(Resource::memory, {1e9, false});
    check_all_questions(exact(runs), {{"size:x", std::numeric_limits<double>::max()}});
  }
}

TEST_CASE("properties: Runs all alike, runs of twelve decades, 64 inputs, and twins are sound") {
  Random random(32);
  Runs alike(50, run_of(1e9, {{"size:x", 5}}));
  Runs decades;
  Runs many;
  Runs twins;
  for (int i = 0; i < 50; ++i) {
    decades.push_back(run_of(std::pow(10, random.between(0, 12)),
                             {{"size:x", std::pow(10, random.between(0, 12))}}));
    many.push_back(run_of(random.between(1e8, 2e8)));
    for (int f = 0; f < 64; ++f)
      many.back().features["feature:f" + std::to_string(f)] = random.between(0, 9);
    const double x = random.between(1, 9);
    twins.push_back(run_of(1e8 * x, {{"size:x", x}, {"size:y", x}, {"size:z", x}}));
  }
  for (const auto* runs : {&alike, &decades, &many, &twins}) {
    check_all_questions(exact(*runs), runs->front().features);
    check_all_questions(exact(*runs), {{"size:x", 1e12}});
  }
  CHECK(memory_of(alike, {{"size:x", 5}}).p50 == Approx(1e9).epsilon(1e-6));
  CHECK(memory_of(twins, twins[7].features).p50 ==
        Approx(twins[7].used.find(Resource::memory)->value).epsilon(0.01));
}

TEST_CASE("properties: A state stays within 16 KiB, whatever is learned") {
  Random random(33);
  std::vector<LearnedState> levels{{Level::exact, ""}, {Level::everything, ""}};
  const auto check = [&](const Observation& run) {
    const auto blobs = learn(levels, run);
    for (std::size_t i = 0; i < levels.size(); ++i) {
      levels[i].blob = blobs[i];
      REQUIRE(blobs[i].size() <= KindState::kMaxBytes);
      REQUIRE(KindState::decode(blobs[i]));
    }
  };
  KindState state;
  for (int i = 0; i < 10000; ++i) {
    auto run = run_of(random.between(1e8, 2e8));
    for (int f = 0; f < 64; ++f)
      run.features["feature:f" + std::to_string(f)] = random.between(0, 9);
    for (const auto& entry : kResources)
      run.used.set(entry.resource, {random.between(1, 2), false});
    if (i < 200) check(run);
    state.learn(run);
    if (i % 500 == 0) REQUIRE(state.encode().size() <= KindState::kMaxBytes);
  }
  CHECK(state.total_runs() == 10000);
  CHECK(state.size() >= 30);
}

TEST_CASE("properties: A state stays within 16 KiB however long the names of inputs are") {
  for (const std::size_t length : {1U, 100U, 250U, 255U}) {
    KindState state;
    for (int i = 0; i < 300; ++i) {
      auto run = run_of(1e8 + i);
      for (int f = 0; f < 80; ++f) {
        auto name = std::to_string(f * (i % 3 + 1));
        run.features[std::string(length - std::min(length, name.size()), 'x') + name] = f + i;
      }
      state.learn(run);
      REQUIRE(state.encode().size() <= KindState::kMaxBytes);
    }
    INFO(length);
    CHECK(state.size() >= 30);
    CHECK(!state.features().empty());
  }
}

TEST_CASE(
    "properties: Old runs are dropped, so what is kept of a thousand is no more than of a window") {
  KindState state;
  for (std::size_t i = 0; i < KindState::kWindow; ++i)
    state.learn(run_of(1e8 + static_cast<double>(i)));
  const auto size = state.encode().size();
  for (int i = 0; i < 1000; ++i)
    state.learn(run_of(1e8 + i));
  CHECK(state.encode().size() == size);
}
