#include "backtest/levels.h"

#include <utility>

namespace jobward::backtest {

Slots Levels::slots_of(const profiles::Fingerprint& fingerprint) {
  Slots slots;
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    auto key = fingerprint.key(kLevels[i]);
    if (key.empty()) continue;
    const auto next = static_cast<std::uint32_t>(states_.size());
    const auto [known, is_new] = keys_[i].try_emplace(std::move(key), next);
    if (is_new) states_.emplace_back();
    slots[i] = known->second;
  }
  return slots;
}

void Levels::lend(const Slots& slots) {
  lent_.clear();
  for (std::size_t i = 0; i < slots.size(); ++i)
    if (slots[i]) lent_.push_back({kLevels[i], std::move(states_[*slots[i]])});
}

void Levels::take_back(const Slots& slots) {
  std::size_t at = 0;
  for (const auto& slot : slots)
    if (slot) states_[*slot] = std::move(lent_[at++].blob);
}

Estimate Levels::predict(const Slots& slots, const profiles::Features& features,
                         const estimator::Question& question) {
  lend(slots);
  auto estimate = estimator::predict(lent_, features, question);
  take_back(slots);
  return estimate;
}

void Levels::learn(const Slots& slots, const profiles::Observation& observation) {
  lend(slots);
  auto states = estimator::learn(lent_, observation);
  for (std::size_t i = 0; i < lent_.size(); ++i)
    lent_[i].blob = std::move(states.at(i));
  take_back(slots);
}

}  // namespace jobward::backtest
