// The configuration: what a user and a project change of the defaults, and named presets.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/hooks/settings.h"
#include "cli/toml_reader.h"
#include "cli/wishes.h"
#include "common/result.h"
#include "launcher/limit_plan.h"

namespace jobward::cli {

struct Preset {
  WishLayer wishes;
  std::string where;  // FILE:LINE
};

// All layers of it in one: what was read later counts more.
struct Configuration {
  launcher::LimitSettings settings;
  WishLayer defaults;
  std::map<std::string, Preset> presets;
  hooks::HookSettings hooks;
  std::vector<std::string> files;     // those that were read
  std::vector<std::string> warnings;  // those that were not, and why
};

// What a file's text makes of the configuration below it. Sections: [memory] guess_share, margin
// (shares), minimum (size); [time] grace (duration); [aggregate] memory (share, size or "none");
// [admission], [logs], [runs]; [blocks] (block_keys.h); [hooks], [models] (hook_keys.h);
// [defaults] and [presets.NAME] with the keys of wish_keys(). An unknown key, a wrong type or a bad
// value is an error with file, line and, for a key, the nearest known one.
Result<Configuration> parse_config(std::string_view text, const std::string& file,
                                   Configuration below = {});

// "90%", 0.9, "48G"; "none" is absent.
Result<std::optional<launcher::AggregateCap>> aggregate_value(const TomlEntry& entry);

// The preset of that name; an error that names the nearest, and where they all are defined.
Result<WishLayer> find_preset(const Configuration& config, const std::string& name);

}  // namespace jobward::cli
