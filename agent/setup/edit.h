// A settings file with ours in it, or without; everything else stays as it is.
#pragma once

#include <string>
#include <string_view>

#include "agent/setup/places.h"
#include "common/result.h"

namespace jobward::setup {

// `text`: of the file; empty: there is none yet. The same text comes back where nothing has to be
// changed. An error: the file is not what it should be, and is left alone.
Result<std::string> with_ours(std::string_view text, const Registration& wanted, Agent agent);
Result<std::string> without_ours(std::string_view text, const Registration& wanted, Agent agent);

// Those of Kind::codex_toml.
Result<std::string> toml_with_ours(std::string_view text, const Registration& wanted);
Result<std::string> toml_without_ours(std::string_view text, const Registration& wanted);

}  // namespace jobward::setup
