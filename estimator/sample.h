// The measured runs of one kind as numbers to be fitted: which features matter, and along which
// coordinate runs are alike. Pure.
#pragma once

#include <string>
#include <vector>

#include "estimator/kind_state.h"

namespace jobward::estimator {

// At most so many features enter a prediction together.
inline constexpr std::size_t kMostFeatures = 3;

// One column a feature that was found to matter: as it is, and on a logarithmic scale.
struct Predictor {
  std::string name;
  std::vector<double> values;
  std::vector<double> logs;
  double query = 0;
  double query_log = 0;
};

// Runs that measured one resource, sorted by `coordinate` (where there is one; else oldest first).
// All vectors have one entry a run.
struct Sample {
  std::vector<std::size_t> run;  // its place in the state: larger is younger
  std::vector<double> value;     // > 0; what was 0 counts as the smallest amount that matters
  std::vector<double> log_value;
  std::vector<double> weight;       // how much its word counts: 1, less for the old
  std::vector<double> cost_weight;  // how long it ran, compared with runs like it
  // Empty: no feature tells runs apart. One predictor: its logarithm. Several: what a power law in
  // all of them predicts (a single-index model; Ichimura, J. Econometrics 58, 1993).
  std::vector<double> coordinate;
  double query = 0;
  std::vector<Predictor> predictors;

  [[nodiscard]] std::size_t size() const { return run.size(); }
  [[nodiscard]] bool has_coordinate() const { return !coordinate.empty(); }
};

// The runs of `state` that measured `resource`, with those features of the query that matter.
//
// A feature is believed if unrelated numbers would correlate as well (log against log) with a
// chance below kBelieve, divided by the number of features tried (Bonferroni), by Fisher's
// transformation; numeric arguments, which may be seeds, only from kFewRuns runs on and near what
// was seen. Where none is believed, the best of the others still serves as coordinate: dependence
// need not be monotone. Further ones are taken in while they explain what is left over.
Sample sample_of(const KindState& state, Resource resource, const profiles::Features& query);

// Where a coordinate tells runs apart, only so many enter, those nearest to the query: a bound for
// it is not to be had from runs of another size (docs/estimator.md has the figures for 32 to 256).
// Of memory, which decides limits; of other resources half as many, which costs half the time.
inline constexpr std::size_t kNearest = 64;

inline constexpr double kBelieve = 0.05;
inline constexpr std::size_t kFewRuns = 6;
// A query so many times beyond what was seen extrapolates.
inline constexpr double kBeyond = 1.5;
// The word of a run counts half after so many later ones that measured the resource.
inline constexpr double kHalfLife = 200;

// "num:…": an argument that may mean anything, a seed or a port as well as a size.
bool is_plain_number(const std::string& feature);

// The smallest amount that matters: a byte, a millisecond.
double smallest(Resource resource);

}  // namespace jobward::estimator
