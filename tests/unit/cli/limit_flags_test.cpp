#include "cli/limit_flags.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/limit_options.h"

using namespace jobward;
using namespace jobward::cli;
using Catch::Contains;
using Words = std::vector<std::string>;

namespace {

Result<WishLayer> parsed(Words words) {
  LimitFlags flags;
  CLI::App app;
  declare(app, flags);
  std::reverse(words.begin(), words.end());
  app.parse(words);
  return read_flags(flags);
}

WishLayer layer_of(const Words& words) {
  const auto layer = parsed(words);
  REQUIRE(layer);
  return *layer;
}

std::string refusal(const Words& words) {
  const auto layer = parsed(words);
  REQUIRE(!layer);
  return layer.error().message();
}

}  // namespace

TEST_CASE("limit_flags: Nothing given means no opinion on anything") {
  const auto layer = layer_of({});
  CHECK(layer.limits.empty());
  CHECK(layer.lifted.empty());
  CHECK(!layer.no_memory_limit);
  CHECK(!layer.warnings);
  CHECK(!layer.nice);
}

TEST_CASE("limit_flags: Every limit has its flag, which is its source") {
  for (const auto& option : limit_options()) {
    const std::string flag(option.flag);
    INFO(flag);
    for (const auto& words : {Words{flag, std::string(option.example)},
                              Words{flag + "=" + std::string(option.example)}}) {
      const auto layer = layer_of(words);
      const auto* limit = layer.limits.find(option.resource);
      REQUIRE(limit != nullptr);
      CHECK(limit->source == flag);
      CHECK(limit->origin == LimitOrigin::asked);
    }
    CHECK_THAT(refusal({flag, "soon"}), Catch::StartsWith(flag + ": "));
  }
}

TEST_CASE("limit_flags: The other settings are read, negative numbers too") {
  const auto layer = layer_of({"--nice", "-5", "--oom-score=-500", "--oom-kill", "process",
                               "--warn-signal", "USR1@90%", "--warn-signal", "USR2@1m"});
  CHECK(layer.nice == -5);
  CHECK(layer.oom_score == -500);
  CHECK(layer.oom_kills_job == false);
  REQUIRE(layer.warnings);
  REQUIRE(layer.warnings->size() == 2);
  CHECK((*layer.warnings)[0].insist);
  CHECK_THAT(refusal({"--nice", "20"}), Catch::StartsWith("--nice: "));
  CHECK_THAT(refusal({"--oom-score", "x"}), Catch::StartsWith("--oom-score: "));
  CHECK_THAT(refusal({"--oom-kill", "all"}), Catch::StartsWith("--oom-kill: "));
  CHECK_THAT(refusal({"--warn-signal", "USR1"}), Catch::StartsWith("--warn-signal: "));
}

TEST_CASE("limit_flags: A limit and none of it contradict each other") {
  CHECK_THAT(refusal({"--mem", "8G", "--no-limit"}),
             Contains("--mem together with --no-limit") && Contains("contradict"));
  CHECK_THAT(refusal({"--no-limit", "--mem=auto"}), Contains("--no-limit"));
  CHECK_THAT(refusal({"--time", "1h", "--no-time"}), Contains("--time together with --no-time"));
}

TEST_CASE("limit_flags: --no-limit and --no-time lift what the configuration sets") {
  const auto layer = layer_of({"--no-limit", "--no-time"});
  CHECK(layer.no_memory_limit == true);
  CHECK(layer.lifted.contains(Resource::memory));
  CHECK(layer.lifted.contains(Resource::wall));
  CHECK(layer_of({"--mem", "auto"}).lifted.contains(Resource::memory));
}

TEST_CASE("limit_flags: What an automatic memory limit is for") {
  CHECK(!layer_of({}).objective);
  CHECK(!layer_of({}).confidence);
  CHECK(layer_of({"--objective", "lean"}).objective == Objective::lean);
  const auto sure = layer_of({"--objective", "safe", "--confidence", "99.5%"});
  CHECK(sure.objective == Objective::safe);
  CHECK(sure.confidence == Approx(0.995));
  CHECK(layer_of({"--mem", "auto", "--confidence", "0.9"}).confidence == Approx(0.9));
  for (const char* bad : {"1", "0.4", "0.99999", "much", ""})
    CHECK_THAT(refusal({"--confidence", bad}), Contains("--confidence"));
  CHECK_THAT(refusal({"--objective", "cheap"}),
             Contains("--objective") && Contains("safe or lean"));
}

TEST_CASE("limit_flags: What a size is for means nothing where the size is given") {
  for (const auto& size : {Words{"--mem", "8G"}, Words{"--no-limit"}})
    for (const auto& what : {Words{"--objective", "lean"}, Words{"--confidence", "0.9"}}) {
      auto words = size;
      words.insert(words.end(), what.begin(), what.end());
      CHECK_THAT(refusal(words), Contains(what[0]) && Contains(size[0]));
    }
  CHECK_THAT(refusal({"--objective", "lean", "--confidence", "0.9"}), Contains("--confidence"));
}
