// What a job wrote, within bounds.
#pragma once

#include "agent/desk/desk.h"
#include "agent/mcp/tool.h"

namespace jobward::desk {

mcp::Tool job_logs_tool(Desk& desk);

}  // namespace jobward::desk
