// The keys of [blocks], which a configuration and the system's policy share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/toml_reader.h"
#include "launcher/limit_plan.h"

namespace jobward::cli {

inline constexpr const char* kBlocks = "blocks";

// "blocks.mem", ...
std::vector<std::string> block_names();

// Takes an entry of [blocks]; of two blocks of one thing the tighter stays. Absent: there is no
// such key.
std::optional<Status> read_block(const TomlEntry& entry, LimitOrigin origin, launcher::Blocks& out);

}  // namespace jobward::cli
