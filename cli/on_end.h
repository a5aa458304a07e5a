// Telling somebody that a run has ended.
#pragma once

#include <string>
#include <vector>

#include "launcher/job_runner.h"

namespace jobward::cli {

// Words of a command as a shell would split them: quotes and backslashes, nothing else; an error
// for a quote that is not closed.
Result<std::vector<std::string>> split_words(const std::string& text);

// Runs the command, bounded to kOnEndSeconds, with JOBWARD_RUN_ID, JOBWARD_OUTCOME,
// JOBWARD_EXIT_CODE and JOBWARD_CAUSE in its environment. What went wrong, in words; empty:
// nothing.
std::string run_on_end(const std::vector<std::string>& command, const launcher::RunResult& result);
inline constexpr int kOnEndSeconds = 30;

}  // namespace jobward::cli
