#include "launcher/retry.h"

#include <algorithm>

#include "estimator/distribution.h"

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
                     const profiles::Features& features, const LimitSettings& settings,
                     estimator::Question question) {
  NextLimit out{limit * estimator::kLeastGrowth, 0};
  const bool memory = resource == Resource::memory;
  if (memory) question.more_than = limit;
  // What a wall limit says is learned as any run that is ended by one.
  const auto estimate = estimator::predict(
      memory ? states : with_censored(resource, limit, states, features), features, question);
  const auto* predicted = estimate.by.find(resource);
  if (memory && estimator::is_measured(estimate)) {
    const double margin = question.objective == Objective::lean ? 0 : settings.margin;
    out.wanted = estimate.sizing->attempts.front() * (1 + margin);
  } else if (!memory && predicted != nullptr && estimate.level != Level::everything &&
             estimate.runs > estimate.censored_runs) {
    out.wanted = predicted->p99 * (1 + settings.margin);
  }
  const double wager = limit + std::max(0.0, most - limit) * settings.guess_share;
  if (out.wanted <= out.least) out.wanted = std::max(out.least, wager);
  return out;
}

}  // namespace jobward::launcher
