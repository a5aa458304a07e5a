// What configuration and policy make of the values in a TOML file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/limit_options.h"
#include "common/result.h"
#include "common/toml.h"

namespace jobward::cli {

// In the order of the lines. What is no TOML is an error with file and line.
Result<std::vector<TomlEntry>> read_toml(std::string_view text, const std::string& file);

// The value as a flag would have it. A bare number is taken only as far as `bare` allows.
Result<std::string> text_value(const TomlEntry& entry, BareNumber bare, std::string_view example);
Result<bool> bool_value(const TomlEntry& entry);
// A string, or an array of them.
Result<std::vector<std::string>> list_value(const TomlEntry& entry, std::string_view example);
// A share: 0.5 or "50%".
Result<double> share_value(const TomlEntry& entry);

// "cannot read configuration FILE:LINE: WHAT"
tl::unexpected<Error> config_error(const std::string& where, const std::string& what);
// The same for a value: "... : KEY: cannot ..."
tl::unexpected<Error> value_error(const TomlEntry& entry, const Error& reason);
tl::unexpected<Error> unknown_key(const TomlEntry& entry, const std::vector<std::string>& known);

}  // namespace jobward::cli
