// From past runs to an estimate. Pure: no clock, no file, no database.
//
// How: docs/estimator.md. The layers below: kind_state (what is kept), sample and experts (what one
// kind's runs say), distribution and forecast (as a probability), calibration (how far to trust
// it).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/job_types.h"
#include "profiles/observation.h"

namespace jobward::estimator {

// What is asked for beside the quantiles: how much memory to give.
struct Question {
  Objective objective = Objective::safe;
  double confidence = 0.99;         // of safe; 0.5 <= confidence < 1
  FailureShare failure;             // of lean: what an attempt that is too small costs
  std::optional<double> more_than;  // bytes that were too little already
};

// The new states of all levels after a run, in the order of the old ones. Incremental: costs the
// same for the thousandth run as for the first. A state that cannot be read (damaged, or of another
// version) is begun anew.
std::vector<std::string> learn(const std::vector<profiles::LearnedState>& nearest_first,
                               const profiles::Observation& observation);

// Of the states that learn() makes. Raised when what is learned from the same runs would differ:
// the stored runs are then learned anew. > 0.
std::uint32_t state_version();

// Predicts a run with these features from the levels' states, nearest first; a level may be left
// out. With no run at any level the estimate is empty (level none); where only the level of
// everything has runs, it is a guess.
Estimate predict(const std::vector<profiles::LearnedState>& nearest_first,
                 const profiles::Features& features, const Question& question = {});

// Does it rest on measured runs of such a job, or is it a guess (from jobs of any kind, or only
// from runs that were ended before their time)?
bool is_measured(const Estimate& estimate);

// A kind with fewer measured runs than this borrows from the level above. The own level's share is
// that of an empirical Bayes estimate (Efron & Morris, J. Am. Stat. Assoc. 68, 1973):
//     τ² / (τ² + σ²/n),  σ the spread of the own n runs, τ how far they are from what the level
//     above says of them (root of the mean square).
inline constexpr std::size_t kBorrowBelow = 30;

// The bound is never below what one of so many last runs of the same command with the same inputs
// needed.
inline constexpr std::size_t kRecent = 10;

// A run that was ended at the memory limit a says "more than a", no more. So that the next one gets
// further, its upper bounds are at least kBeyondCensored × a until so many later runs of about its
// size stay below a; p50 stays with the measured.
inline constexpr double kBeyondCensored = 1.5;
inline constexpr int kRefuted = 3;

}  // namespace jobward::estimator
