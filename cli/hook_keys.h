// The keys of [hooks] and [models].
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/hooks/settings.h"
#include "cli/toml_reader.h"
#include "common/result.h"

namespace jobward::cli {

inline constexpr std::string_view kHooks = "hooks";
inline constexpr std::string_view kModels = "models";

// [hooks] heavy, light (globs), slow (duration), on_error ("pass" or "deny"); [models] order, and a
// list of globs by each tier's name. Absent: it is none of these keys.
std::optional<Status> read_hook_key(const TomlEntry& entry, hooks::HookSettings& out);
std::vector<std::string> hook_names();

// To be called when all of a file is read: every tier is in the order, and once.
Status settle_models(const hooks::ModelTiers& tiers, const std::string& file);

}  // namespace jobward::cli
