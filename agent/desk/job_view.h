// A run as an agent is told of it: short, with one sentence to act on.
#pragma once

#include <optional>
#include <string>

#include "agent/mcp/fields.h"
#include "agent/mcp/tasks.h"
#include "cli/run_reference.h"
#include "profiles/run_record.h"

namespace jobward::desk {

// What job_view() gives.
mcp::Fields job_fields();

// `suggested_memory`: bytes that its next run should have, where it is known that this one had too
// little.
mcp::Json job_view(const cli::RunDesk& desk, const profiles::RunRecord& run,
                   std::optional<double> suggested_memory = std::nullopt);

// A run with its view. Both are of one reading: the record, read again, may have ended meanwhile.
struct ToldRun {
  profiles::RunRecord record;
  mcp::Json view;
};
// One of a list. Where nobody supervises it any more its record is read again: it may have ended
// since.
ToldRun told_in_list(const cli::RunDesk& desk, const profiles::RunRecord& record);

// Did it end at a limit of memory, its own?
bool needs_more_memory(const profiles::RunRecord& run);

// The end of what it wrote, at most `bytes` of it in whole lines, valid UTF-8; empty: nothing, or
// its output went elsewhere. `stream`: "stdout" or "stderr".
std::string output_tail(const cli::RunDesk& desk, const std::string& run, const char* stream,
                        std::size_t bytes);

// The run as a task; `view`: of it, as job_view() or told_job() give it.
mcp::Task task_of(const profiles::RunRecord& run, mcp::Json view);

// Whole bytes; seconds to a tenth: a number in a view.
mcp::Json whole(double value);
mcp::Json tenths(double value);

std::string short_command(const profiles::RunRequest& request);

}  // namespace jobward::desk
