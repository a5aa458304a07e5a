// Digests of the files that a run was given or made.
#pragma once

#include <optional>
#include <string>

#include "profiles/run_record.h"

namespace jobward::profiles {

// Content is read up to this size; of a larger file the size and time are recorded, and no digest:
// reading 64 MiB takes about 0.3 s, and a record must not cost more than the job.
inline constexpr std::uint64_t kDigestLimit = 64U << 20U;

// Absent if there is no such regular file.
std::optional<FileDigest> digest_file(const std::string& role, const std::string& path);

}  // namespace jobward::profiles
