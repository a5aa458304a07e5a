#include "profiles/run_codec.h"

#include <catch2/catch.hpp>
#include <string>

#include "common/text.h"
#include "tests/support/sample_run.h"

using namespace jobward;
using namespace jobward::profiles;
using Words = std::vector<std::string>;

namespace {

RunRequest decoded(const RunRequest& request) {
  RunRequest out;
  REQUIRE(decode_request(encode_request(request), out));
  return out;
}
RunEnding decoded(const RunEnding& ending) {
  auto out = decode_ending(encode_ending(ending));
  REQUIRE(out);
  return std::move(*out);
}

void check_same(const std::vector<FileDigest>& left, const std::vector<FileDigest>& right) {
  REQUIRE(left.size() == right.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    CHECK(left[i].role == right[i].role);
    CHECK(left[i].path == right[i].path);
    CHECK(left[i].bytes == right[i].bytes);
    CHECK(left[i].mtime_ms == right[i].mtime_ms);
    CHECK(left[i].sha256 == right[i].sha256);
  }
}

}  // namespace

TEST_CASE("run_codec: Who asked, what for, and what came before survive encoding") {
  const auto want = test::full_request("r");
  const auto got = decoded(want);
  CHECK(got.actor.uid == want.actor.uid);
  CHECK(got.actor.claims == want.actor.claims);
  CHECK(got.parent_run == want.parent_run);
  CHECK(got.step_key == want.step_key);
  CHECK(got.attempt == want.attempt);
  CHECK(got.features == want.features);
  check_same(got.digests, want.digests);
}

TEST_CASE("run_codec: Limits, their sources and who holds them survive encoding") {
  const auto got = decoded(test::full_request("r"));
  REQUIRE(got.limits.contains(Resource::memory));
  CHECK(got.limits.find(Resource::memory)->value == 256 << 20);
  CHECK(got.limits.find(Resource::memory)->source == "--mem");
  CHECK(*got.enforcement.find(Resource::memory) == Enforcement::kernel);
  CHECK(*got.enforcement.find(Resource::wall) == Enforcement::polled);
  CHECK(*got.reservation.find(Resource::memory) == 256 << 20);
  CHECK(!got.limits.contains(Resource::io_read));
  CHECK(!got.enforcement.contains(Resource::io_read));
  CHECK(!got.reservation.contains(Resource::wall));
}

TEST_CASE("run_codec: What a lean size counts with survives encoding") {
  auto request = test::full_request("r");
  request.estimate.sizing = MemorySizing{Objective::lean, 0.99, {1e9, 2e9}, {0.25, 8}};
  auto got = decoded(request).estimate.sizing;
  REQUIRE(got);
  CHECK(got->objective == Objective::lean);
  CHECK(got->attempts == std::vector<double>{1e9, 2e9});
  CHECK(got->failure.share == 0.25);
  CHECK(got->failure.curves == 8);
  request.estimate.sizing->failure = {};
  CHECK(encode_request(request).find("failure") == std::string::npos);
  got = decoded(request).estimate.sizing;
  REQUIRE(got);
  CHECK(got->failure.share == 1);
  CHECK(got->failure.curves == 0);
}

TEST_CASE("run_codec: The estimate survives encoding") {
  const auto got = decoded(test::full_request("r")).estimate;
  CHECK(got.runs == 7);
  CHECK(got.censored_runs == 2);
  CHECK(got.level == Level::masked);
  CHECK(got.reason == "5 runs of this command");
  CHECK(got.by.find(Resource::wall)->p50 == 1.5);
  CHECK(got.by.find(Resource::wall)->p95 == 2.25);
  CHECK(got.by.find(Resource::wall)->p99 == 3);
  CHECK(!got.by.contains(Resource::cpu_time));
  for (const auto level : {Level::exact, Level::program, Level::everything, Level::none}) {
    auto request = test::plain_request("r");
    request.estimate.level = level;
    CHECK(decoded(request).estimate.level == level);
  }
}

TEST_CASE("run_codec: Where it ran survives encoding") {
  const auto got = decoded(test::full_request("r")).where;
  CHECK(got.machine_id == "machine");
  CHECK(got.boot_id == "boot");
  CHECK(got.pid_namespace == "pid:[1]");
  CHECK(got.supervisor_pid == 4321);
  CHECK(got.backend == "hybrid");
  CHECK(got.cgroup == "/cg/job");
  CHECK(got.memory_cgroup == "/cg/memory/job");
}

TEST_CASE("run_codec: What a request does not say stays absent") {
  const auto got = decoded(test::plain_request("r"));
  CHECK(!got.parent_run);
  CHECK(!got.step_key);
  CHECK(got.limits.empty());
  CHECK(got.reservation.empty());
  CHECK(got.estimate.by.empty());
  CHECK(got.features.empty());
  CHECK(got.digests.empty());
}

TEST_CASE("run_codec: A severity that this version does not know counts as the highest") {
  RunEnding ending;
  ending.findings = {{"verify", "x", "unique", Severity::info, Severity::info, false, "m", ""}};
  auto text = encode_ending(ending);
  for (auto at = text.find("INFO"); at != std::string::npos; at = text.find("INFO"))
    text.replace(at, 4, "mild");
  const auto got = decoded(decode_ending(text).value());
  REQUIRE(got.findings.size() == 1);
  CHECK(got.findings[0].effective == Severity::hard_fail);
}

TEST_CASE("run_codec: An ending survives encoding") {
  const auto want = test::full_ending();
  const auto got = decoded(want);
  CHECK(got.outcome == want.outcome);
  CHECK(got.cause == want.cause);
  CHECK(got.exit_code == 137);
  CHECK(got.exit_source == "jobward");
  CHECK(got.signal == 9);
  CHECK(got.usage.values == want.usage.values);
  CHECK(got.usage.basis == want.usage.basis);
  CHECK(got.observation.features == want.observation.features);
  CHECK(got.observation.used.find(Resource::memory)->censored);
  CHECK(!got.observation.used.find(Resource::wall)->censored);
  CHECK(got.observation.used.find(Resource::wall)->value == 0.1);
  check_same(got.digests, want.digests);
  REQUIRE(got.findings.size() == 1);
  const auto& finding = got.findings[0];
  CHECK(finding.source == "verify");
  CHECK(finding.check == "rows");
  CHECK(finding.primitive == "row_count_parity");
  CHECK(finding.declared == Severity::hard_fail);
  CHECK(finding.effective == Severity::warn);
  CHECK_FALSE(finding.passed);
  CHECK(finding.message == "3 rows, not 4");
  CHECK(finding.details == R"({"rows":3})");
}

TEST_CASE("run_codec: What was not measured stays absent, and a measured 0 stays 0") {
  RunEnding ending;
  ending.usage.set(Metric::io_read, 0);
  const auto got = decoded(ending);
  CHECK(!got.exit_code);
  CHECK(!got.signal);
  CHECK(got.usage.values.size() == 1);
  CHECK(got.usage.get(Metric::io_read) == 0.0);
  CHECK(got.observation.used.empty());
  CHECK_THAT(encode_ending(ending), !Catch::Contains("memory_need_bytes"));
  ending.exit_code = 0;
  CHECK(decoded(ending).exit_code == 0);
}

TEST_CASE("run_codec: Every outcome and every metric has a name that is read back") {
  RunEnding ending;
  for (const auto& entry : kMetrics)
    ending.usage.set(entry.metric, 1.0 + static_cast<double>(entry.metric));
  for (std::size_t i = 0; i < kOutcomeNames.size(); ++i) {
    ending.outcome = static_cast<Outcome>(i);
    const auto got = decoded(ending);
    CHECK(got.outcome == ending.outcome);
    CHECK(got.usage.values == ending.usage.values);
  }
}

TEST_CASE("run_codec: Text that is no UTF-8 is replaced in JSON, which stays valid") {
  auto request = test::full_request("r");
  request.actor.claims["agent"] = "a\xff";
  request.digests[0].path = "/x\x80y";
  const auto json = encode_request(request);
  CHECK(is_utf8(json));
  CHECK(decoded(request).actor.claims.at("agent") == "a\xef\xbf\xbd");
  RunEnding ending;
  ending.cause = "\xfe";
  CHECK(decoded(ending).cause == "\xef\xbf\xbd");
}

TEST_CASE("run_codec: Text that is not a record is an error, not an exception") {
  for (const auto* text : {"", "x", "[]", "{}", "null", "{\"outcome\":7}", "{\"actor\":[]}"}) {
    INFO(text);
    RunRequest request;
    CHECK(!decode_request(text, request));
    CHECK(!decode_ending(text));
  }
  const auto json = encode_ending(test::full_ending());
  CHECK(!decode_ending(json.substr(0, json.size() - 1)));
}

TEST_CASE("run_codec: A resource that only a newer version knows is passed over") {
  auto json = encode_ending(test::full_ending());
  const std::string mark = "\"used\":{";
  json.insert(json.find(mark) + mark.size(), R"("gpu_memory":{"value":1,"censored":false},)");
  const auto got = decode_ending(json);
  REQUIRE(got);
  CHECK(got->observation.used.contains(Resource::memory));
}

TEST_CASE("run_codec: A curve is kept as pairs of floats") {
  const std::vector<CurvePoint> curve{{0, 0}, {0.25, 1048576}, {3600.5, 1e11}};
  const auto bytes = encode_curve(curve);
  CHECK(bytes.size() == 3 * 8);
  // 1048576 as a 32-bit float, little-endian.
  CHECK(bytes.substr(12, 4) == std::string("\x00\x00\x80\x49", 4));
  const auto got = decode_curve(bytes);
  REQUIRE(got);
  REQUIRE(got->size() == 3);
  CHECK((*got)[1].seconds == 0.25);
  CHECK((*got)[1].bytes == 1048576);
  CHECK((*got)[2].bytes == Approx(1e11).epsilon(1e-6));
  CHECK(decode_curve("")->empty());
  CHECK(!decode_curve(bytes.substr(1)));
}

TEST_CASE("run_codec: Words survive being joined, empty ones and all bytes but NUL included") {
  for (const Words& words : {Words{"a"}, Words{""}, Words{"", ""}, Words{"a", "", "\xff\n", ""}})
    CHECK(split_nul(join_nul(words)) == words);
}

TEST_CASE(
    "run_codec: The watchdog's mark survives encoding, whole and in part, most runs have none") {
  auto want = test::full_ending();
  CHECK(decoded(want).watchdog == want.watchdog);
  want.watchdog = KillMark{7, KillLevel::term, {}, {}, {}};
  CHECK(decoded(want).watchdog == want.watchdog);
  want.watchdog.reset();
  CHECK(!decoded(want).watchdog);
}
