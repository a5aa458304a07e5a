// Small words about how runs end that several files of this folder share.
#pragma once

#include <string>

#include "launcher/job_runner.h"

namespace jobward::launcher {

// Ends a run that never started.
void end_unstarted(RunResult& result, Outcome outcome, int status, std::string cause);

// Limits that must hold: the policy's always, those that were asked for unless best effort is
// enough.
bool has_binding_limit(const RunOrder& order, const Limits& limits);

// The record says how the run was to be held; now it is held in another way.
void amend(const Workshop& shop, RunResult& result);

}  // namespace jobward::launcher
