#include "cli/config.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "tests/support/temporary_directory.h"

using jobward::cli::load_config;
using jobward::cli::parse_config;
using jobward::launcher::LimitSettings;
using jobward::test::TemporaryDirectory;

namespace {

LimitSettings parsed(const std::string& text) {
  const auto settings = parse_config(text, "c.toml");
  INFO(text);
  REQUIRE(settings);
  return *settings;
}

// The message for a text that must be refused.
std::string refusal(const std::string& text) {
  const auto settings = parse_config(text, "c.toml");
  INFO(text);
  REQUIRE(!settings);
  return settings.error().message();
}

auto loaded(unsigned uid, const std::map<std::string, std::string>& variables) {
  return load_config(uid, [&](const char* name) -> std::optional<std::string> {
    const auto it = variables.find(name);
    return it == variables.end() ? std::nullopt : std::optional(it->second);
  });
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
  CHECK_THAT(refusal("[memory]\n\nmargn = 0.1\n"),
             Catch::Contains("c.toml:3") && Catch::Contains("memory.margn") &&
                 Catch::Contains("did you mean memory.margin?"));
  CHECK_THAT(refusal("[memroy]\nguess_share = 0.1\n"),
             Catch::Contains("c.toml:2") && Catch::Contains("did you mean memory.guess_share?"));
  CHECK_THAT(refusal("[time]\ngrase = \"1s\"\n"), Catch::Contains("did you mean time.grace?"));
  CHECK_THAT(refusal("[memory]\nsomething_else = 1\n"), !Catch::Contains("did you mean"));
}

TEST_CASE("config: Unknown keys are met at any depth") {
  CHECK_THAT(refusal("margin = 0.1\n"), Catch::Contains("c.toml:1") && Catch::Contains("margin"));
  CHECK_THAT(refusal("[memory.margin]\nx = 1\n"), Catch::Contains("memory.margin"));
  CHECK_THAT(refusal("memory = 5\n"), Catch::Contains("memory"));
  CHECK_THAT(refusal("\n[watchdog]\n"), Catch::Contains("c.toml:2") && Catch::Contains("watchdog"));
}

TEST_CASE("config: A bad value is an error with file, line and key") {
  for (const std::string value :
       {"1.5", "-0.1", "\"150%\"", "\"half\"", "true", "[]", "nan", "inf"})
    CHECK_THAT(refusal("[memory]\nmargin = " + value + "\n"),
               Catch::Contains("c.toml:2") && Catch::Contains("memory.margin"));
  for (const std::string value : {"\"64X\"", "\"-1M\"", "64", "\"\"", "[\"64M\"]", "1.5"})
    CHECK_THAT(refusal("[memory]\nminimum = " + value + "\n"),
               Catch::Contains("c.toml:2") && Catch::Contains("memory.minimum"));
  for (const std::string value : {"\"soon\"", "10", "\"1s1m\"", "false"})
    CHECK_THAT(refusal("[time]\ngrace = " + value + "\n"),
               Catch::Contains("c.toml:2") && Catch::Contains("time.grace"));
}

TEST_CASE("config: What is no TOML is an error with file and line") {
  CHECK_THAT(refusal("[memory]\nmargin = \n"), Catch::Contains("c.toml:2"));
  CHECK_THAT(refusal("[memory]\nmargin = 0.1\nmargin = 0.2\n"), Catch::Contains("c.toml:3"));
  CHECK_THAT(refusal("\xff\xfe\n"), Catch::Contains("c.toml:1"));
  CHECK_THAT(refusal("[memory"), Catch::Contains("c.toml:1"));
}

TEST_CASE("config: JOBWARD_CONFIG goes before everything, and must exist") {
  const TemporaryDirectory directory;
  const auto named = directory.write("named.toml", "[memory]\nmargin = 0.5\n");
  directory.write("jobward/config.toml", "[memory]\nmargin = 0.25\n");
  for (const unsigned uid : {0U, 1000U}) {
    const auto settings =
        loaded(uid, {{"JOBWARD_CONFIG", named}, {"XDG_CONFIG_HOME", directory.path()}});
    REQUIRE(settings);
    CHECK(settings->margin == 0.5);
  }
  const auto missing = loaded(1000, {{"JOBWARD_CONFIG", directory.path() + "/none.toml"}});
  REQUIRE(!missing);
  CHECK_THAT(missing.error().message(), Catch::Contains("/none.toml"));
}

TEST_CASE("config: A user's file is in XDG_CONFIG_HOME, else below the home") {
  const TemporaryDirectory directory;
  directory.write("xdg/jobward/config.toml", "[memory]\nmargin = 0.25\n");
  directory.write("home/.config/jobward/config.toml", "[memory]\nmargin = 0.75\n");
  const auto home = directory.path() + "/home";
  CHECK(loaded(1000, {{"HOME", home}, {"XDG_CONFIG_HOME", directory.path() + "/xdg"}})->margin ==
        0.25);
  CHECK(loaded(1000, {{"HOME", home}})->margin == 0.75);
}

TEST_CASE("config: No file, or no home, means the defaults") {
  const TemporaryDirectory directory;
  const LimitSettings defaults;
  CHECK(loaded(1000, {{"HOME", directory.path()}})->margin == defaults.margin);
  CHECK(loaded(1000, {})->margin == defaults.margin);
}

TEST_CASE("config: A file that cannot be read is an error, not the defaults") {
  const TemporaryDirectory directory;
  directory.make_directory("jobward/config.toml");
  const auto settings = loaded(1000, {{"XDG_CONFIG_HOME", directory.path()}});
  REQUIRE(!settings);
  CHECK_THAT(settings.error().message(), Catch::Contains("config.toml"));
}
