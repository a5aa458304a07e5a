#include "cli/hook_keys.h"

#include <algorithm>

#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

// Of all files together: what one names, another does not take away.
Status add_globs(const TomlEntry& entry, std::vector<std::string>& out) {
  auto globs = list_value(entry, "make *");
  if (!globs) return tl::unexpected(std::move(globs).error());
  for (auto& glob : *globs) {
    if (trim(glob).empty()) return error("use", "an empty pattern", "it would match nothing");
    if (std::find(out.begin(), out.end(), glob) == out.end()) out.push_back(std::move(glob));
  }
  return {};
}

Status set_slow(const TomlEntry& entry, hooks::HookSettings& out) {
  auto seconds = text_value(entry, BareNumber::no, "60s").and_then(parse_duration_seconds);
  if (!seconds) return tl::unexpected(std::move(seconds).error());
  out.slow_seconds = *seconds;
  return {};
}

Status set_on_error(const TomlEntry& entry, hooks::HookSettings& out) {
  const auto* text = std::get_if<std::string>(&entry.value);
  if (text == nullptr || (*text != "pass" && *text != "deny"))
    return error("use", "this value", "there are \"pass\" and \"deny\"");
  out.deny_on_error = *text == "deny";
  return {};
}

Status set_tiers(const TomlEntry& entry, hooks::ModelTiers& out) {
  auto words = list_value(entry, "small");
  if (!words) return tl::unexpected(std::move(words).error());
  if (entry.path[1] == "order")
    out.order = std::move(*words);
  else
    out.models[entry.path[1]] = std::move(*words);
  return {};
}

}  // namespace

std::optional<Status> read_hook_key(const TomlEntry& entry, hooks::HookSettings& out) {
  const auto& path = entry.path;
  if (path.size() != 2) return std::nullopt;
  if (path[0] == kModels) return set_tiers(entry, out.tiers);
  if (path[0] != kHooks) return std::nullopt;
  if (path[1] == "heavy") return add_globs(entry, out.patterns.heavy);
  if (path[1] == "light") return add_globs(entry, out.patterns.light);
  if (path[1] == "slow") return set_slow(entry, out);
  if (path[1] == "on_error") return set_on_error(entry, out);
  return std::nullopt;
}

std::vector<std::string> hook_names() {
  return {"hooks.heavy", "hooks.light", "hooks.slow", "hooks.on_error", "models.order"};
}

Status settle_models(const hooks::ModelTiers& tiers, const std::string& file) {
  for (std::size_t i = 0; i < tiers.order.size(); ++i)
    if (std::find(tiers.order.begin(), tiers.order.begin() + static_cast<std::ptrdiff_t>(i),
                  tiers.order[i]) != tiers.order.begin() + static_cast<std::ptrdiff_t>(i))
      return config_error(printable(file),
                          "[models] order names " + printable(tiers.order[i]) + " twice");
  for (const auto& [tier, globs] : tiers.models)
    if (!tiers.place(tier))
      return config_error(printable(file), "[models] " + printable(tier) +
                                               " is not in its order: add it there, the weakest "
                                               "first");
  return {};
}

}  // namespace jobward::cli
