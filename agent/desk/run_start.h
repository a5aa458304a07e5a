// Starting a job for a call: `jobward run --detach`, so that it outlives the server and its client.
#pragma once

#include <memory>

#include "agent/desk/desk.h"
#include "agent/mcp/call.h"
#include "agent/mcp/fields.h"

namespace jobward::desk {

// What run_job takes.
mcp::Fields start_fields();

// Starts it, and answers the call: as a task if it wants one, else with how the run stands after
// waiting for it.
void start_run(Desk& desk, const std::shared_ptr<mcp::Call>& call);

}  // namespace jobward::desk
