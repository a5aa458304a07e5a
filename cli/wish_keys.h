// The keys of a [defaults] or [presets.NAME] section.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/toml_reader.h"
#include "cli/wishes.h"

namespace jobward::cli {

const std::vector<std::string>& wish_keys();

// Reads one key of them. `source` is what a limit will say of where it came from; `insist`: see
// AskedWarning.
Status read_wish(const TomlEntry& entry, const std::string& key, const std::string& source,
                 bool insist, WishLayer& layer);

}  // namespace jobward::cli
