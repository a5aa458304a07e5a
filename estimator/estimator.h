// From past runs to an estimate. Pure: no clock, no file, no database.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/job_types.h"
#include "profiles/observation.h"

namespace jobward::estimator {

// What is asked for beside the quantiles: how much memory to give.
struct Question {
  Objective objective = Objective::safe;
  double confidence = 0.99;  // of safe; 0.5 <= confidence < 1
  double failure_share = 1;  // of lean: the share of its time after which a too small run fails
};

// The new states of all levels after a run, in the order of the old ones. Incremental: costs the
// same for the thousandth run as for the first. A state that cannot be read (damaged, or of another
// version) is begun anew.
std::vector<std::string> learn(const std::vector<profiles::LearnedState>& nearest_first,
                               const profiles::Observation& observation);

// Of the states that learn() makes. Raised when what is learned from the same runs would differ:
// the stored runs are then learned anew. > 0.
std::uint32_t state_version();

// Predicts a run with these features from the levels' states, nearest first. With no run at any
// level the estimate is empty (level none).
Estimate predict(const std::vector<profiles::LearnedState>& nearest_first,
                 const profiles::Features& features, const Question& question = {});

inline constexpr int kEnoughRuns = 3;
inline constexpr double kBeyond = 1.5;

// A feature is believed if unrelated numbers would correlate as well with less than this chance
// (two-sided t test of Pearson's r), divided by the number of features that were tried. Plain
// numeric arguments, which may be seeds as well as sizes, are believed from kFewRuns runs on.
inline constexpr double kBelieve = 0.05;
inline constexpr int kFewRuns = 6;

// So many later runs that stay below it refute what a censored run said.
inline constexpr int kRefuted = 3;

// A run that was ended at the memory limit a says "more than a", no more. So that the next one gets
// further, its upper bounds are at least kBeyondCensored × a until measured runs say otherwise; p50
// stays with the measured.
inline constexpr double kBeyondCensored = 1.5;

}  // namespace jobward::estimator
