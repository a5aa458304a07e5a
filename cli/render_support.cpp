#include "cli/render_support.h"

#include <nlohmann/json.hpp>

#include "cli/render_text.h"
#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

using Json = nlohmann::ordered_json;

host::LimitSupport support_of(const host::Support& support, Resource resource) {
  const auto* found = support.find(resource);
  return found == nullptr ? host::LimitSupport() : *found;
}

std::string name_of(Resource resource) { return std::string(info(resource).name); }

}  // namespace

std::string gap_words(const host::LimitSupport& support) {
  if (support.how == Enforcement::kernel) return "";
  std::string text = printable(support.why);
  if (!support.mend.empty())
    text += (text.empty() ? "mend it with `" : "; mend it with `") + printable(support.mend) + "`";
  return text;
}

std::string support_table(const host::Support& support) {
  std::string out;
  for (const auto resource : host::kLimitable) {
    const auto held = support_of(support, resource);
    const std::string gap = gap_words(held);
    const std::string how(to_string(held.how));
    out += "  " + padded(label(resource), 13) + (gap.empty() ? how : padded(how, 9) + gap) + "\n";
  }
  return out;
}

Json enforcement_json(const host::Support& support) {
  Json out = Json::object();
  for (const auto resource : host::kLimitable)
    out[name_of(resource)] = to_string(support_of(support, resource).how);
  return out;
}

Json gaps_json(const host::Support& support) {
  Json out = Json::object();
  for (const auto resource : host::kLimitable) {
    const auto held = support_of(support, resource);
    if (held.how == Enforcement::kernel) continue;
    Json gap{{"why", held.why}};
    if (!held.mend.empty()) gap["mend"] = held.mend;
    out[name_of(resource)] = std::move(gap);
  }
  return out;
}

std::string aggregate_words(const Aggregate& aggregate) {
  if (!aggregate) return "none";
  const std::string amount =
      aggregate->bytes ? format_bytes(*aggregate->bytes)
                       : format_quantity(Unit::count, aggregate->share * 100) + " % of the memory";
  return amount + " for all jobs together (" + aggregate->source + ")";
}

Json aggregate_json(const Aggregate& aggregate) {
  Json out = Json::object();
  if (!aggregate) return out;
  if (aggregate->bytes)
    out["memory_bytes"] = static_cast<std::int64_t>(*aggregate->bytes);
  else
    out["memory_share"] = aggregate->share;
  out["source"] = aggregate->source;
  return out;
}

std::string list_words(const std::vector<std::string>& entries) {
  std::string text;
  for (const auto& entry : entries)
    text += (text.empty() ? "" : ", ") + printable(entry);
  return text.empty() ? "none" : text;
}

std::string policy_words(const LoadedPolicy& policy, const std::string& problem) {
  if (!problem.empty()) return "nothing can be started: " + printable(problem);
  std::string text = policy.file.empty() ? "none" : printable(policy.file);
  if (policy.from_project) text += " (the project's: tamper-evident only)";
  if (!policy.warning.empty()) text += "; " + printable(policy.warning);
  return text;
}

Json policy_json(const LoadedPolicy& policy, const std::string& problem) {
  Json out = Json::object();
  if (!policy.file.empty()) out["file"] = policy.file;
  if (policy.from_project) out["tamper_evident_only"] = true;
  if (!policy.warning.empty()) out["warning"] = policy.warning;
  if (!problem.empty()) out["problem"] = problem;
  return out;
}

}  // namespace jobward::cli
