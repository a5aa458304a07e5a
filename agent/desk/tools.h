// The tools of the MCP server.
#pragma once

#include <vector>

#include "agent/desk/desk.h"
#include "agent/desk/job_view.h"
#include "agent/mcp/tasks.h"
#include "agent/mcp/tool.h"
#include "profiles/run_record.h"

namespace jobward::desk {

// All of them. They work with `desk`, which outlives them.
std::vector<mcp::Tool> make_tools(Desk& desk);

// By what they are about; each file has a table.
std::vector<mcp::Tool> tools_before_a_job(Desk& desk);
std::vector<mcp::Tool> tools_about_jobs(Desk& desk);
std::vector<mcp::Tool> tools_that_check(Desk& desk);

// Runs as tasks.
std::unique_ptr<mcp::TaskSource> make_task_source(Desk& desk);

// ---- For the tables

using Handler = std::function<void(const std::shared_ptr<mcp::Call>&)>;

// One that answers at once.
Handler at_once(std::function<Result<mcp::Json>(const mcp::Call& call)> work);

// Values of arguments, which fit their table already; absent or empty: not given.
std::string text_of(const mcp::Json& arguments, const char* name);
std::optional<double> number_of(const mcp::Json& arguments, const char* name);
bool flag_of(const mcp::Json& arguments, const char* name);
std::vector<std::string> texts_of(const mcp::Json& arguments, const char* name);
// argv; a text becomes a shell's.
std::vector<std::string> command_of(const mcp::Json& arguments);

// What a job should have next time, bytes: what a new estimate would give it, and more than it had.
// Absent: nothing more can be given here.
std::optional<double> suggested_memory(Desk& desk, const profiles::RunRecord& run);

// A run with all that helps: the suggestion, the end of its output.
Result<ToldRun> told_run(Desk& desk, const std::string& reference);
// Its view alone.
Result<mcp::Json> told_job(Desk& desk, const std::string& reference);

// Stops a run, then tells how it ended.
void stop_run(Desk& desk, const std::string& reference, const mcp::Client& client,
              const std::function<void(mcp::ToolAnswer)>& then);

// The same for nobody: also where the server ends meanwhile.
void stop_with_client(Desk& desk, const std::string& run, const mcp::Client& client);

inline constexpr double kDefaultWaitSeconds = 45;  // clients give up after 60 s by default
inline constexpr double kLongestWaitSeconds = 24 * 3600;

}  // namespace jobward::desk
