#include "estimator/estimator.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/estimator/histories.h"

using namespace jobward;
using namespace jobward::estimator;
using profiles::Features;
using profiles::LearnedState;
using profiles::Observation;
using test::ended_at;
using test::level_of;
using test::run_of;
using test::Runs;

namespace {

// A state keeps seven digits.
Approx same(double value) { return Approx(value).epsilon(1e-6); }

Estimate from_exact(const Runs& runs, const Features& query = {}) {
  return predict({level_of(Level::exact, runs)}, query);
}
Quantiles memory_of(const Estimate& estimate) {
  REQUIRE(estimate.by.contains(Resource::memory));
  return *estimate.by.find(Resource::memory);
}
Quantiles memory_from(const Runs& runs, const Features& query = {}) {
  return memory_of(from_exact(runs, query));
}

Runs sized_runs(const std::vector<double>& sizes, double base, double slope) {
  Runs runs;
  for (const double size : sizes)
    runs.push_back(run_of(base + slope * size, {{"size:--data", size}}));
  return runs;
}

void check_near(const Quantiles& a, const Quantiles& b, double tolerance = 1e-6) {
  CHECK(a.p50 == Approx(b.p50).epsilon(tolerance));
  CHECK(a.p95 == Approx(b.p95).epsilon(tolerance));
  CHECK(a.p99 == Approx(b.p99).epsilon(tolerance));
}

}  // namespace

TEST_CASE("estimator: Without any run there is no estimate, and the reason says so") {
  for (const auto& states : {std::vector<LearnedState>{}, std::vector<LearnedState>{
                                                              {Level::exact, ""},
                                                              {Level::masked, ""},
                                                              {Level::program, ""},
                                                              {Level::everything, ""},
                                                          }}) {
    const auto estimate = predict(states, {{"size:--data", 10}});
    CHECK(estimate.by.empty());
    CHECK(estimate.level == Level::none);
    CHECK(estimate.runs == 0);
    CHECK(!estimate.reason.empty());
  }
}

TEST_CASE(
    "estimator: The nearest level with measured runs is used, a young one borrows, and says so") {
  const Runs own{run_of(100), run_of(100)};
  Runs all = own;
  for (const double memory : {500, 300, 400, 450, 550})
    all.push_back(run_of(memory));
  const auto estimate = predict({level_of(Level::exact, own), level_of(Level::masked, all)}, {});
  CHECK(estimate.level == Level::exact);
  CHECK(estimate.runs == 2);
  CHECK(memory_of(estimate).p50 == same(100));
  CHECK(memory_of(estimate).p99 > memory_from(own).p99);
  CHECK_THAT(estimate.reason,
             Catch::Contains("2 runs of this very command") &&
                 Catch::Contains("7 runs of this command with other arguments (these count "));
}

TEST_CASE("estimator: From few runs it says so") {
  const auto estimate = predict({level_of(Level::exact, {}), level_of(Level::masked, {run_of(100)}),
                                 level_of(Level::program, {run_of(900), run_of(900)})},
                                {});
  CHECK(estimate.level == Level::masked);
  CHECK(estimate.runs == 1);
  CHECK_THAT(estimate.reason, Catch::Contains("few runs"));
}

TEST_CASE("estimator: Runs that a limit ended do not count as measured ones") {
  const Runs ended{ended_at(100), ended_at(100), ended_at(100)};
  const Runs measured{run_of(500), run_of(500), run_of(500)};
  const auto estimate =
      predict({level_of(Level::exact, ended), level_of(Level::masked, measured)}, {});
  CHECK(estimate.level == Level::masked);
}

TEST_CASE("estimator: Runs whose memory was not measured do not count as measured ones") {
  Observation unmeasured;
  unmeasured.used.set(Resource::wall, {1, false});
  const Runs blind{unmeasured, unmeasured, unmeasured};
  const Runs measured{run_of(500), run_of(500), run_of(500)};
  const auto estimate =
      predict({level_of(Level::exact, blind), level_of(Level::masked, measured)}, {});
  REQUIRE(estimate.by.contains(Resource::memory));
  CHECK(estimate.level == Level::masked);
}

TEST_CASE(
    "estimator: A level that only saw much smaller runs gives way to one that saw such a size") {
  const auto exact = level_of(Level::exact, sized_runs({10, 10, 10}, 0, 5));
  const auto masked = level_of(Level::masked, sized_runs({10, 10, 10, 100, 1000}, 0, 5));
  const auto estimate = predict({exact, masked}, {{"size:--data", 1000}});
  CHECK(estimate.level == Level::masked);
  CHECK(memory_of(estimate).p50 == Approx(5000).epsilon(0.01));
  CHECK(predict({exact, masked}, {{"size:--data", 10}}).level == Level::exact);
}

TEST_CASE("estimator: All programs together are the last resort and never follow a feature") {
  const auto everything = level_of(Level::everything, sized_runs({1, 2, 3, 4}, 0, 100));
  const auto guess = predict({everything}, {{"size:--data", 1000}});
  CHECK(guess.level == Level::everything);
  CHECK(memory_of(guess).p50 >= 200);
  CHECK(memory_of(guess).p50 <= 300);
  CHECK(memory_of(guess).p99 >= 400);
  check_near(memory_of(guess), memory_of(predict({everything}, {})));
  CHECK(predict({level_of(Level::exact, {run_of(7)}), everything}, {}).level == Level::exact);
}

TEST_CASE("estimator: A feature that explains the memory is followed and named") {
  const auto estimate =
      from_exact(sized_runs({100, 200, 400, 800}, 1000, 3), {{"size:--data", 600}});
  CHECK(memory_of(estimate).p50 == Approx(1000 + 3 * 600).epsilon(1e-4));
  CHECK_THAT(estimate.reason, Catch::Contains("size:--data"));
}

TEST_CASE("estimator: Of several features the one that explains most is followed") {
  Runs runs = sized_runs({100, 200, 400, 800, 300, 500}, 1000, 3);
  const std::vector<double> seeds{6, 1, 5, 2, 4, 3};
  for (std::size_t i = 0; i < runs.size(); ++i)
    runs[i].features["num:--seed"] = seeds[i];
  const auto estimate = from_exact(runs, {{"size:--data", 600}, {"num:--seed", 5}});
  CHECK_THAT(estimate.reason, Catch::Contains("size:--data") && !Catch::Contains("num:--seed"));
}

TEST_CASE("estimator: A plain number is followed only from six runs on, a size at once") {
  Runs numbers;
  Runs sizes;
  for (int i = 1; i <= 5; ++i) {
    numbers.push_back(run_of(1000.0 * i, {{"num:k", i}}));
    sizes.push_back(run_of(1000.0 * i, {{"size:k", i}}));
  }
  CHECK_THAT(from_exact(numbers, {{"num:k", 2}}).reason, !Catch::Contains("follows"));
  CHECK(memory_from(numbers, {{"num:k", 2}}).p50 == same(3000));
  CHECK_THAT(from_exact(sizes, {{"size:k", 2}}).reason, Catch::Contains("follows size:k"));
  numbers.push_back(run_of(6000, {{"num:k", 6}}));
  CHECK_THAT(from_exact(numbers, {{"num:k", 2}}).reason, Catch::Contains("follows num:k"));
  CHECK(memory_from(numbers, {{"num:k", 2}}).p50 == Approx(2000).epsilon(0.01));
}

TEST_CASE("estimator: A feature that some run did not have is not followed") {
  Runs runs = sized_runs({100, 200, 400, 800}, 1000, 3);
  runs[2].features.clear();
  const auto estimate = from_exact(runs, {{"size:--data", 600}});
  CHECK_THAT(estimate.reason, !Catch::Contains("follows"));
}

TEST_CASE("estimator: An out-of-memory end alone raises the bounds past its limit") {
  const auto estimate = from_exact({ended_at(1000)});
  const auto memory = memory_of(estimate);
  CHECK(memory.p50 >= 1000);
  CHECK(memory.p95 >= kBeyondCensored * 1000);
  CHECK(memory.p99 >= kBeyondCensored * 1000);
  CHECK(estimate.runs == 1);
  CHECK(estimate.censored_runs == 1);
}

TEST_CASE("estimator: After an out-of-memory end and a measured run the p50 is what was measured") {
  const auto estimate = from_exact({ended_at(1000), run_of(1200)});
  CHECK(memory_of(estimate).p50 == same(1200));
  CHECK(estimate.runs == 2);
  CHECK(estimate.censored_runs == 1);
  check_near(memory_of(estimate), memory_from({run_of(1200)}));
}

TEST_CASE("estimator: Repeated out-of-memory ends never become measurements of their own limits") {
  Runs runs{ended_at(1000), ended_at(1500), ended_at(2250), run_of(2400)};
  CHECK(memory_from(runs).p50 == same(2400));
}

TEST_CASE("estimator: An end above everything measured raises the bounds") {
  const auto memory = memory_from({run_of(1000), run_of(1000), run_of(1000), ended_at(5000)});
  CHECK(memory.p99 >= kBeyondCensored * 5000);
  CHECK(memory.p95 >= kBeyondCensored * 5000);
}

TEST_CASE("estimator: An end above the measured run but below its p99 raises the bounds as well") {
  REQUIRE(memory_from({run_of(1000)}).p99 > 1100);
  const auto memory = memory_from({run_of(1000), ended_at(1100)});
  CHECK(memory.p95 >= kBeyondCensored * 1100);
  CHECK(memory.p99 >= kBeyondCensored * 1100);
}

TEST_CASE("estimator: A run that failed early lowers nothing") {
  const Runs measured{run_of(1000), run_of(1100), run_of(1050)};
  Runs with_failures = measured;
  for (int i = 0; i < 5; ++i)
    with_failures.push_back(ended_at(8));
  check_near(memory_from(with_failures), memory_from(measured));
}

TEST_CASE("estimator: An end at ten times the size says little about a small run") {
  Runs runs = sized_runs({100, 200, 400, 800}, 0, 10);
  runs.push_back(ended_at(50000, {{"size:--data", 8000}}));
  CHECK(memory_from(runs, {{"size:--data", 400}}).p50 < 5000);
}

TEST_CASE("estimator: Beyond what was seen the bounds widen and the reason says so") {
  const Runs runs = sized_runs({100, 200, 400, 800}, 1000, 3);
  const auto inside = memory_from(runs, {{"size:--data", 400}});
  const auto outside = from_exact(runs, {{"size:--data", 8000}});
  const auto bounds = memory_of(outside);
  CHECK(bounds.p50 > 0.9 * (1000 + 3 * 8000));
  CHECK(bounds.p99 >= 1000 + 3 * 8000);
  CHECK(bounds.p99 / bounds.p50 - 1 > 2 * (inside.p99 / inside.p50 - 1));
  CHECK_THAT(outside.reason, Catch::Contains("10.0 times larger in size:--data"));
}

TEST_CASE("estimator: Without a slope a larger run gets bounds in proportion") {
  const auto check = [](const Runs& runs) {
    const auto as_seen = memory_from(runs, {{"size:--data", 10}});
    const auto larger = from_exact(runs, {{"size:--data", 40}});
    CHECK(memory_of(larger).p50 >= as_seen.p50);
    CHECK(memory_of(larger).p95 == Approx(4 * as_seen.p95).epsilon(0.1));
    CHECK(memory_of(larger).p99 == Approx(4 * as_seen.p99).epsilon(0.1));
    CHECK_THAT(larger.reason, Catch::Contains("4.0 times larger in size:--data"));
  };
  const auto ten = run_of(1000, {{"size:--data", 10}});
  check({ten});
  check({ten, ten});
  check({ten, run_of(1100, {{"size:--data", 10}}), run_of(1050, {{"size:--data", 10}})});
}

TEST_CASE("estimator: The order of the runs matters little: the younger count a bit more") {
  Runs runs = sized_runs({100, 200, 400, 800, 300, 700}, 1000, 3);
  runs.push_back(ended_at(3000, {{"size:--data", 500}}));
  runs[1].used.set(Resource::wall, {3.5, false});
  runs[4].used.set(Resource::wall, {4.5, false});
  const Features query{{"size:--data", 900}};
  const auto forward = from_exact(runs, query);
  std::reverse(runs.begin(), runs.end());
  const auto backward = from_exact(runs, query);
  check_near(memory_of(forward), memory_of(backward), 0.02);
  check_near(*forward.by.find(Resource::wall), *backward.by.find(Resource::wall), 0.02);
}

TEST_CASE("estimator: The same history and query give the same estimate, bit for bit") {
  const Runs runs = sized_runs({100, 200, 400, 800}, 1000, 3);
  const auto first = memory_from(runs, {{"size:--data", 600}});
  const auto second = memory_from(runs, {{"size:--data", 600}});
  CHECK(first.p50 == second.p50);
  CHECK(first.p99 == second.p99);
  CHECK(level_of(Level::exact, runs).blob == level_of(Level::exact, runs).blob);
}

TEST_CASE("estimator: A resource that was never measured is absent, not 0") {
  Runs runs{run_of(1000), run_of(1000), run_of(1000)};
  runs[1].used.set(Resource::io_read, {4096, false});
  const auto estimate = from_exact(runs);
  CHECK(estimate.by.contains(Resource::memory));
  REQUIRE(estimate.by.contains(Resource::io_read));
  CHECK(estimate.by.find(Resource::io_read)->p50 == same(4096));
  for (const auto resource : {Resource::wall, Resource::cpu_time, Resource::io_write,
                              Resource::disk_growth, Resource::processes})
    CHECK(!estimate.by.contains(resource));
}

TEST_CASE("estimator: A damaged state is begun anew and predicts nothing") {
  const LearnedState damaged{Level::exact, "\x01 not a state"};
  CHECK(predict({damaged}, {}).level == Level::none);
  const LearnedState renewed{Level::exact, learn({damaged}, run_of(123))[0]};
  CHECK(memory_of(predict({renewed}, {})).p50 == same(123));
}

TEST_CASE("estimator: What was never written is predicted as nothing, not as a byte") {
  Runs runs{run_of(1000), run_of(1000), run_of(1000)};
  for (auto& run : runs)
    run.used.set(Resource::io_write, {0, false});
  const auto estimate = from_exact(runs);
  REQUIRE(estimate.by.contains(Resource::io_write));
  CHECK(estimate.by.find(Resource::io_write)->p50 == 0);
  CHECK(estimate.by.find(Resource::io_write)->p99 == 0);
}

TEST_CASE("estimator: Two runs of different sizes do not hold back a third that is larger") {
  // 116 MiB for 6 MiB of text, 172 for 10: the one of 14 needs about 228.
  const auto estimate =
      from_exact({run_of(116, {{"size:--data", 6}}), run_of(172, {{"size:--data", 10}})},
                 {{"size:--data", 14}});
  CHECK(memory_of(estimate).p99 > 228);
}

TEST_CASE("estimator: A feature that turned out not to matter is not said to be out of reach") {
  Runs runs;
  for (int i = 1; i <= 20; ++i)
    runs.push_back(run_of(1e6 * i, {{"size:--data", i * 1e3}, {"size:--log", 10.0 + (i * 7) % 5}}));
  const auto estimate = from_exact(runs, {{"size:--data", 9e3}, {"size:--log", 500}});
  CHECK_THAT(estimate.reason, !Catch::Contains("size:--log"));
}
