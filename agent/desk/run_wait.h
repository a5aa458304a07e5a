// Waiting for a run on behalf of a call: progress while it goes on, its end, or the end of
// patience.
#pragma once

#include <memory>
#include <string>

#include "agent/desk/desk.h"
#include "agent/mcp/call.h"

namespace jobward::desk {

struct RunWait {
  std::string run;
  double seconds = 0;             // at most
  bool stop_with_client = false;  // if the call is cut, the run is stopped
};
// Answers the call with the run as it is then. A call that is cut lets the run go on, unless asked.
void wait_for_run(Desk& desk, const std::shared_ptr<mcp::Call>& call, const RunWait& wait);

}  // namespace jobward::desk
