// When a run that is given too little memory fails. Pure.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "common/job_types.h"
#include "profiles/memory_curve.h"

namespace jobward::estimator {

// A run that is given the share f of its need fails when its memory first exceeds that. For each
// curve, over kGivenShares:
//     s = mean over f of  (when it first exceeds f × need) / wall
// pessimistic: "when" is the end of the first point above, as a point has the most of its span, and
// the end of the run where no point is. Over n curves, as if one more run had failed at its end:
//     share = (Σ s + 1) / (n + 1),   0 < share <= 1
// Few curves thus hardly lower it, and however soon memory is reached, no failure is for free.
// A curve that is no curve (no point, a number that is not finite or below 0, points out of order,
// nothing needed, no time) is left out. Absent: there is no other.
std::optional<FailureShare> failure_share(const std::vector<profiles::MemoryCurve>& curves);

// Of the need, that too small attempts were given. In the replays of docs/estimator.md the first
// tenth of them had 0.6, half 0.85, the last tenth 0.99: the middles of four equal parts of that.
inline constexpr std::array<double, 4> kGivenShares{0.65, 0.75, 0.85, 0.95};

}  // namespace jobward::estimator
