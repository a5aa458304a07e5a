// The learned states of a replay, in memory, as the store would keep them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/job_types.h"
#include "estimator/estimator.h"
#include "profiles/fingerprint.h"
#include "profiles/observation.h"

namespace jobward::backtest {

// Which state each of kLevels has; absent where the run has no key.
using Slots = std::array<std::optional<std::uint32_t>, kLevels.size()>;

class Levels {
 public:
  // A level whose key is empty is left out; `everything` is always there.
  Slots slots_of(const profiles::Fingerprint& fingerprint);
  Estimate predict(const Slots& slots, const profiles::Features& features,
                   const estimator::Question& question);
  void learn(const Slots& slots, const profiles::Observation& observation);

 private:
  // States can be long: they are moved to the estimator and back.
  void lend(const Slots& slots);
  void take_back(const Slots& slots);

  std::array<std::unordered_map<std::string, std::uint32_t>, kLevels.size()> keys_;
  std::vector<std::string> states_;
  std::vector<profiles::LearnedState> lent_;  // nearest first
};

}  // namespace jobward::backtest
