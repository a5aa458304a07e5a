#include <catch2/catch.hpp>
#include <limits>
#include <nlohmann/json.hpp>

#include "verify/report.h"
#include "verify/report_json.h"

using namespace jobward;
using namespace jobward::verify;
using Json = nlohmann::ordered_json;

namespace {

CheckResult result(const std::string& id, State state, Severity severity) {
  CheckResult out;
  out.id = id;
  out.primitive = "unique";
  out.datasets = {"t"};
  out.declared = severity;
  out.effective = state == State::error ? Severity::hard_fail : severity;
  out.state = state;
  out.message = "message of " + id;
  return out;
}

Report report_of(std::vector<CheckResult> checks) {
  Report out;
  out.contract = "demo";
  out.contract_sha256 = std::string(64, 'a');
  out.checks = std::move(checks);
  return out;
}

// Exit status and verdict of two checks, of which the first has passed.
std::string verdict_of(State state, Severity severity) {
  const auto report = report_of(
      {result("good", State::passed, Severity::hard_fail), result("other", state, severity)});
  const auto json = to_json(report);
  CHECK(json["exit_code"] == report.exit_status());
  return std::to_string(report.exit_status()) + " " + json["verdict"].get<std::string>();
}

}  // namespace

TEST_CASE("report: Only a HARD_FAIL or an error ends with another status than 0") {
  for (const auto severity : {Severity::info, Severity::warn, Severity::hard_fail}) {
    CHECK(verdict_of(State::passed, severity) == "0 ok");
    CHECK(verdict_of(State::error, severity) == "2 error");
  }
  CHECK(verdict_of(State::failed, Severity::info) == "0 ok");
  CHECK(verdict_of(State::failed, Severity::warn) == "0 ok");
  CHECK(verdict_of(State::failed, Severity::hard_fail) == "1 HARD_FAIL");
  CHECK(report_of({}).exit_status() == 0);
}

TEST_CASE("report: A HARD_FAIL counts more than an error beside it") {
  const auto both = report_of(
      {result("a", State::error, Severity::info), result("b", State::failed, Severity::hard_fail)});
  CHECK(both.any_error());
  CHECK(both.any_hard_fail());
  CHECK(both.exit_status() == 1);
  const auto warned = report_of(
      {result("a", State::error, Severity::info), result("b", State::failed, Severity::warn)});
  CHECK_FALSE(warned.any_hard_fail());
  CHECK(warned.exit_status() == 2);
}

TEST_CASE("report: Each check is a finding, and what could not be checked halts") {
  const auto all = findings(report_of({result("good", State::passed, Severity::hard_fail),
                                       result("bad", State::failed, Severity::warn),
                                       result("unknown", State::error, Severity::info)}));
  REQUIRE(all.size() == 3);
  CHECK(all[0].source == "verify");
  CHECK(all[0].check == "good");
  CHECK(all[0].primitive == "unique");
  CHECK(all[0].passed);
  CHECK_FALSE(halts(all[0]));
  CHECK_FALSE(all[1].passed);
  CHECK(all[1].declared == Severity::warn);
  CHECK(all[1].message == "message of bad");
  CHECK_FALSE(halts(all[1]));
  CHECK_FALSE(all[2].passed);
  CHECK(all[2].declared == Severity::info);
  CHECK(all[2].effective == Severity::hard_fail);
  CHECK(halts(all[2]));
}

TEST_CASE("report: A finding carries on one line what was seen, of which data, by which engine") {
  auto check = result("bad", State::failed, Severity::warn);
  check.observed = std::int64_t{2};
  check.threshold = 0.5;
  check.rows = 10;
  check.failing = 2;
  check.samples = {Sample{{"id", Cell("x\ny")}, {"name", std::nullopt}}};
  check.details.put("columns", std::vector<std::string>{"a"});
  auto report = report_of({check});
  report.engine_version = "v1.5.6";
  DatasetFacts used;
  used.name = "t";
  used.digest = DatasetDigest{DatasetDigest::Basis::content, std::string(64, 'b'), 3, 0};
  DatasetFacts other = used;
  other.name = "u";
  report.datasets = {used, other};
  const auto details = findings(report).at(0).details;
  CHECK(details.find('\n') == std::string::npos);
  const auto json = Json::parse(details);
  CHECK(json["id"] == "bad");
  CHECK(json["status"] == "failed");
  CHECK(json["severity"] == "WARN");
  CHECK(json["observed"] == 2);
  CHECK(json["threshold"] == 0.5);
  CHECK(json["rows"] == 10);
  CHECK(json["failing"] == 2);
  CHECK(json["samples"][0]["id"] == "x\ny");
  CHECK(json["samples"][0]["name"].is_null());
  CHECK(json["details"]["columns"] == Json::array({"a"}));
  CHECK(json["contract"] == "demo");
  CHECK(json["contract_sha256"] == std::string(64, 'a'));
  CHECK(json["engine_version"] == "v1.5.6");
  CHECK(json["digests"]["t"]["sha256"] == std::string(64, 'b'));
  CHECK_FALSE(json["digests"].contains("u"));
}

TEST_CASE("report: What was not measured is absent") {
  auto check = result("one", State::passed, Severity::info);
  auto report = report_of({check});
  DatasetFacts facts;
  facts.name = "t";
  report.datasets = {facts};
  const auto json = to_json(report);
  CHECK(json["schema_version"] == 1);
  CHECK_FALSE(json.contains("engine"));
  for (const char* name :
       {"observed", "threshold", "rows", "failing", "failing_rate", "samples", "details"})
    CHECK_FALSE(json["checks"][0].contains(name));
  for (const char* name : {"rows", "digest", "problem"})
    CHECK_FALSE(json["datasets"][0].contains(name));
}

TEST_CASE("report: A digest that is none of the content says so") {
  auto report = report_of({});
  DatasetFacts facts;
  facts.name = "t";
  facts.digest = DatasetDigest{DatasetDigest::Basis::size_and_mtime, "", 9000000, 12345};
  report.datasets = {facts};
  const auto json = to_json(report)["datasets"][0]["digest"];
  CHECK(json["basis"] == "size_and_mtime");
  CHECK(json["size_bytes"] == 9000000);
  CHECK(json["newest_mtime_ms"] == 12345);
  CHECK_FALSE(json.contains("sha256"));
}

TEST_CASE("report: Bytes that are no UTF-8 break no finding") {
  auto check = result("one", State::failed, Severity::warn);
  check.samples = {Sample{{"\xff", Cell("\xfe\xfd")}}};
  const auto details = findings(report_of({check})).at(0).details;
  CHECK(Json::parse(details)["samples"].size() == 1);
}

TEST_CASE("report: Numbers are grouped by thousands") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(12345) == "12,345");
  CHECK(grouped(1234567) == "1,234,567");
  CHECK(grouped(-1) == "-1");
  CHECK(grouped(-999) == "-999");
  CHECK(grouped(-1000) == "-1,000");
  CHECK(grouped(std::numeric_limits<std::int64_t>::min()) == "-9,223,372,036,854,775,808");
}

TEST_CASE("report: A share is never 0 % of something, nor 100 % of not all") {
  CHECK(percent(0) == "0 %");
  CHECK(percent(1) == "100 %");
  CHECK(percent(0.0123) == "1.23 %");
  CHECK(percent(0.01) == "1 %");
  CHECK(percent(0.29) == "29 %");
  CHECK(percent(1e-6) == "0.0001 %");
  CHECK(percent(1e-12) == "1e-10 %");
  CHECK(percent(0.99999) == "99.999 %");
  CHECK(percent(1 - 1e-8) == "99.999999 %");
}

TEST_CASE("report: A value is shown as what it is") {
  CHECK(shown(Value()).empty());
  CHECK(shown(std::int64_t{12345}) == "12,345");
  CHECK(shown(0.25) == "0.25");
  CHECK(shown(std::string("words")) == "words");
}
