#include "cli/wishes.h"

#include <signal.h>

#include <catch2/catch.hpp>
#include <string>

using namespace jobward;
using namespace jobward::cli;
using Catch::Contains;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

WishLayer layer_of(const Pairs& limits, const std::string& source = "test") {
  WishLayer layer;
  for (const auto& [key, text] : limits) {
    INFO(key << " = " << text);
    REQUIRE(set_limit(layer, key, text, source));
  }
  REQUIRE(!settle(layer));
  return layer;
}

double value_of(const WishLayer& layer, Resource resource) {
  const auto* limit = layer.limits.find(resource);
  return limit == nullptr ? -1 : limit->value;
}

WarnSignal warning(const std::string& text) {
  const auto read = parse_warn_signal(text);
  INFO(text);
  REQUIRE(read);
  return *read;
}

std::string refusal(const std::string& text) {
  const auto read = parse_warn_signal(text);
  INFO(text);
  REQUIRE(!read);
  return read.error().message();
}

void warn(WishLayer& layer, const std::string& text, bool insist = true) {
  if (!layer.warnings) layer.warnings.emplace();
  layer.warnings->push_back({warning(text), text, "--warn-signal", insist});
}

std::string objection(const WishLayer& layer, const launcher::Policy& policy = {}) {
  const auto resolved = resolve(layer, policy);
  return resolved ? "" : resolved.error().message();
}

launcher::Policy cap(Resource resource, double value) {
  launcher::Policy policy;
  policy.caps.set(resource, {value, "policy.toml:2", LimitOrigin::policy, {}});
  return policy;
}

}  // namespace

TEST_CASE("wishes: The upper layer decides where it says something, the lower where not") {
  const auto merged = over(layer_of({{"mem", "2G"}}, "--mem"),
                           layer_of({{"mem", "1G"}, {"time", "1h"}, {"pids", "7"}}, "c.toml:2"));
  CHECK(value_of(merged, Resource::memory) == 2.0 * (1U << 30U));
  CHECK(merged.limits.find(Resource::memory)->source == "--mem");
  CHECK(value_of(merged, Resource::wall) == 3600);
  CHECK(merged.limits.find(Resource::wall)->source == "c.toml:2");
  CHECK(value_of(merged, Resource::processes) == 7);
}

TEST_CASE("wishes: auto above takes a memory limit below away") {
  const auto automatic = over(layer_of({{"mem", "auto"}}), layer_of({{"mem", "1G"}}));
  CHECK(!automatic.limits.contains(Resource::memory));
  CHECK(objection(automatic).empty());
  CHECK(!resolve(automatic, {})->wishes.no_memory_limit);
  // ... also through a layer between them that says nothing.
  const auto through =
      over(layer_of({{"mem", "auto"}}), over(WishLayer(), layer_of({{"mem", "1G"}})));
  CHECK(!through.limits.contains(Resource::memory));
  // ... and from the middle, when the upper two are put together first.
  const auto middle =
      over(over(WishLayer(), layer_of({{"mem", "auto"}})), layer_of({{"mem", "1G"}}));
  CHECK(!middle.limits.contains(Resource::memory));
  const auto set_again = over(layer_of({{"mem", "3G"}}), automatic);
  CHECK(value_of(set_again, Resource::memory) == 3.0 * (1U << 30U));
}

TEST_CASE("wishes: No limit above takes a limit below away, and the other way round") {
  WishLayer none;
  none.no_memory_limit = true;
  none.no_wall_limit = true;
  REQUIRE(!settle(none));
  const auto lifted = over(none, layer_of({{"mem", "1G"}, {"time", "1h"}, {"pids", "3"}}));
  CHECK(!lifted.limits.contains(Resource::memory));
  CHECK(!lifted.limits.contains(Resource::wall));
  CHECK(lifted.limits.contains(Resource::processes));
  CHECK(resolve(lifted, {})->wishes.no_memory_limit);
  for (const auto* memory : {"1G", "auto"}) {
    const auto again = over(layer_of({{"mem", memory}, {"time", "1h"}}), none);
    CHECK(!resolve(again, {})->wishes.no_memory_limit);
    CHECK(again.limits.contains(Resource::wall));
  }
}

TEST_CASE("wishes: A layer that wants a limit and none contradicts itself") {
  for (const auto* memory : {"1G", "auto"}) {
    WishLayer layer;
    REQUIRE(set_limit(layer, "mem", memory, "x"));
    layer.no_memory_limit = true;
    CHECK(settle(layer));
  }
  WishLayer layer;
  REQUIRE(set_limit(layer, "time", "1h", "x"));
  layer.no_wall_limit = true;
  CHECK_THAT(settle(layer).value_or(""), Contains("contradict"));
}

TEST_CASE("wishes: Only memory can be automatic, and an unknown limit is refused") {
  WishLayer layer;
  for (const auto* key : {"time", "swap", "cpus", "cpuset", "pids", "io_read", "nonsense"})
    CHECK(!set_limit(layer, key, "auto", "x"));
  CHECK(!set_limit(layer, "mem", "Auto", "x"));
}

TEST_CASE("wishes: Settings go over one another, and a list of warnings as a whole") {
  WishLayer upper;
  WishLayer lower;
  lower.nice = 5;
  lower.oom_kills_job = false;
  lower.oom_score = 100;
  upper.nice = -5;
  warn(lower, "USR1@90%");
  auto merged = resolve(over(upper, lower), {});
  REQUIRE(merged);
  CHECK(merged->settings.nice == -5);
  CHECK(merged->settings.oom_score_adj == 100);
  CHECK(!merged->settings.oom_kills_job);
  CHECK(merged->settings.warnings.size() == 1);
  warn(upper, "USR2@80%");
  warn(upper, "TERM@95%");
  merged = resolve(over(upper, lower), {});
  REQUIRE(merged);
  REQUIRE(merged->settings.warnings.size() == 2);
  CHECK(merged->settings.warnings[0].number == SIGUSR2);
  upper.warnings.emplace();
  CHECK(resolve(over(upper, lower), {})->settings.warnings.empty());
}

TEST_CASE("wishes: With nothing said a run gets the defaults") {
  const auto resolved = resolve({}, {});
  REQUIRE(resolved);
  CHECK(resolved->wishes.limits.empty());
  CHECK(!resolved->wishes.no_memory_limit);
  CHECK(!resolved->settings.nice);
  CHECK(!resolved->settings.oom_score_adj);
  CHECK(resolved->settings.oom_kills_job);
  CHECK(resolved->remarks.empty());
}

TEST_CASE("wishes: A signal is named with SIG, without, in any case, or by its number") {
  for (const auto* text : {"USR1@90%", "SIGUSR1@90%", "usr1@90%", "sigusr1@90%", "10@90%"})
    CHECK(warning(text).number == SIGUSR1);
  CHECK(warning("64@1s").number == 64);
  CHECK(warning("1@1s").number == SIGHUP);
}

TEST_CASE("wishes: A warning is before the memory limit by a share, before the wall by a time") {
  const auto memory = warning("USR1@90%");
  CHECK(memory.memory_share == Approx(0.9));
  CHECK(!memory.seconds_before_wall);
  const auto wall = warning("TERM@1m30s");
  CHECK(wall.seconds_before_wall == 90.0);
  CHECK(!wall.memory_share);
  CHECK(warning("USR1@1%").memory_share == Approx(0.01));
  CHECK(warning("USR1@99%").memory_share == Approx(0.99));
}

TEST_CASE("wishes: A warning without sense is refused, and the text is named") {
  for (const std::string text :
       {"", "USR1", "@90%", "USR1@", "USR1@0%", "USR1@100%", "USR1@0.5%", "USR1@99.5%", "USR1@%",
        "USR1@0s", "USR1@soon", "USR1@-5m", "0@5m", "65@5m", "-1@5m", "USR1@90%@5m", "USR 1@5m"})
    CHECK(!refusal(text).empty());
  for (const auto* text : {"KILL@5m", "SIGSTOP@90%", "9@5m", "19@90%"})
    CHECK_THAT(refusal(text), Contains("catch"));
  CHECK_THAT(refusal("USER1@5m"), Contains("USER1") && Contains("did you mean USR1?"));
}

TEST_CASE("wishes: A warning before a wall limit that is not there is an error") {
  WishLayer layer;
  warn(layer, "USR1@5m");
  CHECK_THAT(objection(layer), Contains("USR1@5m") && Contains("--warn-signal") &&
                                   Contains("there is no wall limit to warn of; add --time"));
  CHECK(objection(layer, cap(Resource::wall, 3600)).empty());
  CHECK(objection(over(layer, layer_of({{"time", "1h"}}))).empty());
}

TEST_CASE("wishes: A warning has to be shorter than the wall limit it warns of") {
  auto layer = layer_of({{"time", "5m"}});
  warn(layer, "USR1@5m");
  CHECK_THAT(objection(layer), Contains("5m00s"));
  auto longer = layer_of({{"time", "1h"}});
  warn(longer, "USR1@5m");
  CHECK(objection(longer).empty());
  CHECK(!objection(longer, cap(Resource::wall, 60)).empty());
}

TEST_CASE("wishes: A warning before a memory limit needs one, also an automatic one") {
  WishLayer layer;
  warn(layer, "USR1@90%");
  CHECK(objection(layer).empty());
  layer.no_memory_limit = true;
  REQUIRE(!settle(layer));
  CHECK_THAT(objection(layer), Contains("there is no memory limit to warn of"));
  CHECK(objection(layer, cap(Resource::memory, 1 << 30)).empty());
}

TEST_CASE("wishes: A default warning that does not apply stops no run, and is told") {
  WishLayer layer;
  warn(layer, "USR1@5m", false);
  warn(layer, "USR2@90%", false);
  const auto resolved = resolve(layer, {});
  REQUIRE(resolved);
  CHECK(resolved->settings.warnings.size() == 1);
  REQUIRE(resolved->remarks.size() == 1);
  CHECK_THAT(resolved->remarks[0], Contains("USR1@5m") && Contains("does not apply"));
}

TEST_CASE("wishes: The other settings have bounds") {
  CHECK(parse_nice("-20") == -20);
  CHECK(parse_nice("19") == 19);
  for (const auto* text : {"20", "-21", "", "high", "1.5"})
    CHECK(!parse_nice(text));
  CHECK(parse_oom_score("-1000") == -1000);
  CHECK(parse_oom_score("1000") == 1000);
  for (const auto* text : {"1001", "-1001", "", "max"})
    CHECK(!parse_oom_score(text));
  CHECK(parse_oom_kill("job") == true);
  CHECK(parse_oom_kill("process") == false);
  for (const auto* text : {"", "Job", "all", "true"})
    CHECK(!parse_oom_kill(text));
}

TEST_CASE("wishes: An elastic limit is yes, no, or the most it may get") {
  CHECK(parse_elastic("yes")->on);
  CHECK_FALSE(parse_elastic("yes")->how.cap_bytes);
  CHECK_FALSE(parse_elastic("no")->on);
  CHECK(parse_elastic("16G")->how.cap_bytes == 16.0 * (1U << 30U));
  for (const auto* text : {"", "maybe", "0", "-1G", "16X"}) {
    INFO(text);
    CHECK_FALSE(parse_elastic(text));
  }
}

namespace {

WishLayer elastic_layer(const std::string& text, bool insist, const Pairs& limits) {
  auto layer = layer_of(limits);
  layer.elastic = parse_elastic(text).value();
  layer.elastic->how.insist = insist;
  layer.elastic->how.source = "test";
  return layer;
}

}  // namespace

TEST_CASE("wishes: What is closest decides about an elastic limit") {
  WishLayer no;
  no.elastic = ElasticWish{};
  const auto both = over(no, elastic_layer("16G", false, {{"mem", "1G"}}));
  CHECK_FALSE(resolve(both, {})->settings.elastic);
  const auto lower = over(WishLayer{}, elastic_layer("16G", false, {{"mem", "1G"}}));
  CHECK(resolve(lower, {})->settings.elastic->cap_bytes == 16.0 * (1U << 30U));
}

TEST_CASE("wishes: An elastic limit that can never be raised is an error, by default a remark") {
  for (const bool insist : {true, false}) {
    const auto low = elastic_layer("1G", insist, {{"mem", "2G"}});
    auto none = elastic_layer("1G", insist, {});
    none.no_memory_limit = true;
    for (const auto& layer : {low, none}) {
      const auto resolved = resolve(layer, {});
      CHECK(resolved.has_value() == !insist);
      if (!resolved) CHECK_THAT(resolved.error().message(), Contains("elastic"));
      if (!resolved) continue;
      CHECK_FALSE(resolved->settings.elastic);
      REQUIRE(resolved->remarks.size() == 1);
      CHECK_THAT(resolved->remarks[0], Contains("elastic"));
    }
  }
}

TEST_CASE("wishes: Who tries again after an end at the memory limit gets a lean one by default") {
  WishLayer layer;
  CHECK(resolve(layer, {})->wishes.objective == Objective::safe);
  CHECK(resolve(layer, {})->wishes.confidence == Approx(0.99));
  layer.retry_oom = 2;
  CHECK(resolve(layer, {})->wishes.objective == Objective::lean);
  layer.objective = Objective::safe;
  layer.confidence = 0.9;
  CHECK(resolve(layer, {})->wishes.objective == Objective::safe);
  CHECK(resolve(layer, {})->wishes.confidence == Approx(0.9));
  WishLayer upper;
  upper.objective = Objective::lean;
  CHECK(resolve(over(upper, layer), {})->wishes.objective == Objective::lean);
}
