// What becomes of a shell command that an agent is about to run, and what is told of it afterwards.
#pragma once

#include <map>
#include <string>

#include "agent/desk/hook_state.h"
#include "agent/hooks/answer.h"
#include "agent/hooks/event.h"
#include "agent/hooks/settings.h"
#include "common/clock.h"
#include "common/result.h"
#include "profiles/file_probe.h"

namespace jobward::desk {

// What a hook works with. Most commands are light: what only a heavy one needs is opened for it.
struct HookDesk {
  SystemClock clock;
  hooks::HookSettings settings;
  profiles::RealFileProbe files;
  HookState state;
  std::string project;
};
// Works in that directory from now on: this process is for one event only.
Result<HookDesk> open_hook_desk(const hooks::Event& event);

// Who asks, as JOBWARD_ACTOR has it.
std::map<std::string, std::string> claims_of(const hooks::Event& event);

Result<hooks::Decision> decide_before(const hooks::Event& event, HookDesk& desk);
Result<hooks::Decision> tell_after(const hooks::Event& event, HookDesk& desk);

// `jobward` as it is to be typed: its name where PATH finds this very program, else its path,
// quoted.
std::string typed_jobward();

}  // namespace jobward::desk
