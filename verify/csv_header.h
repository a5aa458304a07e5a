// The first record of a CSV file, read without the engine, which renames columns.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verify/contract.h"

namespace jobward::verify {

// Absent: the file cannot be read or unpacked, or its first record is not whole within 1 MiB.
std::optional<std::vector<std::string>> read_csv_header(const std::string& path,
                                                        const TextOptions& options);
// The same of the file's first bytes; `whole`: they are all of it.
std::optional<std::vector<std::string>> parse_csv_header(std::string_view text, bool whole,
                                                         const TextOptions& options);

}  // namespace jobward::verify
