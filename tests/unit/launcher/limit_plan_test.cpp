#include "launcher/limit_plan.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace jobward;
using namespace jobward::launcher;

namespace {

constexpr double kMiB = 1048576;
constexpr std::uint64_t kGiB = 1ULL << 30U;
constexpr double kPage = 4096;

Estimate known(double p99, Level level = Level::exact) {
  Estimate estimate;
  estimate.by.set(Resource::memory, {p99 / 2, p99 * 0.9, p99});
  estimate.sizing = MemorySizing{Objective::safe, 0.99, {p99}, {}};
  estimate.runs = 5;
  estimate.level = level;
  return estimate;
}

LimitPlan plan_of(const Estimate& estimate, const LimitWishes& wishes = {},
                  std::uint64_t available = 8 * kGiB, std::uint64_t capacity = 16 * kGiB) {
  return plan_limits(wishes, estimate, {available, capacity, {}}, LimitSettings{}, Policy{});
}

const Limit& memory_of(const LimitPlan& plan) {
  REQUIRE(plan.limits.contains(Resource::memory));
  return *plan.limits.find(Resource::memory);
}

}  // namespace

TEST_CASE("limit_plan: A lean size is given as it is, and the explanation says so") {
  auto estimate = known(1000 * kMiB);
  estimate.sizing = MemorySizing{Objective::lean, 0.99, {700 * kMiB, 1400 * kMiB}, {}};
  const auto plan = plan_of(estimate);
  CHECK(memory_of(plan).value == Approx(700 * kMiB).margin(kPage));
  CHECK(memory_of(plan).source == "estimate");
  CHECK_THAT(plan.explanation, Catch::Contains("lean") && !Catch::Contains("p99"));
}

TEST_CASE("limit_plan: The explanation names the confidence that was asked for") {
  auto estimate = known(1000 * kMiB);
  estimate.sizing = MemorySizing{Objective::safe, 0.995, {1200 * kMiB}, {}};
  CHECK_THAT(plan_of(estimate).explanation, Catch::Contains("p99.5 1.17 GiB + 10 %"));
}

TEST_CASE("limit_plan: What was predicted, and a margin, is the limit of a known job") {
  const auto plan = plan_of(known(1000 * kMiB));
  CHECK(memory_of(plan).value == Approx(1100 * kMiB).margin(kPage));
  CHECK(memory_of(plan).source == "estimate");
  CHECK(!plan.guessed);
  CHECK_THAT(plan.explanation, Catch::Contains("p99"));
}

TEST_CASE("limit_plan: The automatic limit of a small job is no smaller than the minimum") {
  CHECK(memory_of(plan_of(known(2 * kMiB))).value == 64 * kMiB);
  LimitSettings settings;
  settings.guess_share = 0.001;
  CHECK(memory_of(plan_limits({}, {}, {kGiB, 16 * kGiB, {}}, settings, {})).value == 64 * kMiB);
}

TEST_CASE("limit_plan: No automatic limit is larger than what there is") {
  const auto plan = plan_of(known(15.5 * kGiB), {}, 8 * kGiB, 16 * kGiB);
  CHECK(memory_of(plan).value == 16.0 * kGiB);
  CHECK_THAT(plan.explanation, Catch::Contains("16.0 GiB"));
  CHECK(memory_of(plan_of({}, {}, 32 << 20U, 32 << 20U)).value == 32 * kMiB);
}

TEST_CASE("limit_plan: A job that was never seen gets half of what is free, and it is a guess") {
  const auto plan = plan_of({});
  CHECK(memory_of(plan).value == 4.0 * kGiB);
  CHECK(memory_of(plan).source == "guess");
  CHECK(plan.guessed);
  CHECK_THAT(plan.explanation, Catch::Contains("50 %") && Catch::Contains("8.00 GiB"));
}

TEST_CASE("limit_plan: What other programs used does not make a job known") {
  const auto plan = plan_of(known(100 * kMiB, Level::everything));
  CHECK(plan.guessed);
  CHECK(memory_of(plan).value == 4.0 * kGiB);
}

TEST_CASE(
    "limit_plan: Runs that were all ended by a limit make no job known, but raise the guess") {
  auto estimate = known(6.0 * kGiB);
  estimate.censored_runs = estimate.runs;
  const auto plan = plan_of(estimate);
  CHECK(plan.guessed);
  CHECK(memory_of(plan).value == 6.0 * kGiB);
  CHECK(memory_of(plan_of(estimate, {}, 2 * kGiB, 5 * kGiB)).value == 5.0 * kGiB);
}

TEST_CASE("limit_plan: A limit that was asked for is taken as it is") {
  LimitWishes wishes;
  wishes.limits.set(Resource::memory, {12345, "--mem", LimitOrigin::asked, {}});
  for (const auto& estimate : {Estimate{}, known(1000 * kMiB)}) {
    const auto plan = plan_of(estimate, wishes);
    CHECK(memory_of(plan).value == 12345);
    CHECK(memory_of(plan).source == "--mem");
    CHECK(!plan.guessed);
  }
}

TEST_CASE("limit_plan: Without a limit what was predicted is reserved all the same") {
  LimitWishes wishes;
  wishes.no_memory_limit = true;
  const auto plan = plan_of(known(1000 * kMiB), wishes);
  CHECK(!plan.limits.contains(Resource::memory));
  REQUIRE(plan.reservation.contains(Resource::memory));
  CHECK(*plan.reservation.find(Resource::memory) == 1000 * kMiB);
  CHECK(!plan_of({}, wishes).reservation.contains(Resource::memory));
}

TEST_CASE("limit_plan: The limit is what is reserved") {
  const auto plan = plan_of(known(1000 * kMiB));
  REQUIRE(plan.reservation.contains(Resource::memory));
  CHECK(*plan.reservation.find(Resource::memory) == memory_of(plan).value);
}

TEST_CASE("limit_plan: An automatic limit is of whole pages, as the kernel enforces it") {
  CHECK(std::fmod(memory_of(plan_of(known(1234567891.0))).value, kPage) == 0);
  CHECK(std::fmod(memory_of(plan_of({}, {}, 1234567891)).value, kPage) == 0);
}

TEST_CASE("limit_plan: Wall time is limited only where it was asked for") {
  auto estimate = known(1000 * kMiB);
  estimate.by.set(Resource::wall, {1, 2, 3});
  CHECK(!plan_of(estimate).limits.contains(Resource::wall));
  LimitWishes wishes;
  wishes.limits.set(Resource::wall, {90, "--time", LimitOrigin::asked, {}});
  const auto plan = plan_of(estimate, wishes);
  REQUIRE(plan.limits.contains(Resource::wall));
  CHECK(plan.limits.find(Resource::wall)->value == 90);
  CHECK(plan.limits.find(Resource::wall)->source == "--time");
}

TEST_CASE("limit_plan: A resource that is not known is not predicted to be 0") {
  Estimate only_wall;
  only_wall.by.set(Resource::wall, {1, 2, 3});
  only_wall.runs = 5;
  only_wall.level = Level::exact;
  const auto plan = plan_of(only_wall);
  CHECK(plan.guessed);
  CHECK(memory_of(plan).value == 4.0 * kGiB);
}

TEST_CASE("limit_plan: The settings are followed") {
  LimitSettings settings;
  settings.guess_share = 0.25;
  settings.margin = 0.5;
  CHECK(memory_of(plan_limits({}, {}, {8 * kGiB, 16 * kGiB, {}}, settings, {})).value ==
        2.0 * kGiB);
  CHECK(memory_of(plan_limits({}, known(1000 * kMiB), {8 * kGiB, 16 * kGiB, {}}, settings, {}))
            .value == Approx(1500 * kMiB).margin(kPage));
}

TEST_CASE("limit_plan: A limited job may not swap unless that was asked for") {
  const auto plan = plan_of(known(1000 * kMiB));
  REQUIRE(plan.limits.contains(Resource::swap));
  CHECK(plan.limits.find(Resource::swap)->value == 0);
  LimitWishes wishes;
  wishes.limits.set(Resource::swap, {1.0 * kGiB, "--swap", LimitOrigin::asked, {}});
  CHECK(plan_of({}, wishes).limits.find(Resource::swap)->value == 1.0 * kGiB);
  LimitWishes none;
  none.no_memory_limit = true;
  CHECK(!plan_of({}, none).limits.contains(Resource::swap));
}

TEST_CASE("limit_plan: A limit above what there is is said to be of no use") {
  LimitWishes wishes;
  wishes.limits.set(Resource::memory, {32.0 * kGiB, "--mem", LimitOrigin::asked, {}});
  const auto plan = plan_of({}, wishes);
  REQUIRE(plan.remarks.size() == 1);
  CHECK_THAT(plan.remarks[0], Catch::Contains("32.0 GiB") && Catch::Contains("16.0 GiB"));
}

TEST_CASE("limit_plan: The policy's cap holds automatic limits down and says so") {
  Policy policy;
  policy.caps.set(Resource::memory, {1.0 * kGiB, "policy.toml:2", LimitOrigin::policy, {}});
  const auto plan = plan_limits({}, {}, {8 * kGiB, 16 * kGiB, {}}, LimitSettings{}, policy);
  CHECK(memory_of(plan).value == 1.0 * kGiB);
  CHECK(memory_of(plan).origin == LimitOrigin::policy);
  CHECK(!plan.refusal);
  REQUIRE(plan.remarks.size() == 1);
  CHECK_THAT(plan.remarks[0], Catch::Contains("policy.toml:2"));
}

TEST_CASE("limit_plan: A limit that was asked for above the policy's cap is refused") {
  Policy policy;
  policy.caps.set(Resource::wall, {60, "policy.toml:3", LimitOrigin::policy, {}});
  LimitWishes wishes;
  wishes.limits.set(Resource::wall, {90, "--time", LimitOrigin::asked, {}});
  const auto plan = plan_limits(wishes, {}, {8 * kGiB, 16 * kGiB, {}}, LimitSettings{}, policy);
  REQUIRE(plan.refusal);
  CHECK_THAT(*plan.refusal, Catch::Contains("--time") && Catch::Contains("policy.toml:3"));
  wishes.limits.set(Resource::wall, {30, "--time", LimitOrigin::asked, {}});
  CHECK(!plan_limits(wishes, {}, {8 * kGiB, 16 * kGiB, {}}, LimitSettings{}, policy).refusal);
}

TEST_CASE("limit_plan: A cap applies to what nobody limited") {
  Policy policy;
  policy.caps.set(Resource::processes, {100, "policy.toml:4", LimitOrigin::policy, {}});
  policy.caps.set(Resource::memory, {4.0 * kGiB, "policy.toml:5", LimitOrigin::policy, {}});
  LimitWishes wishes;
  wishes.no_memory_limit = true;
  const auto plan = plan_limits(wishes, {}, {8 * kGiB, 16 * kGiB, {}}, LimitSettings{}, policy);
  CHECK(plan.limits.find(Resource::processes)->value == 100);
  CHECK(memory_of(plan).value == 4.0 * kGiB);
  policy.blocks.no_limit = "policy.toml:9";
  const auto refused = plan_limits(wishes, {}, {8 * kGiB, 16 * kGiB, {}}, LimitSettings{}, policy);
  REQUIRE(refused.refusal);
  CHECK_THAT(*refused.refusal, Catch::Contains("policy.toml:9"));
}

TEST_CASE("limit_plan: A job that is predicted to use more than a block allows is refused") {
  Policy policy;
  policy.blocks.above.set(Resource::memory, {800 * kMiB, "policy.toml:7", LimitOrigin::policy, {}});
  const auto plan =
      plan_limits({}, known(1000 * kMiB), {8 * kGiB, 16 * kGiB, {}}, LimitSettings{}, policy);
  REQUIRE(plan.refusal);
  CHECK_THAT(*plan.refusal, Catch::Contains("predicted") && Catch::Contains("policy.toml:7"));
  CHECK(!plan_limits({}, known(700 * kMiB), {8 * kGiB, 16 * kGiB, {}}, LimitSettings{}, policy)
             .refusal);
}

TEST_CASE("limit_plan: A block of the configuration refuses as well, and says which it is") {
  LimitSettings settings;
  settings.blocks.above.set(Resource::wall, {60, "config.toml:3", LimitOrigin::asked, {}});
  settings.blocks.above.set(Resource::io_write, {1e9, "config.toml:4", LimitOrigin::asked, {}});
  auto estimate = known(1000 * kMiB);
  const auto refusal = [&] {
    return plan_limits({}, estimate, {8 * kGiB, 16 * kGiB, {}}, settings, {}).refusal.value_or("");
  };
  CHECK(refusal().empty());
  estimate.by.set(Resource::wall, {10, 61, 70});
  CHECK_THAT(refusal(), Catch::Contains("the configuration") && Catch::Contains("config.toml:3"));
  estimate.by.set(Resource::io_write, {1e8, 2e9, 3e9});
  CHECK_THAT(refusal(), Catch::Contains("config.toml:3") && Catch::Contains("config.toml:4"));
  estimate.level = Level::everything;  // what other programs used
  CHECK(refusal().empty());
}

TEST_CASE("limit_plan: Both the policy and the configuration can forbid --no-limit") {
  LimitSettings settings;
  LimitWishes wishes;
  wishes.no_memory_limit = true;
  const Bounds bounds{8 * kGiB, 16 * kGiB, {}};
  CHECK(!plan_limits(wishes, {}, bounds, settings, {}).refusal);
  settings.blocks.no_limit = "config.toml:2";
  CHECK_THAT(plan_limits(wishes, {}, bounds, settings, {}).refusal.value_or(""),
             Catch::Contains("the configuration (config.toml:2)"));
  CHECK(!plan_limits({}, {}, bounds, settings, {}).refusal);
}

TEST_CASE("limit_plan: More growth than the disk has room for is a warning, or refused") {
  auto estimate = known(1000 * kMiB);
  estimate.by.set(Resource::disk_growth, {1e9, 5e9, 6e9});
  LimitSettings settings;
  const auto plan = [&](std::optional<double> free_disk) {
    return plan_limits({}, estimate, {8 * kGiB, 16 * kGiB, free_disk}, settings, {});
  };
  CHECK(plan(6e9).remarks.empty());
  CHECK(plan(std::nullopt).remarks.empty());
  REQUIRE(plan(4e9).remarks.size() == 1);
  CHECK_THAT(plan(4e9).remarks[0], Catch::StartsWith("WARN") && Catch::Contains("disk growth"));
  CHECK(!plan(4e9).refusal);
  settings.blocks.beyond_free_disk = "config.toml:5";
  CHECK(!plan(6e9).refusal);
  CHECK(!plan(std::nullopt).refusal);
  CHECK_THAT(plan(4e9).refusal.value_or(""), Catch::Contains("config.toml:5"));
}
