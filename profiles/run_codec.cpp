#include "profiles/run_codec.h"

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/text.h"
#include "profiles/finding_codec.h"

namespace jobward::profiles {
namespace {

using Json = nlohmann::json;

template <class T>
Json optional_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json limits_json(const Limits& limits, const Enforcements& enforcement) {
  Json out = Json::object();
  limits.for_each([&](Resource resource, const Limit& limit) {
    Json entry{{"value", limit.value}, {"source", limit.source}};
    if (!limit.detail.empty()) entry["detail"] = limit.detail;
    if (const auto* how = enforcement.find(resource)) entry["enforcement"] = to_string(*how);
    out[std::string(info(resource).name)] = std::move(entry);
  });
  return out;
}

std::optional<Enforcement> enforcement_from(const std::string& name) {
  for (const auto how : {Enforcement::kernel, Enforcement::polled, Enforcement::none})
    if (to_string(how) == name) return how;
  return std::nullopt;
}

void read_limits(const Json& json, RunRequest& request) {
  for (const auto& [name, entry] : json.items()) {
    const auto resource = resource_from(name);
    if (!resource) continue;  // a resource that a newer version knows
    request.limits.set(*resource,
                       {entry.at("value").get<double>(), entry.at("source").get<std::string>(),
                        LimitOrigin::automatic, entry.value("detail", std::string())});
    if (entry.contains("enforcement"))
      if (const auto how = enforcement_from(entry["enforcement"].get<std::string>()))
        request.enforcement.set(*resource, *how);
  }
}

Json estimate_json(const Estimate& estimate) {
  Json by = Json::object();
  estimate.by.for_each([&](Resource resource, const Quantiles& q) {
    by[std::string(info(resource).name)] = {q.p50, q.p95, q.p99};
  });
  Json out{{"by", std::move(by)},
           {"runs", estimate.runs},
           {"censored_runs", estimate.censored_runs},
           {"level", to_string(estimate.level)},
           {"reason", estimate.reason}};
  if (const auto& sizing = estimate.sizing) {
    out["sizing"] = {{"objective", to_string(sizing->objective)},
                     {"confidence", sizing->confidence},
                     {"attempts", sizing->attempts}};
    if (sizing->failure.curves > 0)
      out["sizing"]["failure"] = {{"share", sizing->failure.share},
                                  {"curves", sizing->failure.curves}};
  }
  return out;
}

Estimate read_estimate(const Json& json) {
  Estimate out;
  for (const auto& [name, q] : json.at("by").items())
    if (const auto resource = resource_from(name))
      out.by.set(*resource, {q.at(0).get<double>(), q.at(1).get<double>(), q.at(2).get<double>()});
  out.runs = json.at("runs").get<int>();
  out.censored_runs = json.at("censored_runs").get<int>();
  out.reason = json.at("reason").get<std::string>();
  if (const auto sizing = json.find("sizing"); sizing != json.end()) {
    out.sizing = MemorySizing{
        sizing->at("objective") == to_string(Objective::lean) ? Objective::lean : Objective::safe,
        sizing->at("confidence").get<double>(),
        sizing->at("attempts").get<std::vector<double>>(),
        {}};
    if (const auto failure = sizing->find("failure"); failure != sizing->end())
      out.sizing->failure = {failure->at("share").get<double>(), failure->at("curves").get<int>()};
  }
  const auto level = json.at("level").get<std::string>();
  for (const auto candidate : kLevels)
    if (to_string(candidate) == level) out.level = candidate;
  return out;
}

Json digests_json(const std::vector<FileDigest>& digests) {
  Json out = Json::array();
  for (const auto& digest : digests) {
    Json entry{{"role", digest.role},
               {"path", digest.path},
               {"bytes", digest.bytes},
               {"mtime_ms", digest.mtime_ms}};
    if (!digest.sha256.empty()) entry["sha256"] = digest.sha256;
    out.push_back(std::move(entry));
  }
  return out;
}

std::vector<FileDigest> read_digests(const Json& json) {
  std::vector<FileDigest> out;
  for (const auto& entry : json)
    out.push_back({entry.at("role").get<std::string>(), entry.at("path").get<std::string>(),
                   entry.at("bytes").get<std::uint64_t>(), entry.at("mtime_ms").get<std::int64_t>(),
                   entry.value("sha256", std::string())});
  return out;
}

Json where_json(const Whereabouts& where) {
  return {{"machine_id", where.machine_id},
          {"boot_id", where.boot_id},
          {"pid_namespace", where.pid_namespace},
          {"supervisor_pid", where.supervisor_pid},
          {"backend", where.backend},
          {"cgroup", where.cgroup},
          {"memory_cgroup", where.memory_cgroup}};
}

Whereabouts read_where(const Json& json) {
  return {json.at("machine_id").get<std::string>(),    json.at("boot_id").get<std::string>(),
          json.at("pid_namespace").get<std::string>(), json.at("supervisor_pid").get<int>(),
          json.at("backend").get<std::string>(),       json.at("cgroup").get<std::string>(),
          json.at("memory_cgroup").get<std::string>()};
}

Json observation_json(const Observation& observation) {
  Json used = Json::object();
  observation.used.for_each([&](Resource resource, const Observed& value) {
    used[std::string(info(resource).name)] = {
        {"value", value.value}, {"censored", value.censored}, {"ended_early", value.ended_early}};
  });
  return {{"features", observation.features}, {"used", std::move(used)}};
}

Observation read_observation(const Json& json) {
  Observation out;
  out.features = json.at("features").get<Features>();
  for (const auto& [name, value] : json.at("used").items())
    if (const auto resource = resource_from(name))
      out.used.set(*resource, {value.at("value").get<double>(), value.at("censored").get<bool>(),
                               value.value("ended_early", false)});
  return out;
}

Json usage_json(const Usage& usage) {
  Json out = Json::object();
  for (const auto& entry : kMetrics)
    if (const auto value = usage.get(entry.metric)) out[std::string(entry.name)] = *value;
  for (const auto& [name, text] : usage.basis)
    out[name] = text;
  return out;
}

Usage read_usage(const Json& json) {
  Usage out;
  for (const auto& [name, value] : json.items()) {
    if (value.is_string()) out.basis[name] = value.get<std::string>();
    for (const auto& entry : kMetrics)
      if (entry.name == name && value.is_number()) out.set(entry.metric, value.get<double>());
  }
  return out;
}

Json attempts_json(const std::vector<Attempt>& attempts) {
  Json out = Json::array();
  for (const auto& attempt : attempts)
    out.push_back({{"number", attempt.number},
                   {"memory_limit", optional_json(attempt.memory_limit)},
                   {"wall_limit", optional_json(attempt.wall_limit)},
                   {"outcome", to_string(attempt.outcome)},
                   {"cause", attempt.cause},
                   {"memory_peak", optional_json(attempt.memory_peak)},
                   {"wall", optional_json(attempt.wall)}});
  return out;
}

Json raises_json(const std::vector<Raise>& raises) {
  Json out = Json::array();
  for (const auto& raise : raises)
    out.push_back({raise.seconds, raise.from, raise.to});
  return out;
}

Json mark_json(const KillMark& mark) {
  return {{"time_ms", mark.time_ms},
          {"level", to_string(mark.level)},
          {"available", optional_json(mark.available)},
          {"threshold", optional_json(mark.threshold)},
          {"size", optional_json(mark.size)}};
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <class Read>
Status reading(const char* what, Read read) {
  try {
    read();
    return {};
  } catch (const Json::exception& broken) {  // the library's way to say "not what was expected"
    return error("read", what, broken.what());
  }
}

template <class T>
std::optional<T> optional_at(const Json& json, const char* key) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return std::nullopt;
  return it->get<T>();
}

std::vector<Attempt> read_attempts(const Json& json) {
  std::vector<Attempt> out;
  for (const auto& entry : json)
    out.push_back(
        {entry.at("number").get<int>(), optional_at<double>(entry, "memory_limit"),
         optional_at<double>(entry, "wall_limit"),
         outcome_from(entry.at("outcome").get<std::string>()).value_or(Outcome::supervisor_lost),
         entry.at("cause").get<std::string>(), optional_at<double>(entry, "memory_peak"),
         optional_at<double>(entry, "wall")});
  return out;
}

std::vector<Raise> read_raises(const Json& json) {
  std::vector<Raise> out;
  for (const auto& entry : json)
    out.push_back(
        {entry.at(0).get<double>(), entry.at(1).get<double>(), entry.at(2).get<double>()});
  return out;
}

KillMark read_mark(const Json& json) {
  const auto level = json.at("level").get<std::string>();
  return {json.at("time_ms").get<UnixMillis>(),
          level == to_string(KillLevel::kill) ? KillLevel::kill : KillLevel::term,
          optional_at<std::uint64_t>(json, "available"),
          optional_at<std::uint64_t>(json, "threshold"), optional_at<std::uint64_t>(json, "size")};
}

}  // namespace

std::string encode_request(const RunRequest& request) {
  Json reservation = Json::object();
  request.reservation.for_each([&](Resource resource, double value) {
    reservation[std::string(info(resource).name)] = value;
  });
  Json out({{"actor", {{"uid", request.actor.uid}, {"claims", request.actor.claims}}},
            {"parent_run", optional_json(request.parent_run)},
            {"step_key", optional_json(request.step_key)},
            {"attempt", request.attempt},
            {"features", request.features},
            {"limits", limits_json(request.limits, request.enforcement)},
            {"reservation", std::move(reservation)},
            {"estimate", estimate_json(request.estimate)},
            {"digests", digests_json(request.digests)},
            {"where", where_json(request.where)},
            {"lasts_seconds", optional_json(request.lasts_seconds)},
            {"request_digest", request.request_digest},
            {"kept_on_loss", request.kept_on_loss},
            {"survives_session", optional_json(request.survives_session)}});
  if (!request.kind.empty()) out["kind"] = request.kind;
  if (!request.policy.empty()) out["policy"] = request.policy;
  return dump(out);
}

Status decode_request(std::string_view text, RunRequest& request) {
  return reading("a run's request", [&] {
    const Json json = Json::parse(text);
    request.actor.uid = json.at("actor").at("uid").get<std::uint32_t>();
    request.actor.claims = json.at("actor").at("claims").get<std::map<std::string, std::string>>();
    request.parent_run = optional_at<std::string>(json, "parent_run");
    request.step_key = optional_at<std::string>(json, "step_key");
    request.attempt = json.at("attempt").get<int>();
    request.features = json.at("features").get<Features>();
    read_limits(json.at("limits"), request);
    for (const auto& [name, value] : json.at("reservation").items())
      if (const auto resource = resource_from(name))
        request.reservation.set(*resource, value.get<double>());
    request.estimate = read_estimate(json.at("estimate"));
    request.digests = read_digests(json.at("digests"));
    request.where = read_where(json.at("where"));
    // Later additions: runs of earlier versions are without.
    request.lasts_seconds = optional_at<double>(json, "lasts_seconds");
    request.request_digest = json.value("request_digest", std::string());
    request.policy = json.value("policy", std::string());
    request.kept_on_loss = json.value("kept_on_loss", false);
    request.survives_session = optional_at<bool>(json, "survives_session");
    request.kind = json.value("kind", std::string());
  });
}

std::string encode_ending(const RunEnding& ending) {
  Json out({{"outcome", to_string(ending.outcome)},
            {"cause", ending.cause},
            {"exit_code", optional_json(ending.exit_code)},
            {"exit_source", ending.exit_source},
            {"signal", optional_json(ending.signal)},
            {"usage", usage_json(ending.usage)},
            {"observation", observation_json(ending.observation)},
            {"attempts", attempts_json(ending.attempts)},
            {"raises", raises_json(ending.raises)},
            {"digests", digests_json(ending.digests)}});
  if (ending.watchdog) out["watchdog"] = mark_json(*ending.watchdog);
  if (!ending.findings.empty()) out["findings"] = findings_json(ending.findings);
  return dump(out);
}

Result<RunEnding> decode_ending(std::string_view text) {
  RunEnding out;
  auto read = reading("a run's ending", [&] {
    const Json json = Json::parse(text);
    const auto outcome = json.at("outcome").get<std::string>();
    out.outcome = outcome_from(outcome).value_or(Outcome::supervisor_lost);
    out.cause = json.at("cause").get<std::string>();
    out.exit_code = optional_at<int>(json, "exit_code");
    out.exit_source = json.at("exit_source").get<std::string>();
    out.signal = optional_at<int>(json, "signal");
    out.usage = read_usage(json.at("usage"));
    out.observation = read_observation(json.at("observation"));
    out.digests = read_digests(json.at("digests"));
    if (json.contains("attempts")) out.attempts = read_attempts(json["attempts"]);
    if (json.contains("raises")) out.raises = read_raises(json["raises"]);
    if (json.contains("watchdog")) out.watchdog = read_mark(json["watchdog"]);
    if (json.contains("findings")) out.findings = read_findings(json["findings"]);
  });
  if (!read) return tl::unexpected(std::move(read).error());
  return out;
}

bool was_asked_for(std::string_view source) {
  // launcher/limit_plan.cpp, launcher/job_runner.cpp; FILE:LINE of a policy as in cli/policy.h.
  for (const std::string_view own : {"estimate", "guess", "retry"})
    if (source == own) return false;
  return !source.empty() && source.find("/policy.toml:") == std::string_view::npos;
}

std::string encode_observation(const Observation& observation) {
  return dump(observation_json(observation));
}

std::string encode_curve(const std::vector<CurvePoint>& curve) {
  std::string bytes;
  for (const auto& point : curve)
    for (const auto value : {static_cast<float>(point.seconds), static_cast<float>(point.bytes)}) {
      char raw[sizeof value];
      std::memcpy(raw, &value, sizeof value);
      bytes.append(raw, sizeof raw);
    }
  return bytes;
}

Result<std::vector<CurvePoint>> decode_curve(std::string_view bytes) {
  constexpr std::size_t kPoint = 2 * sizeof(float);
  if (bytes.size() % kPoint != 0) return error("read", "a memory curve", "odd length");
  std::vector<CurvePoint> curve;
  for (std::size_t at = 0; at < bytes.size(); at += kPoint) {
    float seconds = 0;
    float value = 0;
    std::memcpy(&seconds, bytes.data() + at, sizeof seconds);
    std::memcpy(&value, bytes.data() + at + sizeof seconds, sizeof value);
    curve.push_back({seconds, value});
  }
  return curve;
}

std::string join_nul(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += '\0';
    out += words[i];
  }
  return out;
}

std::vector<std::string> split_nul(std::string_view bytes) {
  std::vector<std::string> out;
  for (const auto word : split(bytes, '\0'))
    out.emplace_back(word);
  return out;
}

}  // namespace jobward::profiles
