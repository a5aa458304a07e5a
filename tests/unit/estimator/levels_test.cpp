#include "estimator/levels.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "tests/support/random.h"
#include "tests/unit/estimator/histories.h"

using namespace jobward;
using namespace jobward::estimator;
using profiles::LearnedState;
using test::level_of;
using test::Random;
using test::run_of;
using test::Runs;

namespace {

Joined joined(const std::vector<LevelRuns>& levels, const profiles::Features& query = {}) {
  const auto out = join(levels, Resource::memory, query);
  REQUIRE(out);
  return *out;
}

Runs around(double level, double noise, int count, std::uint64_t seed) {
  Random random(seed);
  Runs runs;
  for (int i = 0; i < count; ++i)
    runs.push_back(run_of(level * std::exp(noise * random.normal())));
  return runs;
}

Runs operator+(Runs a, const Runs& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

double own_share(const Runs& own, const Runs& others) {
  return joined(read_levels({level_of(Level::exact, own), level_of(Level::masked, own + others)}))
      .own_share;
}

}  // namespace

TEST_CASE("levels: A young kind that is like its elders borrows much, an unlike one little") {
  const auto elders = around(1e9, 0.2, 60, 24);
  const double like = own_share(around(1e9, 0.2, 4, 25), elders);
  const double unlike = own_share(around(2e10, 0.05, 4, 26), elders);
  CHECK(like < 0.9);
  CHECK(unlike > 0.98);
  CHECK(unlike > like);
}

TEST_CASE("levels: The more own runs, the less is borrowed, from thirty on nothing") {
  const auto elders = around(1e9, 0.2, 80, 27);
  const double few = own_share(around(2e9, 0.2, 3, 28), elders);
  const double more = own_share(around(2e9, 0.2, 20, 28), elders);
  CHECK(few < more);
  CHECK(own_share(around(2e9, 0.2, static_cast<int>(kBorrowBelow), 28), elders) == 1);
}

TEST_CASE("levels: What is borrowed shows in the bounds") {
  // Two runs that happened to be small, of a kind whose elders need three times as much at times.
  Runs elders;
  for (int i = 0; i < 50; ++i)
    elders.push_back(run_of(i % 5 == 0 ? 3e9 : 1e9));
  const Runs own{run_of(1e9), run_of(1.01e9)};
  const auto alone = predict({level_of(Level::exact, own)}, {});
  const auto with =
      predict({level_of(Level::exact, own), level_of(Level::masked, elders + own)}, {});
  CHECK(with.level == Level::exact);
  CHECK(with.by.find(Resource::memory)->p99 > 2.9e9);
  CHECK(alone.by.find(Resource::memory)->p99 < 2e9);
  CHECK_THAT(with.reason, Catch::Contains("52 runs of this command with other arguments"));
}

TEST_CASE("levels: A level that knows no more runs than the own one is not borrowed from") {
  const Runs own = around(1e9, 0.1, 4, 29);
  const auto out = joined(read_levels({level_of(Level::exact, own), level_of(Level::masked, own)}));
  CHECK(out.above == nullptr);
  CHECK(out.own_share == 1);
}

TEST_CASE("levels: The next level that knows more is borrowed from, all programs together never") {
  const Runs own = around(1e9, 0.1, 3, 30);
  const Runs others = around(1.2e9, 0.1, 40, 31);
  const auto program =
      read_levels({level_of(Level::exact, own), level_of(Level::masked, own),
                   level_of(Level::program, own + others), level_of(Level::everything, others)});
  REQUIRE(joined(program).above != nullptr);
  CHECK(joined(program).above->level == Level::program);
  const auto alone =
      read_levels({level_of(Level::exact, own), level_of(Level::everything, own + others)});
  CHECK(joined(alone).above == nullptr);
  CHECK(!join(read_levels({level_of(Level::everything, others)}), Resource::memory, {}));
}

TEST_CASE("levels: A size that the own runs never had is looked up above") {
  Runs own;
  Runs others;
  for (int i = 0; i < 40; ++i) {
    own.push_back(run_of(1e6 * (10 + i % 3), {{"size:x", 10 + i % 3}}));
    others.push_back(run_of(1e6 * (10 + i * 10), {{"size:x", 10 + i * 10}}));
  }
  const auto levels =
      read_levels({level_of(Level::exact, own), level_of(Level::masked, own + others)});
  const auto far = joined(levels, {{"size:x", 300}});
  REQUIRE(far.above != nullptr);
  CHECK(far.own_share == 0);
  CHECK(far.forecast.distribution.quantile(0.5) == Approx(3e8).epsilon(0.05));
  CHECK(joined(levels, {{"size:x", 11}}).above == nullptr);
  // A bit more than the largest is not another size.
  CHECK(joined(levels, {{"size:x", 12.1}}).above == nullptr);
}

TEST_CASE("levels: The largest size that the own runs had is one of theirs, rounded or not") {
  Runs own;
  for (int i = 0; i < 40; ++i) {
    const double size = 123456789.0 + 1000 * (i % 5);
    own.push_back(run_of(10 * size, {{"size:x", size}}));
  }
  const auto levels = read_levels(
      {level_of(Level::exact, own), level_of(Level::masked, own + around(1e6, 1, 40, 34))});
  for (const auto& run : own)
    CHECK(joined(levels, run.features).own_share == 1);
}

TEST_CASE("levels: A state that cannot be read counts as one without runs") {
  const auto levels =
      read_levels({{Level::exact, "nonsense"}, level_of(Level::masked, {run_of(5)})});
  REQUIRE(levels.size() == 2);
  CHECK(levels[0].state.size() == 0);
  CHECK(joined(levels).own->level == Level::masked);
}

TEST_CASE("levels: All levels learn a run, and only that of everything leaves its sizes out") {
  std::vector<LearnedState> levels{
      {Level::exact, ""}, {Level::masked, ""}, {Level::program, ""}, {Level::everything, ""}};
  for (int i = 0; i < 5; ++i) {
    const auto blobs = learn(levels, run_of(100, {{"size:x", 3}}));
    REQUIRE(blobs.size() == levels.size());
    for (std::size_t k = 0; k < levels.size(); ++k)
      levels[k].blob = blobs[k];
  }
  for (const auto& level : read_levels(levels)) {
    CHECK(level.measured == 5);
    CHECK(level.state.features().size() == (level.level == Level::everything ? 0 : 1));
  }
}
