// Waking an agent that has gone idle.
#pragma once

#include <string>

#include "agent/hooks/event.h"

namespace jobward::desk {

// Waits until one of the session's detached jobs has ended. 2 with a line on stderr, which wakes
// the agent (Claude Code's asyncRewake); 0 where there is none to wait for, or another waits
// already.
int wait_to_wake(hooks::Agent agent, const std::string& input);

}  // namespace jobward::desk
