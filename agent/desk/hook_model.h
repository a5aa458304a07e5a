// jobward hook model: is the model that serves good enough for what comes?
#pragma once

#include <string>

#include "agent/hooks/event.h"

namespace jobward::desk {

// Answers the event: nothing where it is good enough; a denial where it is not, or where nobody
// knows, which goes into the ledger as a HARD_FAIL. The exit status.
int answer_about_model(hooks::Agent agent, const std::string& input, const std::string& min_tier);

}  // namespace jobward::desk
