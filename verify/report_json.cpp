#include "verify/report_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/text.h"

namespace jobward::verify {
namespace {

using Json = nlohmann::ordered_json;

void put(Json& out, const char* key, const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) out[key] = *whole;
  if (const auto* number = std::get_if<double>(&value)) out[key] = *number;
  if (const auto* words = std::get_if<std::string>(&value)) out[key] = *words;
}

Json digest_json(const DatasetDigest& digest) {
  if (digest.basis == DatasetDigest::Basis::content)
    return {{"basis", "content"}, {"sha256", digest.sha256}};
  return {{"basis", "size_and_mtime"},
          {"size_bytes", digest.bytes},
          {"newest_mtime_ms", digest.newest_mtime_ms}};
}

Json samples_json(const std::vector<Sample>& samples) {
  auto out = Json::array();
  for (const auto& sample : samples) {
    auto row = Json::object();
    for (const auto& [name, cell] : sample)
      row[name] = cell ? Json(*cell) : Json();
    out.push_back(std::move(row));
  }
  return out;
}

Json facts_json(const Facts& facts) {
  auto out = Json::object();
  for (const auto& [name, fact] : facts.all()) {
    const auto* several = std::get_if<std::vector<Facts>>(&fact);
    if (several == nullptr) {
      std::visit(
          [&out, &key = name](const auto& value) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, std::vector<Facts>>)
              out[key] = value;
          },
          fact);
      continue;
    }
    out[name] = Json::array();
    for (const auto& one : *several)
      out[name].push_back(facts_json(one));
  }
  return out;
}

Json check_json(const CheckResult& check) {
  Json out{{"id", check.id},
           {"primitive", check.primitive},
           {"datasets", check.datasets},
           {"severity", to_string(check.declared)},
           {"severity_effective", to_string(check.effective)},
           {"status", to_string(check.state)},
           {"passed", check.state == State::passed},
           {"message", check.message}};
  put(out, "observed", check.observed);
  put(out, "threshold", check.threshold);
  if (check.rows) out["rows"] = *check.rows;
  if (check.failing) out["failing"] = *check.failing;
  if (check.rate) out["failing_rate"] = *check.rate;
  if (!check.samples.empty()) out["samples"] = samples_json(check.samples);
  if (!check.details.all().empty()) out["details"] = facts_json(check.details);
  out["seconds"] = check.seconds;
  if (check.shared_scan) out["seconds_of_shared_scan"] = true;
  return out;
}

Json dataset_json(const DatasetFacts& dataset) {
  Json out{{"name", dataset.name}};
  out["files"] = dataset.files;
  out["file_count"] = dataset.file_count;
  out["bytes"] = dataset.bytes;
  if (dataset.rows) out["rows"] = *dataset.rows;
  if (dataset.digest) out["digest"] = digest_json(*dataset.digest);
  if (!dataset.no_digest.empty()) out["no_digest"] = dataset.no_digest;
  out["scans"] = dataset.scans;
  if (!dataset.problem.empty()) out["problem"] = dataset.problem;
  return out;
}

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

nlohmann::ordered_json to_json(const Report& report) {
  Json out{{"schema_version", 1},
           {"contract", report.contract},
           {"contract_path", report.path},
           {"contract_sha256", report.contract_sha256},
           {"project", report.project},
           {"verdict", report.any_hard_fail() ? "HARD_FAIL"
                       : report.any_error()   ? "error"
                                              : "ok"},
           {"exit_code", report.exit_status()}};
  if (!report.engine_version.empty())
    out["engine"] = {
        {"name", "DuckDB"}, {"version", report.engine_version}, {"library", report.engine_path}};
  out["started_ms"] = report.started;
  out["seconds"] = report.seconds;
  out["memory_cap_bytes"] = report.memory_cap;
  out["checks"] = Json::array();
  for (const auto& check : report.checks)
    out["checks"].push_back(check_json(check));
  out["datasets"] = Json::array();
  for (const auto& dataset : report.datasets)
    out["datasets"].push_back(dataset_json(dataset));
  return out;
}

std::string details_json(const Report& report, const CheckResult& check) {
  auto out = check_json(check);
  out["contract"] = report.contract;
  out["contract_sha256"] = report.contract_sha256;
  if (!report.engine_version.empty()) out["engine_version"] = report.engine_version;
  for (const auto& dataset : report.datasets) {
    const bool used = std::find(check.datasets.begin(), check.datasets.end(), dataset.name) !=
                      check.datasets.end();
    if (used && dataset.digest) out["digests"][dataset.name] = digest_json(*dataset.digest);
  }
  return dumped(out);
}

}  // namespace jobward::verify
