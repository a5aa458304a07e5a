// The texts of single sacct fields as values (sacct(1), JOB ACCOUNTING FIELDS). Private to traces/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "traces/observed.h"

namespace jobward::traces {

// "[DD-[HH:]]MM:SS[.mmm]"
std::optional<double> slurm_duration(std::string_view text);

// "2024-01-02T03:04:05", or seconds since 1970 (SLURM_TIME_FORMAT=%s).
std::optional<UnixMillis> slurm_time(std::string_view text);

// From 0 to a hundred million.
std::optional<double> slurm_count(std::string_view text);

// "4000Mc", "16Gn", "16G".
struct MemoryRequest {
  enum class Per { job, node, cpu };
  double bytes = 0;
  Per per = Per::job;
};
std::optional<MemoryRequest> slurm_memory_request(std::string_view text);

// What a job's state says of its run. "CANCELLED by 1000" is CANCELLED.
struct SlurmState {
  std::string_view name;
  std::optional<Ending> ending;  // absent: no run that says anything, because of `why`
  std::string_view why;
};
const SlurmState* slurm_state(std::string_view text);  // null: no state of Slurm's

// The job's own words of a SubmitLine, "sbatch OPTIONS script args": Slurm joins it with blanks, so
// that it is split at them. Empty where an option is not known, which may or may not have a value.
std::vector<std::string> submitted_command(std::string_view submit_line);

}  // namespace jobward::traces
