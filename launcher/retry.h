// What is tried again, and with which limit. Pure.
#pragma once

#include <optional>
#include <vector>

#include "common/job_types.h"
#include "estimator/estimator.h"
#include "launcher/limit_plan.h"
#include "profiles/observation.h"

namespace jobward::launcher {

// The limit of the next attempt after the run has reached `limit` of memory or of wall time.
struct NextLimit {
  double least = 0;  // less is not worth another attempt
  double wanted =
      0;  // what a run that needs more than `limit` is expected to need, with the margin
};

// From the states, given that more than `limit` is needed (the question does not say it yet). Where
// they know of no run above the limit, `guess_share` of what is left between it and `most` is asked
// for, and at least kLeastGrowth: the same wager as for a command that nothing is known about.
NextLimit next_limit(Resource resource, double limit, double most,
                     const std::vector<profiles::LearnedState>& states,
                     const profiles::Features& features, const LimitSettings& settings,
                     estimator::Question question);

}  // namespace jobward::launcher
