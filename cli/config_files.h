// Where the configuration lies.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "cli/config.h"

namespace jobward::cli {

using Environment = std::function<std::optional<std::string>(const char* name)>;

inline constexpr const char* kProjectFile = ".jobward.toml";

// The user's: JOBWARD_CONFIG, else /etc/jobward/config.toml for root, else $XDG_CONFIG_HOME or
// ~/.config below jobward/config.toml; no such file means the defaults (but JOBWARD_CONFIG must
// exist). Over it the project's, kProjectFile in `project`: where it is not trusted it is left out,
// and a warning says why. `project` empty: none.
Result<Configuration> load_config(uid_t uid, const Environment& environment,
                                  const std::string& project);

}  // namespace jobward::cli
