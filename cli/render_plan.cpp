#include "cli/render_plan.h"

#include <nlohmann/json.hpp>

#include "cli/render_json.h"
#include "cli/render_support.h"
#include "cli/render_text.h"
#include "common/exit_codes.h"
#include "common/text.h"
#include "common/units.h"
#include "launcher/classify.h"

namespace jobward::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string line(const std::string& name, const std::string& value) {
  return padded(name, 15) + value + "\n";
}

std::string estimate_line(const Estimate& estimate) {
  std::string text = printable(estimate.reason);
  const auto* memory = estimate.by.find(Resource::memory);
  if (memory != nullptr && estimate.level != Level::everything)
    text += ": memory " + format_bytes(memory->p50) + ", p99 " + format_bytes(memory->p99);
  const auto* wall = estimate.by.find(Resource::wall);
  if (wall != nullptr && estimate.level != Level::everything)
    text += ", wall time " + format_duration(wall->p50);
  return text;
}

std::string limit_line(const PlanView& view, Resource resource, const Limit& limit) {
  const auto* how = view.preview.request.enforcement.find(resource);
  const auto* support = view.choice.backend->support().find(resource);
  std::string source = printable(limit.source);
  const std::string& explanation = view.preview.plan.explanation;
  if (resource == Resource::memory && limit.origin == LimitOrigin::automatic &&
      !explanation.empty())
    source += ": " + explanation;
  std::string out = "  " + padded(label(resource), 13) + padded(limit_value(resource, limit), 22) +
                    padded(std::string(to_string(how == nullptr ? Enforcement::none : *how)), 8) +
                    source + "\n";
  const std::string gap = support == nullptr ? "" : gap_words(*support);
  return gap.empty() ? out : out + padded("", 15) + gap + "\n";
}

std::string limit_table(const PlanView& view) {
  const auto& plan = view.preview.plan;
  std::string out;
  if (!plan.limits.contains(Resource::memory))
    out += "  " + padded("memory", 13) + "none (" + plan.explanation + ")\n";
  plan.limits.for_each(
      [&](Resource resource, const Limit& limit) { out += limit_line(view, resource, limit); });
  return out;
}

std::string warning_words(const WarnSignal& warning) {
  const std::string name = launcher::signal_name(warning.number);
  if (!warning.memory_share)
    return name + ", " + format_duration(warning.seconds_before_wall.value_or(0)) +
           " before the wall limit";
  return name + ", at " + format_quantity(Unit::count, *warning.memory_share * 100) +
         " % of the memory limit";
}

std::string setting_lines(const JobSettings& settings) {
  std::string out = line("nice", settings.nice ? std::to_string(*settings.nice) : "inherited");
  out += line("OOM score", settings.oom_score_adj ? std::to_string(*settings.oom_score_adj)
                                                  : "raised above that of jobward");
  out += line("out of memory",
              settings.oom_kills_job ? "the whole job is ended" : "one process of it is ended");
  if (settings.elastic)
    out += line("at the limit", "given more while there is room" +
                                    (settings.elastic->cap_bytes
                                         ? ", up to " + format_bytes(*settings.elastic->cap_bytes)
                                         : std::string()));
  for (const auto& warning : settings.warnings)
    out += line("warning", warning_words(warning));
  return out;
}

Json settings_json(const JobSettings& settings) {
  Json out = Json::object();
  if (settings.nice) out["nice"] = *settings.nice;
  if (settings.oom_score_adj) out["oom_score"] = *settings.oom_score_adj;
  out["oom_kill"] = settings.oom_kills_job ? "job" : "process";
  if (settings.elastic) {
    out["elastic"] = Json::object();
    if (settings.elastic->cap_bytes)
      out["elastic"]["cap_bytes"] = static_cast<std::uint64_t>(*settings.elastic->cap_bytes);
  }
  Json warnings = Json::array();
  for (const auto& warning : settings.warnings) {
    Json entry{{"signal", warning.number}};
    if (warning.memory_share) entry["memory_share"] = *warning.memory_share;
    if (warning.seconds_before_wall) entry["wall_seconds_before"] = *warning.seconds_before_wall;
    warnings.push_back(std::move(entry));
  }
  out["warn_signals"] = std::move(warnings);
  return out;
}

// The gaps of the limits that this run has.
Json plan_gaps(const PlanView& view) {
  Json out = Json::object();
  const Json all = gaps_json(view.choice.backend->support());
  view.preview.plan.limits.for_each([&](Resource resource, const Limit&) {
    const std::string name(info(resource).name);
    if (all.contains(name)) out[name] = all.at(name);
  });
  return out;
}

std::vector<std::string> all_remarks(const PlanView& view) {
  auto remarks = view.preview.remarks;
  remarks.insert(remarks.end(), view.remarks.begin(), view.remarks.end());
  return remarks;
}

Json empty_plan() {
  return Json{{"schema_version", kSchemaVersion}, {"dry_run", true}, {"started", false}};
}

}  // namespace

std::optional<std::string> obstacle(const PlanView& view) {
  const auto& preview = view.preview;
  if (preview.plan.refusal) return preview.plan.refusal;
  if (preview.obstacle) return preview.obstacle;
  if (view.gate.verdict == launcher::Verdict::fits) return std::nullopt;
  return (view.gate.verdict == launcher::Verdict::wait ? "not now, it would have to wait: " : "") +
         view.gate.reason;
}

int dry_run_status(const PlanView& view) {
  if (view.preview.plan.refusal) return exit_code::kRefused;
  if (view.preview.obstacle) return exit_code::kLauncherFailed;
  if (view.gate.verdict == launcher::Verdict::wait) return exit_code::kNotAdmitted;
  return view.gate.verdict == launcher::Verdict::refuse ? exit_code::kRefused : 0;
}

std::string plan_text(const PlanView& view) {
  const auto& request = view.preview.request;
  const auto& backend = *view.choice.backend;
  std::string out = line("command", shell_quoted(request.argv));
  out += line("directory", printable(request.cwd));
  out += line("backend", std::string(backend.name()) + ": " + printable(view.choice.reason));
  if (!backend.parent().empty()) out += line("parent", printable(backend.parent()));
  out += line("estimate", estimate_line(request.estimate));
  out += "limits\n" + limit_table(view);
  out += setting_lines(view.order.settings);
  out += line("aggregate cap", aggregate_words(view.config.settings.aggregate));
  out += line("policy", policy_words(view.policy, ""));
  out += line("configuration", list_words(view.config.files));
  for (const auto& remark : all_remarks(view))
    out += line("note", printable(remark));
  const auto why_not = obstacle(view);
  return out + line("would start", why_not ? "no: " + printable(*why_not) : "yes");
}

Json plan_json(const PlanView& view) {
  const auto& request = view.preview.request;
  Json out = empty_plan();
  out["command"] = request.argv;
  out["cwd"] = request.cwd;
  out["project"] = request.project;
  out["backend"] = view.choice.backend->name();
  out["backend_reason"] = view.choice.reason;
  if (const auto parent = view.choice.backend->parent(); !parent.empty()) out["parent"] = parent;
  out["limits"] = limits_json(view.preview.plan.limits);
  out["explanation"] = view.preview.plan.explanation;
  out["enforcement"] = enforcement_json(request);
  out["gaps"] = plan_gaps(view);
  out["settings"] = settings_json(view.order.settings);
  out["estimate"] = to_json(request.estimate);
  out["aggregate_cap"] = aggregate_json(view.config.settings.aggregate);
  out["policy"] = policy_json(view.policy, "");
  out["configuration"] = view.config.files;
  out["remarks"] = all_remarks(view);
  if (const auto why_not = obstacle(view)) out["obstacle"] = *why_not;
  return out;
}

Json plan_json(const std::string& obstacle) {
  Json out = empty_plan();
  out["obstacle"] = obstacle;
  return out;
}

}  // namespace jobward::cli
