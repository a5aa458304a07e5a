#include "launcher/findings.h"

#include <catch2/catch.hpp>

#include "common/exit_codes.h"

using namespace jobward;
using namespace jobward::launcher;

namespace {

constexpr double kMiB = 1 << 20;

RunResult ended(Outcome outcome) {
  RunResult result;
  result.started = true;
  result.ending.outcome = outcome;
  result.ending.exit_code = outcome == Outcome::ok ? 0 : 3;
  result.ending.exit_source = "job";
  return result;
}

Finding failed(const char* check, Severity severity) {
  return {"verify", check, "unique", severity, severity, false, "two rows have the key 7", {}};
}

RunHooks checking(std::vector<Finding> findings, int& calls) {
  RunHooks hooks;
  hooks.check_product = [findings = std::move(findings), &calls] {
    ++calls;
    return findings;
  };
  return hooks;
}

}  // namespace

TEST_CASE("findings: A HARD_FAIL of what was produced is the run's own failure") {
  auto result = ended(Outcome::ok);
  int calls = 0;
  check_product(
      checking({failed("warned", Severity::warn), failed("keys", Severity::hard_fail)}, calls),
      result);
  CHECK(result.ending.outcome == Outcome::verify_failed);
  CHECK(result.ending.exit_code == exit_code::kVerifyFailed);
  CHECK(result.ending.exit_source == "jobward");
  CHECK(result.ending.cause == "check keys: two rows have the key 7");
  CHECK(result.ending.findings.size() == 2);
}

TEST_CASE("findings: WARN and INFO are kept and stop nothing") {
  auto result = ended(Outcome::ok);
  int calls = 0;
  check_product(checking({failed("a", Severity::warn), failed("b", Severity::info)}, calls),
                result);
  CHECK(result.ending.outcome == Outcome::ok);
  CHECK(result.ending.exit_code == 0);
  CHECK(result.ending.findings.size() == 2);
}

TEST_CASE("findings: What a failed job left is not checked, its failure stands") {
  auto result = ended(Outcome::failed);
  int calls = 0;
  check_product(checking({failed("keys", Severity::hard_fail)}, calls), result);
  CHECK(calls == 0);
  CHECK(result.ending.outcome == Outcome::failed);
  CHECK(result.ending.exit_code == 3);
}

TEST_CASE("findings: A need above the bound is a WARN, within it nothing") {
  auto result = ended(Outcome::ok);
  result.request.estimate.by.set(Resource::memory, {80 * kMiB, 90 * kMiB, 100 * kMiB});
  result.ending.usage.set(Metric::memory_need, 100 * kMiB);
  add_own_findings(result);
  CHECK(result.ending.findings.empty());
  result.ending.usage.set(Metric::memory_need, 101 * kMiB);
  add_own_findings(result);
  REQUIRE(result.ending.findings.size() == 1);
  CHECK(result.ending.findings[0].effective == Severity::warn);
  CHECK_FALSE(result.ending.findings[0].passed);
  CHECK_THAT(result.ending.findings[0].message,
             Catch::Contains("101 MiB") && Catch::Contains("100 MiB"));
}

TEST_CASE("findings: A kill by the watchdog is a HARD_FAIL") {
  auto result = ended(Outcome::watchdog_killed);
  result.ending.cause = "the watchdog ended it";
  add_own_findings(result);
  REQUIRE(result.ending.findings.size() == 1);
  CHECK(halts(result.ending.findings[0]));
  CHECK(result.ending.findings[0].message == "the watchdog ended it");
}
