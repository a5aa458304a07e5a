// Runs and histories for the estimator's tests.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "estimator/estimator.h"
#include "estimator/kind_state.h"

namespace jobward::test {

using Runs = std::vector<profiles::Observation>;

inline profiles::Observation run_of(double memory, profiles::Features features = {}) {
  profiles::Observation run;
  run.features = std::move(features);
  run.used.set(Resource::memory, {memory, false});
  return run;
}

// At its limit: it needed more.
inline profiles::Observation ended_at(double memory, profiles::Features features = {}) {
  profiles::Observation run = run_of(memory, std::move(features));
  run.used.set(Resource::memory, {memory, true});
  return run;
}

// By itself, before its time: it needed at least so much.
inline profiles::Observation failed_at(double memory, profiles::Features features = {}) {
  profiles::Observation run = run_of(memory, std::move(features));
  run.used.set(Resource::memory, {memory, true, true});
  return run;
}

inline estimator::KindState state_of(const Runs& runs) {
  estimator::KindState state;
  for (const auto& run : runs)
    state.learn(run);
  return state;
}

inline profiles::LearnedState level_of(Level level, const Runs& runs) {
  return {level, runs.empty() ? "" : state_of(runs).encode()};
}

// Several kinds of jobs that share the level of everything, as the store keeps them.
class Kinds {
 public:
  [[nodiscard]] Estimate predict(int kind, const profiles::Features& features,
                                 const estimator::Question& question = {}) const {
    return estimator::predict(levels_of(kind), features, question);
  }
  void learn(int kind, const profiles::Observation& run) {
    auto blobs = estimator::learn(levels_of(kind), run);
    kinds_[kind] = std::move(blobs[0]);
    everything_ = std::move(blobs[1]);
  }

 private:
  [[nodiscard]] std::vector<profiles::LearnedState> levels_of(int kind) const {
    const auto at = kinds_.find(kind);
    return {{Level::exact, at == kinds_.end() ? "" : at->second}, {Level::everything, everything_}};
  }

  std::map<int, std::string> kinds_;
  std::string everything_;
};

}  // namespace jobward::test
