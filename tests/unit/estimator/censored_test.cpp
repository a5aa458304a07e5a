#include "estimator/censored.h"

#include <catch2/catch.hpp>
#include <vector>

#include "estimator/estimator.h"
#include "tests/unit/estimator/histories.h"

using namespace jobward;
using namespace jobward::estimator;
using profiles::Features;
using test::ended_at;
using test::failed_at;
using test::level_of;
using test::run_of;
using test::Runs;

namespace {

Floors floors(const Runs& runs, const Features& query = {},
              const std::vector<std::string>& features = {}) {
  return floors_of(test::state_of(runs), Resource::memory, query, features);
}

double recent(const Runs& runs, const Features& query = {}) {
  return recent_need(test::state_of(runs), Resource::memory, query);
}

Quantiles memory_of(const std::vector<profiles::LearnedState>& levels, const Features& query = {}) {
  const auto estimate = predict(levels, query);
  REQUIRE(estimate.by.contains(Resource::memory));
  return *estimate.by.find(Resource::memory);
}

}  // namespace

TEST_CASE("censored: The largest limit that a run was ended at counts") {
  const auto out = floors({ended_at(1000), ended_at(3000), ended_at(2000), run_of(10)});
  CHECK(out.beyond == 3000);
  CHECK(out.at_least == 0);
}

TEST_CASE("censored: What a run used before it failed by itself is a floor, not one to go beyond") {
  const auto out = floors({failed_at(1000), run_of(10)});
  CHECK(out.at_least == 1000);
  CHECK(out.beyond == 0);
  const auto memory = memory_of({level_of(Level::exact, {run_of(500), failed_at(1000)})});
  CHECK(memory.p99 >= 1000);
  CHECK(memory.p99 < 1400);
}

TEST_CASE("censored: Three later runs that stayed below it refute an end at a limit, two do not") {
  const Runs two{ended_at(1000), run_of(900), run_of(900)};
  CHECK(floors(two).beyond == 1000);
  Runs three = two;
  three.push_back(run_of(900));
  CHECK(floors(three).beyond == 0);
  // Those before it, or above it, say nothing against it.
  CHECK(floors({run_of(900), run_of(900), run_of(900), ended_at(1000)}).beyond == 1000);
  CHECK(floors({ended_at(1000), run_of(1100), run_of(1100), run_of(1100)}).beyond == 1000);
}

TEST_CASE("censored: Later runs that were much smaller refute nothing") {
  Runs runs{ended_at(1000, {{"size:x", 100}})};
  for (int i = 0; i < 3; ++i)
    runs.push_back(run_of(100, {{"size:x", 10}}));
  CHECK(floors(runs, {{"size:x", 100}}, {"size:x"}).beyond == 1000);
  for (int i = 0; i < 3; ++i)
    runs.push_back(run_of(900, {{"size:x", 90}}));
  CHECK(floors(runs, {{"size:x", 100}}, {"size:x"}).beyond == 0);
}

TEST_CASE("censored: The end of a larger run bears on a smaller one in proportion") {
  const Runs runs{ended_at(1000, {{"size:x", 100}})};
  CHECK(floors(runs, {{"size:x", 25}}, {"size:x"}).beyond == Approx(250));
  CHECK(floors(runs, {{"size:x", 100}}, {"size:x"}).beyond == Approx(1000));
  CHECK(floors(runs, {{"size:x", 400}}, {"size:x"}).beyond == Approx(1000));
  CHECK(floors(runs, {{"size:x", 25}}).beyond == Approx(1000));
}

TEST_CASE("censored: The most of the last ten runs with the same inputs, and of no others") {
  CHECK(recent({}) == 0);
  Runs runs{run_of(9000, {{"size:x", 1}}), run_of(5000, {{"size:x", 1}})};
  for (std::size_t i = 2; i < kRecent; ++i)
    runs.push_back(run_of(100, {{"size:x", 1}}));
  runs.push_back(run_of(7777, {{"size:x", 2}}));
  runs.push_back(run_of(8888));
  runs.push_back(ended_at(9999, {{"size:x", 1}}));
  CHECK(recent(runs, {{"size:x", 1}}) == Approx(9000).epsilon(1e-5));
  runs.push_back(run_of(100, {{"size:x", 1}}));
  CHECK(recent(runs, {{"size:x", 1}}) == Approx(5000).epsilon(1e-5));
  CHECK(recent(runs, {{"size:x", 2}}) == Approx(7777).epsilon(1e-5));
  CHECK(recent(runs) == Approx(8888).epsilon(1e-5));
  CHECK(recent(runs, {{"size:x", 3}}) == 0);
  CHECK(recent(runs, {{"size:x", 1}, {"size:y", 1}}) == 0);
  CHECK(recent({run_of(123456789)}) >= 123456789);
}

TEST_CASE("censored: An end of this command keeps what its script's other ends had said") {
  const auto elsewhere = level_of(Level::masked, {ended_at(5000)});
  const auto with_own = level_of(Level::masked, {ended_at(5000), ended_at(1000)});
  const auto before = memory_of({{Level::exact, ""}, elsewhere});
  const auto after = memory_of({level_of(Level::exact, {ended_at(1000)}), with_own});
  CHECK(after.p50 >= before.p50);
  CHECK(after.p95 >= before.p95);
  CHECK(after.p99 >= before.p99);
}

TEST_CASE("censored: A job that fails for days does not push out what is known of it") {
  Runs runs(20, run_of(5e9));
  for (int i = 0; i < 500; ++i)
    runs.push_back(i % 2 == 0 ? failed_at(1e6) : ended_at(2e9));
  const auto estimate = predict({level_of(Level::exact, runs)}, {});
  CHECK(estimate.by.find(Resource::memory)->p50 == Approx(5e9).epsilon(1e-6));
  CHECK(estimate.by.find(Resource::memory)->p99 >= 5e9);
  CHECK(estimate.runs == static_cast<int>(KindState::kWindow));
}

TEST_CASE("censored: Whoever else failed at a limit says nothing of a command that is known") {
  const auto own = level_of(Level::exact, {run_of(100), run_of(100), run_of(100)});
  const auto others =
      level_of(Level::masked, {run_of(100), run_of(100), run_of(100), ended_at(9e9)});
  CHECK(memory_of({own, others}).p99 < 1000);
}
