// Looking ahead: what a command would need and whether it fits. Starts nothing.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/session.h"
#include "cli/wishes.h"
#include "launcher/gatehouse.h"

namespace jobward::cli {

struct Preflight {
  launcher::Preview preview;
  launcher::Decision decision;
  launcher::Scene scene;
};

// `order`: its wishes and settings become what the session's configuration and policy make of
// `wishes`. Runs without a supervisor are closed first. The session's records are open, or the past
// counts for nothing. An error: the policy cannot be obeyed, or the wishes contradict each other.
Result<Preflight> look_ahead(launcher::RunOrder& order, WishLayer wishes, Session& session);

nlohmann::ordered_json to_json(const Preflight& preflight);

}  // namespace jobward::cli
