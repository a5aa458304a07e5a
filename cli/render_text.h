// Runs and estimates in words, for people.
#pragma once

#include <string>
#include <vector>

#include "common/job_types.h"
#include "launcher/job_runner.h"
#include "profiles/run_record.h"

namespace jobward::cli {

// The one line at the end of a run: what happened, what it used against what was predicted, what to
// do next.
std::string end_line(const launcher::RunResult& result);

std::string estimate_table(const Estimate& estimate);

// A table, newest first. `alive[i]` tells whether run i's supervisor still lives.
std::string history_table(const std::vector<profiles::RunRecord>& runs,
                          const std::vector<bool>& alive);

std::string run_details(const profiles::RunRecord& run, bool alive);

// "2026-11-23 07:31:02" in local time.
std::string local_time(UnixMillis ms);

std::string label(Resource resource);  // "memory", "CPU time"
std::string quantity(Resource resource, double value);
// The limit's value for people: "8.00 GiB", "0-3,8", "100 MiB/s on /data".
std::string limit_value(Resource resource, const Limit& limit);
// With blanks up to a column's width.
std::string padded(std::string text, std::size_t width);
// At most `length` bytes of it, and an ellipsis.
std::string shortened(const std::string& text, std::size_t length);

}  // namespace jobward::cli
