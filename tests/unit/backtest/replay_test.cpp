#include "backtest/replay.h"

#include <catch2/catch.hpp>

#include "tests/unit/backtest/sample_history.h"

using namespace jobward;
using backtest::Method;
using backtest::Order;
using backtest::Replayed;
using backtest::ReplayOptions;
using profiles::PastRun;
using test::history_of;
using test::hour_run;
using test::kGigabyte;
using test::timed_run;

namespace {

struct Given {
  Replayed replayed;
  std::vector<double> gigabytes;  // by the first attempt, of each scored row
};

Given replayed(const std::vector<PastRun>& runs, const ReplayOptions& options = {}) {
  Given out;
  auto result = backtest::replay(history_of(runs), options, [&](double given, double) {
    out.gigabytes.push_back(given / kGigabyte);
  });
  REQUIRE(result);
  out.replayed = *std::move(result);
  return out;
}

std::string error_of(const std::vector<PastRun>& runs, ReplayOptions options) {
  options.name = "FILE";
  const auto result = backtest::replay(history_of(runs), options);
  return result ? "" : result.error().message();
}

std::size_t counted(const Replayed& replayed) {
  const auto& rest = replayed.not_scored;
  return replayed.total.scores().first.rows + rest.history + rest.first + rest.unmeasured +
         rest.censored + rest.untimed;
}

PastRun as_history(PastRun run) {
  run.history = true;
  return run;
}

PastRun censored(PastRun run, bool ended_early) {
  const double bytes = run.observation.used.find(Resource::memory)->value;
  run.observation.used.set(Resource::memory, {bytes, true, ended_early});
  run.observation.used.set(Resource::wall, {test::kHour, true, true});
  return run;
}

std::vector<PastRun> runs_along_a_line() {
  std::vector<PastRun> runs;
  for (int i = 1; i <= 30; ++i) {
    const double size = 1 + (i * 7) % 30;
    runs.push_back(hour_run("align", size));
    runs.back().observation.features["size:input"] = size * 1e6;
  }
  return runs;
}

ReplayOptions cold() {
  ReplayOptions options;
  options.cold = true;
  return options;
}

ReplayOptions in_time() {
  ReplayOptions options;
  options.order = Order::time;
  options.compare = true;
  return options;
}

}  // namespace

TEST_CASE("backtest replay: A row is predicted first and learned from then, by run's own code") {
  std::vector<PastRun> runs;
  for (int i = 0; i < 12; ++i)
    runs.push_back(hour_run(i % 2 == 0 ? "align" : "sort", 2 + 0.1 * i));
  std::map<std::string, std::string> states;
  std::vector<double> want;
  for (const auto& run : runs) {
    std::vector<profiles::LearnedState> levels;
    for (const auto level : {Level::masked, Level::everything})
      levels.push_back({level, states[run.fingerprint.key(level)]});
    if (!levels[0].blob.empty()) {
      const auto estimate = estimator::predict(levels, {}, {});
      REQUIRE(estimate.level == Level::masked);
      want.push_back(estimate.sizing->attempts.front() / kGigabyte);
    }
    const auto learned = estimator::learn(levels, run.observation);
    for (std::size_t i = 0; i < levels.size(); ++i)
      states[run.fingerprint.key(levels[i].level)] = learned[i];
  }
  const auto got = replayed(runs);
  CHECK(got.gigabytes == want);
  CHECK(got.replayed.not_scored.first == 2);
  CHECK(got.replayed.runs == 12);
  REQUIRE(got.replayed.jobs.size() == 2);
  CHECK(got.replayed.jobs[0].job == "align");
  CHECK(got.replayed.jobs[0].tally.scores().first.rows == 5);
}

TEST_CASE("backtest replay: Of an unknown job half of the machine is given") {
  const auto got = replayed({hour_run("align", 4)}, cold());
  CHECK(got.gigabytes == std::vector<double>{64});
  const auto scores = got.replayed.total.scores();
  CHECK(scores.wastage_gbh == Approx(60));
  CHECK(scores.used_gbh == Approx(4));
  CHECK(scores.by_runs[0].rows == 1);
}

TEST_CASE("backtest replay: Too small a guess is doubled, and fails after its share of the time") {
  auto options = cold();
  options.machine_bytes = 2 * kGigabyte;
  options.question.failure.share = 0.25;
  const auto scores = replayed({hour_run("align", 3)}, options).replayed.total.scores();
  CHECK(scores.failures == 2);
  CHECK(scores.wastage_gbh == Approx((1 + 2) * 0.25 + 1));
}

TEST_CASE("backtest replay: What other programs used is no estimate, but may raise the guess") {
  auto options = cold();
  options.machine_bytes = 2 * kGigabyte;
  const auto got = replayed({hour_run("align", 20), hour_run("sort", 1)}, options);
  const auto learned =
      estimator::learn({{Level::everything, ""}}, hour_run("align", 20).observation);
  const auto estimate = estimator::predict({{Level::everything, learned[0]}}, {}, {});
  REQUIRE(estimate.sizing);
  REQUIRE(got.gigabytes.size() == 2);
  CHECK(got.gigabytes[1] > 1);
  CHECK(got.gigabytes[1] == estimate.sizing->attempts.front() / kGigabyte);
  options.machine_bytes = 4000 * kGigabyte;
  CHECK(replayed({hour_run("align", 20), hour_run("sort", 1)}, options).gigabytes[1] == 2000);
}

TEST_CASE("backtest replay: History rows are learned from, and scored only when cold") {
  const std::vector<PastRun> runs{as_history(hour_run("align", 2)),
                                  as_history(hour_run("align", 2)), hour_run("align", 2)};
  const auto warm = replayed(runs).replayed;
  CHECK(warm.total.scores().first.rows == 1);
  CHECK(warm.total.scores().by_runs[0].rows == 1);
  CHECK(warm.not_scored.history == 2);
  CHECK(warm.not_scored.first == 0);
  CHECK(counted(warm) == warm.runs);
  const auto all = replayed(runs, cold()).replayed;
  CHECK(all.total.scores().first.rows == 3);
  CHECK(counted(all) == all.runs);
}

TEST_CASE("backtest replay: What was not measured, or not to the end, is learned from only") {
  auto no_wall = hour_run("align", 2);
  no_wall.observation.used.erase(Resource::wall);
  auto no_memory = hour_run("align", 2);
  no_memory.observation.used.erase(Resource::memory);
  for (const bool every : {false, true}) {
    const auto got =
        replayed({hour_run("align", 2), no_wall, no_memory, censored(hour_run("align", 9), false),
                  censored(hour_run("align", 9), true), hour_run("align", 2)},
                 every ? cold() : ReplayOptions())
            .replayed;
    CHECK(got.total.scores().first.rows == (every ? 2 : 1));
    CHECK(got.not_scored.unmeasured == 2);
    CHECK(got.not_scored.censored == 2);
    CHECK(counted(got) == 6);
    // Four that told something of memory came before the last, the two that ended early among them.
    CHECK(got.total.scores().by_runs[1].rows == 1);
    // The time of the one without memory is scored as well; of the first nothing can be predicted.
    CHECK(got.total.scores().wall.rows == 2);
  }
}

TEST_CASE("backtest replay: Memory or wall time alone, not measured to the end, is enough") {
  auto memory = hour_run("align", 2);
  memory.observation.used.set(Resource::memory, {9 * kGigabyte, true});
  auto wall = hour_run("align", 2);
  wall.observation.used.set(Resource::wall, {test::kHour, true, true});
  const auto got = replayed({hour_run("align", 2), memory, wall}).replayed;
  CHECK(got.not_scored.censored == 2);
  CHECK(got.total.scores().first.rows == 0);
  CHECK(got.total.scores().wall.rows == 1);
}

TEST_CASE(
    "backtest replay: A killed run raises what is given, and the rules do not learn from it") {
  const std::vector<PastRun> plain{hour_run("align", 2), hour_run("align", 2), hour_run("align", 2),
                                   hour_run("align", 2)};
  auto killed = plain;
  killed[2] = censored(hour_run("align", 16), false);
  ReplayOptions options;
  options.compare = true;
  const auto without = replayed(plain, options);
  const auto with = replayed(killed, options);
  CHECK(with.gigabytes.back() > 16);
  CHECK(without.gigabytes.back() < 16);
  CHECK(with.replayed.comparison->scores(Method::max_seen).wastage_gbh == Approx(0).margin(1e-9));
}

TEST_CASE("backtest replay: Without features they are kept from the estimator") {
  auto bare = runs_along_a_line();
  for (auto& run : bare)
    run.observation.features.clear();
  ReplayOptions off;
  off.features = false;
  CHECK(replayed(runs_along_a_line(), off).gigabytes == replayed(bare).gigabytes);
  CHECK(replayed(runs_along_a_line()).gigabytes != replayed(bare).gigabytes);
}

TEST_CASE("backtest replay: In the order of time only what had finished is known") {
  // A 0-100, B 50-200, C 100-110, D 150-160, E 200-300: nothing is known at A and B, A at C,
  // A and C at D, all of them at E. The order of the file is another one.
  const auto got = replayed({timed_run("align", 15, 200, 300), timed_run("align", 10, 0, 100),
                             timed_run("align", 5, 100, 110), timed_run("align", 5, 150, 160),
                             timed_run("align", 20, 50, 200)},
                            in_time());
  const auto most = got.replayed.comparison->scores(Method::max_seen);
  CHECK(got.replayed.not_scored.first == 2);
  CHECK(most.first.rows == 3);
  CHECK(most.failures == 0);
  CHECK(most.wastage_gbh == Approx(5 + 5 + 5));
  CHECK(most.by_runs[0].rows == 2);
  CHECK(most.by_runs[1].rows == 1);
}

TEST_CASE("backtest replay: At the same moment the order is that of the file") {
  const auto largest_at_end = [](const std::vector<PastRun>& runs) {
    return replayed(runs, in_time()).replayed.comparison->scores(Method::max_seen).wastage_gbh;
  };
  // The second of two that start at once does not know the first; the third knows both.
  const auto three = [](double first, double second) {
    return std::vector<PastRun>{timed_run("align", first, 0, 10), timed_run("align", second, 0, 10),
                                timed_run("align", 1, 10, 20)};
  };
  CHECK(largest_at_end(three(2, 4)) == Approx(3));
  CHECK(largest_at_end(three(4, 2)) == Approx(3));
}

TEST_CASE("backtest replay: Without a start the submission counts, without an end the wall time") {
  auto first = timed_run("align", 4, 0, 0);
  first.submitted = first.started;
  first.started.reset();
  first.finished.reset();  // at 3600
  const auto rows = [&](UnixMillis start) {
    return replayed({first, timed_run("align", 1, start, start + 1)}, in_time())
        .replayed.total.scores()
        .first.rows;
  };
  CHECK(rows(3599) == 0);
  CHECK(rows(3600) == 1);
}

TEST_CASE("backtest replay: A run without times is an error with its line, or left out") {
  auto no_start = hour_run("align", 2);
  auto no_end = timed_run("align", 2, 5, 6);
  no_end.finished.reset();
  no_end.observation.used.erase(Resource::wall);
  const auto timed = timed_run("align", 2, 1, 2);
  CHECK_THAT(error_of({timed, no_start}, in_time()),
             Catch::Contains("FILE:3") && Catch::Contains("started_ms"));
  CHECK_THAT(error_of({timed, timed, no_end}, in_time()),
             Catch::Contains("FILE:4") && Catch::Contains("finished_ms"));
  CHECK(error_of({timed, no_start}, {}).empty());
  auto options = in_time();
  options.skip_bad = true;
  const auto got = replayed({timed, no_start, no_end, timed_run("align", 2, 3, 4)}, options);
  CHECK(got.replayed.not_scored.untimed == 2);
  CHECK(got.replayed.total.scores().first.rows == 1);
  CHECK(counted(got.replayed) == 4);
}

TEST_CASE("backtest replay: An error of the history is handed on") {
  int calls = 0;
  const profiles::PastRuns broken = [&]() -> Result<std::optional<PastRun>> {
    if (++calls < 3) return hour_run("align", 2);
    return error("read", "FILE:4", "broken");
  };
  for (const auto order : {Order::file, Order::time}) {
    calls = order == Order::file ? 0 : 2;
    ReplayOptions options;
    options.order = order;
    const auto result = backtest::replay(broken, options);
    REQUIRE(!result);
    CHECK_THAT(result.error().message(), Catch::Contains("FILE:4"));
  }
}

TEST_CASE("backtest replay: Two histories together are the sum of both") {
  ReplayOptions options;
  options.compare = true;
  auto one = replayed({hour_run("align", 2), hour_run("align", 2)}, options).replayed;
  const auto two =
      replayed({hour_run("align", 2), hour_run("align", 3), hour_run("sort", 1)}, options).replayed;
  const double wasted = one.total.wastage_gbh() + two.total.wastage_gbh();
  one.merge(two);
  CHECK(one.runs == 5);
  CHECK(one.total.wastage_gbh() == Approx(wasted));
  CHECK(one.not_scored.first == 3);
  REQUIRE(one.jobs.size() == 1);
  CHECK(one.jobs[0].tally.scores().first.rows == 2);
  CHECK(one.comparison->scores(Method::max_seen).first.rows == 2);
  CHECK(counted(one) == 5);
}

TEST_CASE("backtest replay: Absurd values give neither an error nor a number that is none") {
  std::vector<PastRun> runs;
  for (const double bytes : {1.0, 1.15e18, 1.0, 4096.0, 1.15e18, 0.5})
    for (const double seconds : {0.0, 3.1e9, 1e-9}) {
      runs.push_back(hour_run("align", bytes / kGigabyte));
      runs.back().observation.used.set(Resource::wall, {seconds, false});
      runs.back().observation.used.set(Resource::io_write, {0, false});
      runs.back().observation.features = {{"size:input", bytes}, {"feature:x", -seconds}};
    }
  auto options = cold();
  options.compare = true;
  const auto got = replayed(runs, options).replayed;
  CHECK(counted(got) == runs.size());
  const auto scores = got.total.scores();
  CHECK(std::isfinite(scores.wastage_gbh));
  CHECK(std::isfinite(*scores.median_slack));
  CHECK(!scores.written.median_relative_error);
}
