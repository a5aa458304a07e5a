// The extended attribute by which watchdogs and other users' gates know a job without the database.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace jobward::host {

inline constexpr const char* kJobAttributeName = "user.jobward";

// Text form: "key=value" lines, so that a watchdog needs no JSON. A number that is not known is
// absent.
struct JobAttribute {
  std::string run_id;
  int supervisor_pid = 0;
  std::string boot_id;
  std::uint32_t owner_uid = 0;
  std::optional<std::uint64_t> memory_p99_bytes;
  std::optional<std::uint64_t> memory_limit_bytes;
};

std::string encode(const JobAttribute& attribute);
// Unknown keys are passed over (a newer version may add some); a missing or broken known one is an
// error.
Result<JobAttribute> decode_job_attribute(std::string_view text);

Status write_job_attribute(int directory, const std::string& path, const JobAttribute& attribute);
// Absent where there is none. Believe it only if the directory's owner is root or the uid of the
// processes in it: that check is the reader's, it knows the processes.
Result<std::optional<JobAttribute>> read_job_attribute(const std::string& directory);

}  // namespace jobward::host
