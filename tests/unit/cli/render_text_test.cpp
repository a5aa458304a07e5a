#include "cli/render_text.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "tests/support/sample_run.h"

using namespace jobward;
using namespace jobward::cli;
using Catch::Contains;

namespace {

launcher::RunResult ended(Outcome outcome, const std::string& cause, int code,
                          const std::string& source) {
  launcher::RunResult result;
  result.request = test::full_request("run0000000");
  result.started = true;
  result.ending.outcome = outcome;
  result.ending.cause = cause;
  result.ending.exit_code = code;
  result.ending.exit_source = source;
  result.ending.usage.set(Metric::wall, 42.3);
  result.ending.usage.set(Metric::memory_need, 128 << 20);
  return result;
}

launcher::RunResult not_started(Outcome outcome, const std::string& cause, int code) {
  auto result = ended(outcome, cause, code, "jobward");
  result.started = false;
  result.ending.usage = {};
  return result;
}

}  // namespace

TEST_CASE("render_text: Every end line is one line and names the run, the outcome and the cause") {
  for (std::size_t i = 0; i < kOutcomeNames.size(); ++i) {
    const auto outcome = static_cast<Outcome>(i);
    const auto line = end_line(ended(outcome, "the very cause", 1, "job"));
    INFO(line);
    CHECK_THAT(line, Catch::StartsWith("run0000000") && Contains(std::string(kOutcomeNames[i])) &&
                         Contains("the very cause"));
    CHECK(line.find('\n') == std::string::npos);
  }
}

TEST_CASE("render_text: A run that was ok says what it used against what was predicted") {
  const auto line = end_line(ended(Outcome::ok, "exit status 0", 0, "job"));
  CHECK_THAT(line, Contains("ok") && Contains("42.3 s") && Contains("128 MiB"));
  CHECK_THAT(line, Contains("256 MiB") && Contains("predicted 100 MiB") && Contains("p99 130 MiB"));
}

TEST_CASE("render_text: What was not measured or predicted is not in the line") {
  auto result = ended(Outcome::ok, "exit status 0", 0, "job");
  result.ending.usage = {};
  result.request.estimate = {};
  result.request.limits = {};
  const auto line = end_line(result);
  CHECK_THAT(line, !Contains("predicted") && !Contains("memory") && !Contains("after"));
  CHECK_THAT(line, !Contains("0 B") && !Contains("0.00 s"));
}

TEST_CASE("render_text: What other programs used is not called a prediction") {
  auto result = ended(Outcome::ok, "exit status 0", 0, "job");
  result.request.estimate.level = Level::everything;
  CHECK_THAT(end_line(result), !Contains("predicted"));
}

TEST_CASE("render_text: A failure says the job's own exit status") {
  const auto line = end_line(ended(Outcome::failed, "exit status 3", 3, "job"));
  CHECK_THAT(line, Contains("failed") && Contains("exit status 3"));
}

TEST_CASE("render_text: A memory limit that was asked for: the line says to give more, and how") {
  const auto line = end_line(ended(Outcome::memory_limit, "limit 256 MiB, peak", 137, "jobward"));
  CHECK_THAT(line, Contains("exit status 137") && Contains("256 MiB") && Contains("--mem"));
  CHECK_THAT(line, Contains("jobward show run0000000"));
}

TEST_CASE("render_text: An automatic memory limit: the line says that the next one is higher") {
  auto result = ended(Outcome::memory_limit, "limit, peak", 137, "jobward");
  result.request.limits.set(Resource::memory, {256 << 20, "estimate", LimitOrigin::automatic, {}});
  CHECK_THAT(end_line(result), Contains("next") && Contains("higher") && !Contains("leave --mem"));
}

TEST_CASE("render_text: A wall limit: the line says --time") {
  const auto line = end_line(ended(Outcome::wall_limit, "limit", 124, "jobward"));
  CHECK_THAT(line, Contains("exit status 124") && Contains("--time"));
}

TEST_CASE(
    "render_text: A limit from a file: the line says which file, and the flag that goes before") {
  auto result = ended(Outcome::memory_limit, "limit, peak", 137, "jobward");
  result.request.limits.set(Resource::memory, {256 << 20, "c.toml:2", LimitOrigin::asked, {}});
  CHECK_THAT(end_line(result), Contains("--mem") && Contains("c.toml:2") && !Contains("leave"));
}

TEST_CASE("render_text: Each limit's end names the flag that gives more") {
  for (const auto& [outcome, flag] :
       {std::pair(Outcome::cpu_limit, "--cpu-time"), std::pair(Outcome::stall_limit, "--stall"),
        std::pair(Outcome::pids_limit, "--pids"), std::pair(Outcome::wall_limit, "--time")})
    CHECK_THAT(
        end_line(ended(outcome, "limit", 124, "jobward")),
        Contains(std::string("give it more with ") + flag) && Contains("jobward show run0000000"));
}

TEST_CASE("render_text: A limit of the policy: the line says so, and names no flag") {
  for (const auto& [outcome, resource] : {std::pair(Outcome::memory_limit, Resource::memory),
                                          std::pair(Outcome::wall_limit, Resource::wall),
                                          std::pair(Outcome::pids_limit, Resource::processes)}) {
    auto result = ended(outcome, "limit", 124, "jobward");
    result.request.limits.set(resource, {100, "p.toml:2", LimitOrigin::policy, {}});
    CHECK_THAT(end_line(result), Contains("policy") && Contains("p.toml:2") && !Contains(" --"));
  }
}

TEST_CASE("render_text: Out of memory beyond the job's limit: the line says where to look") {
  for (const auto outcome : {Outcome::system_oom, Outcome::aggregate_limit}) {
    const auto line = end_line(ended(outcome, "who", 137, "jobward"));
    CHECK_THAT(line, Contains("jobward show run0000000") && Contains("jobward doctor"));
  }
}

TEST_CASE("render_text: A run that never started says why, and speaks of no use") {
  for (const auto& [outcome, code] :
       {std::pair(Outcome::not_admitted, 75), std::pair(Outcome::refused, 77),
        std::pair(Outcome::cancelled, 75), std::pair(Outcome::launch_failed, 127)}) {
    const auto line = end_line(not_started(outcome, "the very cause", code));
    CHECK_THAT(line, Contains(std::string(to_string(outcome))) && Contains("the very cause"));
    CHECK_THAT(line, !Contains("after") && !Contains("memory 0"));
  }
}

TEST_CASE("render_text: Estimates are a table with a line a resource that is known") {
  const auto table = estimate_table(test::sample_estimate());
  CHECK_THAT(table, Contains("p50") && Contains("p95") && Contains("p99"));
  CHECK_THAT(table, Contains("memory") && Contains("100 MiB") && Contains("120 MiB") &&
                        Contains("130 MiB"));
  CHECK_THAT(table, Contains("wall time") && Contains("2.25 s") && !Contains("CPU"));
  CHECK_THAT(estimate_table({}), Contains("nothing"));
}

TEST_CASE("render_text: A quantity is printed in its resource's unit") {
  CHECK(quantity(Resource::memory, 1 << 30) == "1.00 GiB");
  CHECK(quantity(Resource::wall, 125) == "2m05s");
  CHECK(quantity(Resource::processes, 7) == "7");
  CHECK(quantity(Resource::processes, 7.4) == "7");
  CHECK(quantity(Resource::cpus, 1.5) == "1.5");
  CHECK(quantity(Resource::cpu_weight, 100) == "100");
  CHECK(quantity(Resource::io_read_rate, 100 << 20) == "100 MiB/s");
}

TEST_CASE("render_text: A limit's value says what a number cannot") {
  const auto words = [](Resource resource, double value, const char* detail) {
    return limit_value(resource, {value, "x", LimitOrigin::asked, detail});
  };
  CHECK(words(Resource::cpuset, 5, "0-3,8") == "0-3,8");
  CHECK(words(Resource::io_read_rate, 1 << 20, "/data") == "1.00 MiB/s on /data");
  CHECK(words(Resource::io_read_rate, 1 << 20, "") == "1.00 MiB/s");
  CHECK(words(Resource::io_read_rate, 1 << 20, "/\x1b") == "1.00 MiB/s on /\\x1b");
  CHECK(words(Resource::memory, 1 << 30, "") == "1.00 GiB");
}

TEST_CASE("render_text: Every resource has a name for people") {
  for (const auto& entry : kResources) {
    INFO(entry.name);
    CHECK(!label(entry.resource).empty());
    CHECK(label(entry.resource).size() < 13);
  }
}

TEST_CASE("render_text: History has a line a run, and a dash for what was not measured") {
  profiles::RunRecord run;
  run.request = test::plain_request("run0000000");
  auto done = run;
  done.request.id = "run1111111";
  done.ending = test::full_ending();
  const auto table = history_table({run, run, done}, {true, false, false});
  CHECK(std::count(table.begin(), table.end(), '\n') == 4);
  CHECK_THAT(table, Contains("running") && Contains("supervisor gone") && Contains("memory_limit"));
  CHECK_THAT(table, Contains(" - ") && Contains("python3 train.py --epochs 3"));
}

TEST_CASE("render_text: Hostile names and arguments break no line and drive no terminal") {
  profiles::RunRecord run;
  run.request = test::full_request("run0000000");
  run.request.name = "n\x1b[2J\nx";
  run.request.argv = {"a\nb", "\x1b]0;t\x07",
                      "\xc2\x9b"
                      "31m",
                      std::string(500, 'x')};
  run.request.cwd = "/d\r\x1b";
  run.request.project = "/p\x1b";
  run.request.program = "\x1b";
  run.request.parent_run = "p\x1b";
  run.request.actor.claims = {{"agent\x1b", "v\n"}};
  run.request.estimate.reason = "r\x1b";
  run.ending = test::full_ending();
  run.ending->cause = "c\x1b";
  const auto table = history_table({run}, {false});
  CHECK(std::count(table.begin(), table.end(), '\n') == 2);
  for (const auto& text : {table, run_details(run, false)}) {
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find('\x07') == std::string::npos);
    CHECK(text.find('\r') == std::string::npos);
    CHECK(text.find("\xc2\x9b") == std::string::npos);
  }
}

TEST_CASE("render_text: The details say what was asked, predicted, used, and how it ended") {
  profiles::RunRecord run;
  run.request = test::full_request("run0000000");
  run.ending = test::full_ending();
  const auto text = run_details(run, false);
  CHECK_THAT(text, Contains("run0000000") && Contains("memory_limit") && Contains("256 MiB"));
  CHECK_THAT(text, Contains("137") && Contains("jobward") && Contains("sampled"));
  CHECK_THAT(text, Contains("agent claude (claimed)") && Contains("5 runs of this command"));
  CHECK_THAT(text, !Contains("CPU user"));
}
