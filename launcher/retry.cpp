#include "launcher/retry.h"

#include <algorithm>

#include "estimator/estimator.h"

namespace jobward::launcher {
namespace {

// The states after one more run that was ended at this limit.
std::vector<profiles::LearnedState> with_censored(Resource resource, double limit,
                                                  const std::vector<profiles::LearnedState>& states,
                                                  const profiles::Features& features) {
  profiles::Observation seen;
  seen.features = features;
  seen.used.set(resource, {limit, true, false});
  auto out = states;
  auto blobs = estimator::learn(states, seen);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i].blob = std::move(blobs[i]);
  return out;
}

}  // namespace

NextLimit next_limit(Resource resource, double limit, double most,
                     const std::vector<profiles::LearnedState>& states,
                     const profiles::Features& features, const LimitSettings& settings) {
  NextLimit out{limit * kLeastGrowth, 0};
  const auto estimate =
      estimator::predict(with_censored(resource, limit, states, features), features);
  const auto* predicted = estimate.by.find(resource);
  const bool measured = estimate.runs > estimate.censored_runs;
  if (predicted != nullptr && measured) out.wanted = predicted->p99 * (1 + settings.margin);
  const double wager = limit + std::max(0.0, most - limit) * settings.guess_share;
  if (out.wanted <= out.least) out.wanted = std::max(out.least, wager);
  return out;
}

}  // namespace jobward::launcher
