// The configuration file: defaults that a user may change.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "launcher/limit_plan.h"

namespace jobward::cli {

// [memory] guess_share, margin (shares), minimum (size); [time] grace (duration). An unknown key, a
// wrong type or a bad value is an error with file, line and, for a key, the nearest known one.
Result<launcher::LimitSettings> parse_config(std::string_view text, const std::string& file);

// JOBWARD_CONFIG, else /etc/jobward/config.toml for root, else $XDG_CONFIG_HOME or ~/.config below
// jobward/config.toml. No such file: the defaults (but JOBWARD_CONFIG must exist).
Result<launcher::LimitSettings> load_config(
    unsigned uid, const std::function<std::optional<std::string>(const char*)>& environment);

}  // namespace jobward::cli
