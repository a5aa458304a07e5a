#include "cli/render_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace jobward::cli {
namespace {

using Json = nlohmann::ordered_json;

// Whole numbers without a fraction: 104857600, not 104857600.0.
Json number(double value) {
  if (value == std::floor(value) && std::abs(value) < 9e15) return static_cast<std::int64_t>(value);
  return value;
}

Json usage_json(const Usage& usage) {
  Json out = Json::object();
  for (const auto& entry : kMetrics)
    if (const auto value = usage.get(entry.metric)) out[std::string(entry.name)] = number(*value);
  for (const auto& [name, text] : usage.basis)
    out[name] = text;
  return out;
}

Json digests_json(const profiles::RunRequest& request, const profiles::RunEnding* ending) {
  Json out = Json::array();
  const auto add = [&](const std::vector<profiles::FileDigest>& digests) {
    for (const auto& digest : digests) {
      Json entry{{"role", digest.role},
                 {"path", digest.path},
                 {"size_bytes", digest.bytes},
                 {"mtime_ms", digest.mtime_ms}};
      if (!digest.sha256.empty()) entry["sha256"] = digest.sha256;
      out.push_back(std::move(entry));
    }
  };
  add(request.digests);
  if (ending != nullptr) add(ending->digests);
  return out;
}

Json attempts_json(const std::vector<profiles::Attempt>& attempts) {
  Json out = Json::array();
  for (const auto& attempt : attempts) {
    Json entry{{"attempt", attempt.number},
               {"outcome", to_string(attempt.outcome)},
               {"cause", attempt.cause}};
    entry["limits"] = Json::object();
    if (attempt.memory_limit) entry["limits"]["memory_bytes"] = number(*attempt.memory_limit);
    if (attempt.wall_limit) entry["limits"]["wall_seconds"] = number(*attempt.wall_limit);
    if (attempt.memory_peak) entry["memory_peak_bytes"] = number(*attempt.memory_peak);
    if (attempt.wall) entry["wall_seconds"] = number(*attempt.wall);
    out.push_back(std::move(entry));
  }
  return out;
}

Json raises_json(const std::vector<profiles::Raise>& raises) {
  Json out = Json::array();
  for (const auto& raise : raises)
    out.push_back({{"seconds", raise.seconds},
                   {"from_bytes", number(raise.from)},
                   {"to_bytes", number(raise.to)}});
  return out;
}

Json mark_json(const KillMark& mark) {
  Json out{{"time_ms", mark.time_ms}, {"level", to_string(mark.level)}};
  if (mark.available) out["available_bytes"] = *mark.available;
  if (mark.threshold) out["threshold_bytes"] = *mark.threshold;
  if (mark.size) out["size_bytes"] = *mark.size;
  if (mark.spared) out["spared"] = true;
  return out;
}

void put_ending(Json& out, const profiles::RunEnding& ending) {
  out["outcome"] = to_string(ending.outcome);
  out["cause"] = ending.cause;
  if (ending.exit_code) out["exit_code"] = *ending.exit_code;
  out["exit_source"] = ending.exit_source;
  if (ending.signal) out["signal"] = *ending.signal;
  out["usage"] = usage_json(ending.usage);
  Json curve = Json::array();
  for (const auto& point : ending.curve)
    curve.push_back({point.seconds, number(point.bytes)});
  if (!curve.empty()) out["memory_curve_seconds_bytes"] = std::move(curve);
  out["attempts"] = attempts_json(ending.attempts);
  if (!ending.raises.empty()) out["raises"] = raises_json(ending.raises);
  if (ending.watchdog) out["watchdog"] = mark_json(*ending.watchdog);
}

void put_request(Json& out, const profiles::RunRequest& request, const profiles::Timestamps& at) {
  if (!request.name.empty()) out["name"] = request.name;
  if (!request.kind.empty()) out["kind"] = request.kind;
  const auto put_text = [&](const char* key, const std::string& text) {
    if (!text.empty()) out[key] = text;
  };
  if (!request.argv.empty()) out["command"] = request.argv;
  put_text("cwd", request.cwd);
  put_text("program", request.program);
  put_text("project", request.project);
  Json claims = Json::object();
  for (const auto& [key, value] : request.actor.claims)
    claims[key] = {{"value", value}, {"trust", "claimed"}};
  out["actor"] = {{"uid", {{"value", request.actor.uid}, {"trust", "verified"}}},
                  {"claims", std::move(claims)}};
  if (request.parent_run) out["parent_run"] = *request.parent_run;
  if (request.step_key) out["step_key"] = *request.step_key;
  if (!request.fingerprint.exact.empty())
    out["fingerprint"] = {{"exact", request.fingerprint.exact},
                          {"masked", request.fingerprint.masked},
                          {"program", request.fingerprint.program}};
  out["features"] = request.features;
  out["limits"] = limits_json(request.limits);
  out["enforcement"] = enforcement_json(request);
  out["estimate"] = to_json(request.estimate);
  put_text("backend", request.where.backend);
  if (!request.policy.empty()) out["policy"] = request.policy;
  if (request.survives_session) out["detached_survives_session"] = *request.survives_session;
  Json times{{"created", at.created}};
  if (at.admitted) times["admitted"] = *at.admitted;
  if (at.spawned) times["spawned"] = *at.spawned;
  if (at.ended) times["ended"] = *at.ended;
  out["timestamps_ms"] = std::move(times);
}

Json header(const std::string& run, bool started) {
  Json out{{"schema_version", kSchemaVersion}};
  if (!run.empty()) out["run"] = run;
  out["started"] = started;
  return out;
}

}  // namespace

nlohmann::ordered_json findings_json(const std::vector<Finding>& findings) {
  Json out = Json::array();
  for (const auto& finding : findings) {
    Json entry{{"source", finding.source},
               {"check", finding.check},
               {"primitive", finding.primitive},
               {"severity", to_string(finding.declared)},
               {"severity_effective", to_string(finding.effective)},
               {"passed", finding.passed},
               {"message", finding.message}};
    // Ours, and so valid; a record that was meddled with must not break the rest.
    if (auto details = Json::parse(finding.details, nullptr, false); details.is_object())
      entry["details"] = std::move(details);
    out.push_back(std::move(entry));
  }
  return out;
}

Result<std::vector<Finding>> findings_from_json(const Json& json) {
  std::vector<Finding> out;
  try {
    for (const auto& one : json) {
      const auto severity = [&](const char* key) {
        return parse_severity(one.at(key).get<std::string>()).value_or(Severity::hard_fail);
      };
      const auto details = one.find("details");
      out.push_back({one.at("source"), one.at("check"), one.at("primitive"), severity("severity"),
                     severity("severity_effective"), one.at("passed"), one.at("message"),
                     details == one.end() ? std::string() : dump(*details, false)});
    }
  } catch (const Json::exception& problem) {
    return error("read", "findings", problem.what());
  }
  return out;
}

std::string state_name(const profiles::RunRecord& run, bool alive) {
  if (!alive) return "supervisor_gone";
  return run.state == profiles::RunState::queued ? "queued" : "running";
}

std::string unit_name(Resource resource) {
  const std::string name(info(resource).name);
  const Unit unit = info(resource).unit;
  return unit == Unit::weight ? name : name + "_" + std::string(to_string(unit));
}

Json limits_json(const Limits& limits) {
  Json out = Json::object();
  Json sources = Json::object();
  limits.for_each([&](Resource resource, const Limit& limit) {
    const std::string name(info(resource).name);
    if (resource == Resource::cpuset)
      out[name] = limit.detail;
    else
      out[unit_name(resource)] = number(limit.value);
    const bool device = !limit.detail.empty();
    if (device && resource == Resource::io_read_rate) out["io_read_device"] = limit.detail;
    if (device && resource == Resource::io_write_rate) out["io_write_device"] = limit.detail;
    sources[name] = limit.source;
  });
  if (!sources.empty()) out["sources"] = std::move(sources);
  return out;
}

Json enforcement_json(const profiles::RunRequest& request) {
  Json out = Json::object();
  out["memory"] = to_string(Enforcement::none);
  request.limits.for_each([&](Resource resource, const Limit&) {
    const auto* how = request.enforcement.find(resource);
    out[std::string(info(resource).name)] = to_string(how == nullptr ? Enforcement::none : *how);
  });
  return out;
}

Json to_json(const Estimate& estimate) {
  Json out = Json::object();
  estimate.by.for_each([&](Resource resource, const Quantiles& q) {
    out[unit_name(resource)] = {
        {"p50", number(q.p50)}, {"p95", number(q.p95)}, {"p99", number(q.p99)}};
  });
  if (const auto& sizing = estimate.sizing) {
    auto& memory = out["memory_sizing"];
    memory["objective"] = to_string(sizing->objective);
    if (sizing->objective == Objective::safe) memory["confidence"] = sizing->confidence;
    for (const double attempt : sizing->attempts)
      memory["attempts_bytes"].push_back(number(attempt));
    if (sizing->failure.curves > 0) {
      memory["failure_share"] = sizing->failure.share;
      memory["failure_curves"] = sizing->failure.curves;
    }
  }
  out["runs"] = estimate.runs;
  out["censored_runs"] = estimate.censored_runs;
  out["level"] = to_string(estimate.level);
  out["reason"] = estimate.reason;
  return out;
}

Json to_json(const launcher::RunResult& result) {
  if (result.earlier) {
    Json out = to_json(*result.earlier, false);
    out["attached"] = true;
    out["problems"] = result.problems;
    return out;
  }
  Json out = header(result.request.id, result.started);
  put_ending(out, result.ending);
  put_request(out, result.request, result.at);
  out["digests"] = digests_json(result.request, &result.ending);
  out["findings"] = findings_json(result.ending.findings);
  out["recorded"] = result.recorded;
  auto problems = result.remarks;
  problems.insert(problems.end(), result.problems.begin(), result.problems.end());
  out["problems"] = problems;
  return out;
}

Json to_json(const profiles::RunRecord& record, bool alive) {
  const bool ended = record.ending.has_value();
  Json out = header(record.request.id, true);
  if (ended) {
    out["started"] = record.at.spawned.has_value();
  } else if (record.state == profiles::RunState::queued) {
    out["started"] = false;
  } else if (!alive) {
    out.erase("started");  // its supervisor is gone: not known
  }
  out["state"] = ended ? "ended" : state_name(record, alive);
  if (ended) put_ending(out, *record.ending);
  put_request(out, record.request, record.at);
  out["digests"] = digests_json(record.request, ended ? &*record.ending : nullptr);
  out["findings"] = ended ? findings_json(record.ending->findings) : Json::array();
  out["recorded"] = true;
  return out;
}

std::string dump(const Json& json, bool indented) {
  const std::string raw = json.dump(indented ? 2 : -1, ' ', false, Json::error_handler_t::replace);
  // DEL and the C1 controls (U+0080..U+009F) are legal in JSON, but a terminal obeys them.
  static constexpr const char* kHex = "0123456789abcdef";
  std::string out;
  out.reserve(raw.size() + 1);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const auto byte = static_cast<unsigned char>(raw[i]);
    const auto next = i + 1 < raw.size() ? static_cast<unsigned char>(raw[i + 1]) : 0U;
    const bool c1 = byte == 0xC2 && next >= 0x80 && next < 0xA0;
    if (c1 || byte == 0x7F) {
      const unsigned code = c1 ? next : byte;
      out += std::string("\\u00") + kHex[code >> 4U] + kHex[code & 15U];
      if (c1) ++i;
    } else {
      out += raw[i];
    }
  }
  return out + "\n";
}

}  // namespace jobward::cli
