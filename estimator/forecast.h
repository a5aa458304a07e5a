// One kind's runs to the distribution of the next one's need. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "estimator/distribution.h"
#include "estimator/kind_state.h"

namespace jobward::estimator {

struct Forecast {
  Distribution distribution;
  std::size_t runs = 0;                // measured ones that it rests on
  double spread = 0;                   // of those around what was said of them, in logarithms
  double most = 0;                     // believable at all, logarithm: see kMostExcess
  std::vector<std::string> features;   // that it follows
  bool extrapolates = false;           // the query lies kBeyond times beyond what was seen
  std::optional<std::size_t> changed;  // only so many runs, the last ones, are like today's
};

// Absent: no run of this kind measured the resource.
//
// With up to two runs: around each, as far as kFewFactor·kPriorSpread (of memory; of other
// resources three times that). From three on, a mixture of the experts' distributions:
//   errors    kernel density (Gaussian by 3-point Gauss-Hermite quadrature; bandwidth by Silverman,
//             Density Estimation, 1986, eq. 3.31: 0.9·min(s, IQR/1.349)·n^-1/5), each run weighted
//             by its age and by its distance along the coordinate, 1/(1 + (d/h)^4), h reaching to
//             the 2·√n-th nearest run, never below kFarWeight;
//   tail      beyond the largest error, with probability 1/(n + 1) (that the next of n + 1
//             exchangeable numbers is the largest), exponential with the mean excess of the upper
//             1/√n (Hill, Ann. Stat. 3, 1975), at least kPriorSpread/n;
//   shares    ∝ 1/c², c = mean pinball loss at 0.7 (Koenker & Bassett, Econometrica 46, 1978: what
//             a quantile is judged by; it is the upper side that decides sizes) + a twentieth of
//             the standard error.
// Of other resources than memory, the expert with the least c alone: half the time.
// n is the effective number of runs, (Σw)²/Σw² (Kish).
//
// A query s times larger than all runs in a feature that could not show yet whether it matters
// needs s^e times as much, e evenly spread over [0, 1].
std::optional<Forecast> forecast(const KindState& state, Resource resource,
                                 const profiles::Features& query);

// How far apart runs of one kind are taken to be before they have shown it (relative).
inline constexpr double kPriorSpread = 0.03;
// One or two runs have not shown that they repeat at all.
inline constexpr double kFewFactor = 2;
inline constexpr double kFarWeight = 0.05;
// Beyond what was seen by d standard deviations of the coordinate, errors count 1 + d times; d
// <= 3.
inline constexpr double kMostWidening = 3;
// No bound is above the larger of what was seen and what is predicted, times 1 + kMostExcess/√n
// (and the widening): of few and scattered runs a fat tail says more than they do.
inline constexpr double kMostExcess = 4;
// A shift of the level is believed at so many standard errors, with at least kShiftRuns after it:
// what was before it then counts kStaleWeight.
inline constexpr double kShift = 8;
inline constexpr std::size_t kShiftRuns = 3;
inline constexpr double kStaleWeight = 0.02;

}  // namespace jobward::estimator
