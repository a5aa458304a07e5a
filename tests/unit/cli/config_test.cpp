#include "cli/config.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

using namespace jobward;
using namespace jobward::cli;
using Catch::Contains;
using jobward::launcher::LimitSettings;

namespace {

Configuration configured(const std::string& text, Configuration below = {},
                         const std::string& file = "c.toml") {
  const auto config = parse_config(text, file, std::move(below));
  INFO(text);
  REQUIRE(config);
  return *config;
}

LimitSettings parsed(const std::string& text) { return configured(text).settings; }

// The message for a text that must be refused.
std::string refusal(const std::string& text) {
  const auto settings = parse_config(text, "c.toml");
  INFO(text);
  REQUIRE(!settings);
  return settings.error().message();
}

std::string source_of(const WishLayer& layer, Resource resource) {
  const auto* limit = layer.limits.find(resource);
  return limit == nullptr ? "" : limit->source;
}

}  // namespace

TEST_CASE("config: An empty file changes nothing") {
  const LimitSettings defaults;
  const auto settings = parsed("# nothing\n");
  CHECK(settings.guess_share == defaults.guess_share);
  CHECK(settings.margin == defaults.margin);
  CHECK(settings.minimum_bytes == defaults.minimum_bytes);
  CHECK(settings.grace_seconds == defaults.grace_seconds);
}

TEST_CASE("config: Every key is read") {
  const auto settings = parsed(
      "[memory]\nguess_share = 0.25\nmargin = \"20%\"\nminimum = \"128M\"\n"
      "[time]\ngrace = \"1m30s\"\n");
  CHECK(settings.guess_share == 0.25);
  CHECK(settings.margin == Approx(0.2));
  CHECK(settings.minimum_bytes == 128U << 20U);
  CHECK(settings.grace_seconds == 90);
}

TEST_CASE("config: A share may be a whole number, and keeps its digits") {
  CHECK(parsed("[memory]\nmargin = 1\n").margin == 1);
  CHECK(parsed("[memory]\nmargin = 0\n").margin == 0);
  CHECK(parsed("[memory]\nmargin = 0.12345678\n").margin == 0.12345678);
}

TEST_CASE("config: An unknown key is an error with file, line and the nearest known key") {
  CHECK_THAT(refusal("[memory]\n\nmargn = 0.1\n"), Contains("c.toml:3") &&
                                                       Contains("memory.margn") &&
                                                       Contains("did you mean memory.margin?"));
  CHECK_THAT(refusal("[memroy]\nguess_share = 0.1\n"),
             Contains("c.toml:2") && Contains("did you mean memory.guess_share?"));
  CHECK_THAT(refusal("[time]\ngrase = \"1s\"\n"), Contains("did you mean time.grace?"));
  CHECK_THAT(refusal("[memory]\nsomething_else = 1\n"), !Contains("did you mean"));
}

TEST_CASE("config: Unknown keys are met at any depth") {
  CHECK_THAT(refusal("margin = 0.1\n"), Contains("c.toml:1") && Contains("margin"));
  CHECK_THAT(refusal("[memory.margin]\nx = 1\n"), Contains("memory.margin"));
  CHECK_THAT(refusal("memory = 5\n"), Contains("memory"));
  CHECK_THAT(refusal("\n[watchdog]\n"), Contains("c.toml:2") && Contains("watchdog"));
}

TEST_CASE("config: A bad value is an error with file, line and key") {
  for (const std::string value :
       {"1.5", "-0.1", "\"150%\"", "\"half\"", "true", "[]", "nan", "inf"})
    CHECK_THAT(refusal("[memory]\nmargin = " + value + "\n"),
               Contains("c.toml:2") && Contains("memory.margin"));
  for (const std::string value : {"\"64X\"", "\"-1M\"", "64", "\"\"", "[\"64M\"]", "1.5"})
    CHECK_THAT(refusal("[memory]\nminimum = " + value + "\n"),
               Contains("c.toml:2") && Contains("memory.minimum"));
  for (const std::string value : {"\"soon\"", "10", "\"1s1m\"", "false"})
    CHECK_THAT(refusal("[time]\ngrace = " + value + "\n"),
               Contains("c.toml:2") && Contains("time.grace"));
}

TEST_CASE("config: What is no TOML is an error with file and line") {
  CHECK_THAT(refusal("[memory]\nmargin = \n"), Contains("c.toml:2"));
  CHECK_THAT(refusal("[memory]\nmargin = 0.1\nmargin = 0.2\n"), Contains("c.toml:3"));
  CHECK_THAT(refusal("\xff\xfe\n"), Contains("c.toml:1"));
  CHECK_THAT(refusal("[memory"), Contains("c.toml:1"));
}

TEST_CASE("config: The first error of the file is the one that is told") {
  CHECK_THAT(refusal("[time]\ngrase = \"1s\"\n[memory]\nmargn = 1\n"), Contains("c.toml:2"));
}

TEST_CASE("config: A cap on all jobs is a share, a size, or none") {
  CHECK(parsed("").aggregate->share == 0.9);
  CHECK(parsed("").aggregate->source == "default");
  const auto share = parsed("[aggregate]\nmemory = \"75%\"\n").aggregate;
  REQUIRE(share);
  CHECK(share->share == 0.75);
  CHECK(!share->bytes);
  CHECK(share->source == "c.toml:2");
  CHECK(parsed("[aggregate]\nmemory = 0.5\n").aggregate->share == 0.5);
  CHECK(parsed("[aggregate]\nmemory = \"48G\"\n").aggregate->bytes == 48.0 * (1U << 30U));
  CHECK(!parsed("[aggregate]\nmemory = \"none\"\n").aggregate);
  for (const std::string value :
       {"\"0%\"", "0", "\"0\"", "2", "\"most\"", "\"\"", "true", "[]", "48"})
    CHECK_THAT(refusal("[aggregate]\nmemory = " + value + "\n"),
               Contains("c.toml:2") && Contains("aggregate.memory"));
  CHECK_THAT(refusal("[aggregate]\nmem = \"1G\"\n"), Contains("did you mean"));
}

TEST_CASE("config: Every key of a run has a default") {
  const auto defaults = configured(
                            "[defaults]\nmem = \"8G\"\nswap = 0\ntime = \"2h\"\ncpu_time = \"4h\"\n"
                            "stall = \"20m\"\ncpus = 1.5\ncpu_weight = 50\ncpuset = \"0-3\"\n"
                            "pids = 512\nio_read = \"100M/s\"\nio_write = \"50M/s@/data\"\n"
                            "open_files = 1024\nnice = 10\noom_score = 500\n"
                            "oom_kill = \"process\"\nwarn_signal = [\"USR1@90%\", \"USR1@5m\"]\n")
                            .defaults;
  for (const auto resource :
       {Resource::memory, Resource::swap, Resource::wall, Resource::cpu_time, Resource::stall,
        Resource::cpus, Resource::cpu_weight, Resource::cpuset, Resource::processes,
        Resource::io_read_rate, Resource::io_write_rate, Resource::open_files}) {
    INFO(info(resource).name);
    const auto* limit = defaults.limits.find(resource);
    REQUIRE(limit != nullptr);
    CHECK(limit->origin == LimitOrigin::asked);
  }
  CHECK(source_of(defaults, Resource::memory) == "c.toml:2");
  CHECK(source_of(defaults, Resource::open_files) == "c.toml:13");
  CHECK(defaults.limits.find(Resource::cpus)->value == 1.5);
  CHECK(defaults.limits.find(Resource::cpuset)->detail == "0-3");
  CHECK(defaults.limits.find(Resource::io_write_rate)->detail == "/data");
  CHECK(defaults.nice == 10);
  CHECK(defaults.oom_score == 500);
  CHECK(defaults.oom_kills_job == false);
  REQUIRE(defaults.warnings);
  CHECK(defaults.warnings->size() == 2);
  CHECK(defaults.warnings->at(0).source == "c.toml:17");
  CHECK(!defaults.warnings->at(0).insist);
}

TEST_CASE("config: A text does for every key, a number where it needs no unit") {
  const auto texts =
      configured("[defaults]\npids = \"512\"\ncpus = \"2\"\nnice = \"-5\"\n").defaults;
  CHECK(texts.limits.find(Resource::processes)->value == 512);
  CHECK(texts.nice == -5);
  CHECK(configured("[defaults]\ncpuset = 3\n").defaults.limits.find(Resource::cpuset)->detail ==
        "3");
  CHECK(configured("[defaults]\nwarn_signal = \"USR1@90%\"\n").defaults.warnings->size() == 1);
  for (const std::string line :
       {"mem = 8",          "time = 60",       "stall = 60",         "swap = 1024",
        "io_read = 100",    "pids = 1.5",      "cpus = nan",         "cpus = true",
        "pids = []",        "mem = [\"8G\"]",  "warn_signal = 5",    "warn_signal = [5]",
        "nice = 1.5",       "oom_kill = true", "no_limit = \"yes\"", "no_time = 1",
        "mem = 1979-05-27", "mem = {}",        "pids = -1",          "mem = \"0\""})
    CHECK_THAT(refusal("[defaults]\n" + line + "\n"),
               Contains("c.toml:2") && Contains("defaults." + line.substr(0, line.find(' '))));
}

TEST_CASE("config: A preset has the same keys, and says where it is from") {
  const auto config = configured("[presets.training]\nmem = \"8G\"\nwarn_signal = \"USR1@5m\"\n");
  const auto preset = find_preset(config, "training");
  REQUIRE(preset);
  CHECK(source_of(*preset, Resource::memory) == "preset training (c.toml:2)");
  REQUIRE(preset->warnings);
  CHECK(preset->warnings->at(0).insist);
  CHECK(config.defaults.limits.empty());
  CHECK(find_preset(configured("[presets.empty]\n"), "empty"));
  CHECK(find_preset(configured("presets.a.pids = 1\n"), "a"));
}

TEST_CASE("config: Unknown keys of presets and defaults name the nearest") {
  CHECK_THAT(refusal("[presets.training]\nmen = \"8G\"\n"),
             Contains("c.toml:2") && Contains("presets.training.men") &&
                 Contains("did you mean presets.training.mem?"));
  CHECK_THAT(refusal("[defaults]\ncpu-time = \"1h\"\n"),
             Contains("did you mean defaults.cpu_time?"));
  CHECK_THAT(refusal("[preset.training]\nmem = \"8G\"\n"),
             Contains("did you mean presets.training.mem?"));
  CHECK_THAT(refusal("[default]\nmem = \"8G\"\n"), Contains("did you mean defaults.mem?"));
  CHECK_THAT(refusal("[presets]\nmem = \"8G\"\n"), Contains("c.toml:2") && Contains("presets.mem"));
  CHECK_THAT(refusal("[presets.a.b]\nmem = \"8G\"\n"), Contains("presets.a.b"));
  CHECK_THAT(refusal("[[defaults]]\nmem = \"8G\"\n"), Contains("c.toml:1"));
  CHECK_THAT(refusal("[caps]\nmem = \"8G\"\n"), Contains("caps.mem"));
}

TEST_CASE("config: A section that contradicts itself is an error with its line") {
  CHECK_THAT(refusal("\n[presets.a]\nmem = \"8G\"\nno_limit = true\n"),
             Contains("c.toml:2") && Contains("presets.a") && Contains("contradict"));
  CHECK_THAT(refusal("[defaults]\ntime = \"1h\"\nno_time = true\n"),
             Contains("c.toml:1") && Contains("contradict"));
  CHECK(configured("[defaults]\nmem = \"8G\"\nno_limit = false\n").defaults.no_memory_limit ==
        false);
}

TEST_CASE("config: Flags go before the preset, the project's defaults, the user's") {
  const auto user = configured(
      "[defaults]\nmem = \"1G\"\ntime = \"1h\"\npids = 10\ncpus = 1\n[memory]\nmargin = 0.5\n"
      "[presets.mine]\npids = 20\n[presets.both]\npids = 30\ntime = \"3h\"\n",
      {}, "user");
  const auto config = configured(
      "[defaults]\ntime = \"2h\"\npids = 40\n[time]\ngrace = \"1s\"\n"
      "[presets.both]\npids = 50\n",
      user, "project");
  CHECK(config.files == std::vector<std::string>{"user", "project"});
  CHECK(config.settings.margin == 0.5);
  CHECK(config.settings.grace_seconds == 1);
  CHECK(source_of(config.defaults, Resource::memory) == "user:2");
  CHECK(source_of(config.defaults, Resource::wall) == "project:2");
  CHECK(find_preset(config, "mine"));
  const auto both = find_preset(config, "both");
  REQUIRE(both);
  CHECK(!both->limits.contains(Resource::wall));  // the project's replaces the user's as a whole
  WishLayer flags;
  REQUIRE(set_limit(flags, "cpus", "2", "--cpus"));
  const auto all = over(over(flags, *both), config.defaults);
  CHECK(source_of(all, Resource::cpus) == "--cpus");
  CHECK(source_of(all, Resource::processes) == "preset both (project:7)");
  CHECK(source_of(all, Resource::wall) == "project:2");
  CHECK(source_of(all, Resource::memory) == "user:2");
}

TEST_CASE(
    "config: A preset that nobody knows is an error that names the nearest, and where all are") {
  auto config =
      configured("[presets.training]\nmem = \"1G\"\n[presets.test]\nmem = \"1G\"\n", {}, "user");
  const auto unknown = find_preset(config, "trainign\x1b");
  REQUIRE(!unknown);
  CHECK_THAT(unknown.error().message(),
             Contains("trainign\\x1b") && Contains("did you mean training?") &&
                 Contains("training (user:1)") && Contains("test (user:3)"));
  CHECK_THAT(find_preset({}, "a").error().message(), Contains("no configuration file"));
  CHECK_THAT(find_preset(configured(""), "a").error().message(), Contains("none in c.toml"));
}

TEST_CASE("config: Blocks have the keys of the policy's, and no file takes away another's") {
  const auto user =
      configured("[blocks]\nmem = \"8G\"\ntime = \"2h\"\ndisk_growth = \"free\"\nno_limit = true\n",
                 {}, "user.toml");
  const auto& own = user.settings.blocks;
  CHECK(own.above.find(Resource::wall)->value == 7200);
  CHECK(own.above.find(Resource::wall)->origin == LimitOrigin::asked);
  CHECK(own.beyond_free_disk == "user.toml:4");
  const auto both =
      configured("[blocks]\nmem = \"16G\"\ntime = \"1h\"\ndisk_growth = \"1G\"\nno_limit = false\n",
                 user, "project.toml")
          .settings.blocks;
  CHECK(both.above.find(Resource::memory)->source == "user.toml:2");
  CHECK(both.above.find(Resource::wall)->source == "project.toml:3");
  CHECK(both.above.contains(Resource::disk_growth));
  CHECK(both.beyond_free_disk == "user.toml:4");
  CHECK(both.no_limit == "user.toml:5");
}

TEST_CASE("config: A block that is unknown or cannot be read is an error with file and line") {
  CHECK_THAT(refusal("[blocks]\nmemm = \"8G\"\n"),
             Contains("c.toml:2") && Contains("did you mean blocks.mem?"));
  CHECK_THAT(refusal("[blocks]\nmem = \"free\"\n"), Contains("c.toml:2: blocks.mem"));
  CHECK_THAT(refusal("[blocks]\nno_limit = 1\n"), Contains("c.toml:2: blocks.no_limit"));
}
