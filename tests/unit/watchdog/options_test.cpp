#include "watchdog/options.h"

#include <catch2/catch.hpp>
#include <initializer_list>
#include <string>

#include "watchdog/settings.h"

using namespace jobward;
using namespace jobward::watchdog;
using Catch::Contains;

namespace {

Options options(const std::vector<const char*>& arguments) {
  const auto parsed = parse_arguments(arguments);
  INFO((parsed ? "" : parsed.error().message()));
  REQUIRE(parsed);
  return *parsed;
}

std::string refused(const std::vector<const char*>& arguments) {
  const auto parsed = parse_arguments(arguments);
  REQUIRE_FALSE(parsed);
  return parsed.error().message();
}

}  // namespace

TEST_CASE("watchdog options: Without any it is the daemon") {
  const auto none = options({});
  CHECK(none.mode == Mode::daemon);
  CHECK_FALSE(none.dry_run);
  CHECK_FALSE(none.json);
  CHECK(none.overrides.empty());
}

TEST_CASE("watchdog options: Modes and flags") {
  CHECK(options({"--once"}).mode == Mode::once);
  CHECK(options({"--ensure"}).mode == Mode::ensure);
  CHECK(options({"--check-config"}).mode == Mode::check_config);
  CHECK(options({"--version"}).mode == Mode::version);
  CHECK(options({"--once", "--help", "--ensure"}).mode == Mode::help);
  const auto all = options({"--once", "--once", "--dry-run", "--json"});
  CHECK(all.dry_run);
  CHECK(all.json);
  CHECK_THAT(refused({"--once", "--ensure"}), Contains("--ensure: not together with --once"));
  CHECK_THAT(refused({"--check-config", "--once"}), Contains("not together"));
}

TEST_CASE("watchdog options: A value follows, or stands behind an equals sign") {
  const auto spaced =
      options({"--within", "/a b", "--config", "c.conf", "--memory-term", "10% 2G"});
  const auto joined = options({"--within=/a b", "--config=c.conf", "--memory-term=10% 2G"});
  for (const auto& each : {spaced, joined}) {
    CHECK(each.within == "/a b");
    CHECK(each.config_file == "c.conf");
    REQUIRE(each.overrides.size() == 1);
    CHECK(each.overrides[0].key == "memory_term");
    CHECK(each.overrides[0].value == "10% 2G");
  }
}

TEST_CASE("watchdog options: What is wrong is said") {
  CHECK_THAT(refused({"--memory-trem", "5%"}),
             Contains("the option \"--memory-trem\"") && Contains("--memory-term?"));
  CHECK_THAT(refused({"--onec=1"}), Contains("--once?"));
  CHECK_THAT(refused({"now"}), Contains("the argument \"now\""));
  CHECK_THAT(refused({""}), Contains("the argument \"\""));
  CHECK_THAT(refused({"--"}), Contains("the option \"--\""));
  CHECK_THAT(refused({"--once=yes"}), Contains("takes no value"));
  CHECK_THAT(refused({"--config"}), Contains("a value is missing: --config FILE"));
  CHECK_THAT(refused({"--config="}), Contains("a value is missing"));
  CHECK_THAT(refused({"--within", "--once"}), Contains("a value is missing: --within CGROUP"));
  CHECK_THAT(refused({"--config=a", "--config=b"}), Contains("given twice"));
  CHECK_THAT(refused({"--by=rss", "--by=pss"}), Contains("--by: given twice"));
  CHECK_THAT(refused({"--\x1b[31m"}), Contains("\\x1b"));
}

TEST_CASE("watchdog options: Values are checked at once, in the words of the configuration") {
  CHECK_THAT(refused({"--memory-term", "101%"}),
             Contains("--memory-term: cannot read threshold \"101%\": above 100%"));
  CHECK_THAT(refused({"--memory-kill", "-5%"}), Contains("negative"));
  CHECK_THAT(refused({"--swap-term=5"}), Contains("no unit"));
  CHECK_THAT(refused({"--by", "size"}), Contains("rss, pss, oom_score"));
  CHECK_THAT(refused({"--grace=soon"}), Contains("--grace: "));
  CHECK_THAT(refused({"--state-dir=here"}), Contains("absolute"));
}

TEST_CASE("watchdog options: They are applied over what the file said") {
  Config config;
  config.memory_term = {0.08, {}};
  config.grace_seconds = 9;
  REQUIRE(apply_overrides(options({"--memory-term=7%", "--swap-kill", "1%", "--pressure-term=off",
                                   "--unit=process", "--by=pss", "--state-dir=/s"}),
                          config));
  CHECK(config.memory_term.share == Approx(0.07));
  CHECK_FALSE(config.memory_term.bytes);
  CHECK(config.swap_kill.share == Approx(0.01));
  CHECK(config.swap_was_set);
  CHECK_FALSE(config.pressure_term);
  CHECK(config.unit == UnitKind::process);
  CHECK(config.by == SizeBy::pss);
  CHECK(config.state_directory == "/s");
  CHECK(config.grace_seconds == 9);
}

TEST_CASE("watchdog options: The usage text names every option, in lines that fit") {
  const auto text = usage();
  for (const auto& setting : settings())
    if (!setting.option.empty())
      CHECK_THAT(text, Contains(std::string(setting.option) + " " + std::string(setting.argument)));
  for (const auto* name : {"--once", "--ensure", "--check-config", "--dry-run", "--json",
                           "--within CGROUP", "--config FILE", "--version", "--help"})
    CHECK_THAT(text, Contains(name));
  std::size_t begin = 0;
  while (begin < text.size()) {
    const auto end = text.find('\n', begin);
    CHECK(end - begin <= 100);
    begin = end + 1;
  }
}
