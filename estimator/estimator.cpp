#include "estimator/estimator.h"

#include <algorithm>
#include <cmath>

#include "estimator/censored.h"
#include "estimator/levels.h"
#include "estimator/portable_math.h"
#include "estimator/reason.h"
#include "estimator/sample.h"

namespace jobward::estimator {
namespace {

using profiles::Features;
using profiles::LearnedState;
using profiles::Observation;

// How often the bounds of other resources than memory are checked against what was measured: each
// time costs as much as a prediction.
constexpr std::uint64_t kCalibrateEvery = 4;

// Held between the least that matters and what can be believed at all.
double bound_at(const Forecast& forecast, double surprise) {
  return std::min(forecast.distribution.at_surprise(surprise), portable_exp(forecast.most));
}

// What the surprise at a confidence has turned out to be, for kinds with so many runs.
double surprise_at(const std::vector<LevelRuns>& levels, Resource resource, std::size_t runs,
                   double confidence) {
  const auto* all = everything(levels);
  return (all != nullptr ? all->state.calibration() : Calibration())
      .surprise_at(resource, runs, confidence);
}

Floors floors_over(const std::vector<LevelRuns>& levels, Resource resource, const Features& query,
                   const std::vector<std::string>& features) {
  Floors out;
  for (const auto& level : levels) {
    // Who else failed at a limit says nothing of this command, if its own runs are known.
    if (level.level == Level::everything) continue;
    const auto floors = floors_of(level.state, resource, query, features);
    out.at_least = std::max(out.at_least, floors.at_least);
    out.beyond = std::max(out.beyond, floors.beyond);
    const auto& told = level.state.resource(resource).told;
    if (std::find(told.begin(), told.end(), Told::measured) != told.end()) break;
  }
  return out;
}

struct Bounds {
  Quantiles quantiles;
  double safe = 0;   // at the confidence that was asked for
  double floor = 0;  // that no attempt may be below
  bool raised = false;
};

// Censored runs only ever raise: the upper bounds beside measured runs, all of them where there is
// nothing else.
void raise(Bounds& bounds, double known, double floor, double factor, bool is_all) {
  if (floor <= known) return;
  bounds.raised = true;
  auto& q = bounds.quantiles;
  if (is_all) q.p50 = std::max(q.p50, floor);
  q.p95 = std::max(q.p95, floor * factor);
  q.p99 = std::max(q.p99, floor * factor);
  bounds.safe = std::max(bounds.safe, floor * factor);
  bounds.floor = std::max(bounds.floor, floor * factor);
}

double most_measured(const KindState& state, Resource resource) {
  const auto& column = state.resource(resource);
  double out = 0;
  for (std::size_t i = 0; i < column.told.size(); ++i)
    if (column.told[i] == Told::measured)
      out = std::max(out, static_cast<double>(column.values[i]));
  return out;
}

Bounds bounds_of(const std::vector<LevelRuns>& levels, const Joined& joined, Resource resource,
                 const Features& query, const Question& question) {
  const auto& forecast = joined.forecast;
  const auto at = [&](double confidence) {
    return bound_at(forecast, surprise_at(levels, resource, forecast.runs, confidence));
  };
  Bounds out;
  out.quantiles.p50 = forecast.distribution.quantile(0.5);
  out.quantiles.p95 = std::max(out.quantiles.p50, at(0.95));
  out.quantiles.p99 = std::max(out.quantiles.p95, at(0.99));
  out.safe = std::max(out.quantiles.p50, at(question.confidence));
  const double recent = recent_need(joined.own->state, resource, query);
  out.quantiles.p99 = std::max(out.quantiles.p99, recent);
  out.safe = std::max(out.safe, recent);
  const double known =
      forecast.features.empty() ? most_measured(joined.own->state, resource) : out.quantiles.p50;
  const auto floors = floors_over(levels, resource, query, forecast.features);
  raise(out, known, floors.at_least, 1, false);
  raise(out, known, floors.beyond, kBeyondCensored, false);
  return out;
}

// Nothing was measured: only that some runs needed more than they got.
std::optional<Bounds> bounds_of_censored(const std::vector<LevelRuns>& levels, Resource resource,
                                         const Features& query) {
  const auto floors = floors_over(levels, resource, query, {});
  if (floors.at_least <= 0 && floors.beyond <= 0) return std::nullopt;
  Bounds out;
  raise(out, 0, floors.at_least, 1, true);
  raise(out, 0, floors.beyond, kBeyondCensored, true);
  return out;
}

MemorySizing sizing_of(const Joined& joined, const Bounds& bounds, const Question& question,
                       double surprise) {
  MemorySizing out{question.objective, question.confidence, {}, {}};
  auto distribution = joined.forecast.distribution;
  if (question.more_than) distribution = distribution.given_more_than(*question.more_than);
  if (question.objective == Objective::lean) {
    out.failure = question.failure;
    out.attempts = distribution.cheapest_attempts(question.failure.share);
  } else if (question.more_than) {
    out.attempts = {std::max(bounds.safe, distribution.at_surprise(surprise))};
  } else {
    out.attempts = {bounds.safe};
  }
  const double most = portable_exp(joined.forecast.most);
  double least = std::max(bounds.floor, question.more_than.value_or(0) * kLeastGrowth);
  for (auto& attempt : out.attempts) {
    attempt = std::max(std::min(attempt, std::max(most, least)), least);
    least = attempt * kLeastGrowth;
  }
  return out;
}

// How far the query lies above the largest measured run, over all features but plain numbers.
void find_reach(const LevelRuns& level, const Features& query, Grounds& grounds) {
  const auto& column = level.state.resource(Resource::memory);
  for (const auto& [name, value] : query) {
    const auto* feature = level.state.feature(name);
    if (feature == nullptr || name.compare(0, 4, "num:") == 0) continue;
    double largest = 0;
    for (std::size_t i = 0; i < column.told.size(); ++i)
      if (column.told[i] == Told::measured && !std::isnan(feature->values[i]))
        largest = std::max(largest, static_cast<double>(feature->values[i]));
    const double times = largest > 0 ? value / largest : 0;
    if (times >= kBeyond && times > grounds.beyond_times) {
      grounds.beyond_times = times;
      grounds.beyond = name;
    }
  }
}

const LevelRuns* level_with_runs(const std::vector<LevelRuns>& levels) {
  for (const auto& level : levels)
    if (level.state.size() > 0) return &level;
  return nullptr;
}

// On the logarithmic scale nothing is taken for a byte: where that is all there is, it is nothing.
Quantiles with_nothing(Resource resource, Quantiles quantiles) {
  constexpr double kNothing = 4;
  if (resource == Resource::memory || info(resource).unit != Unit::bytes) return quantiles;
  for (double* value : {&quantiles.p50, &quantiles.p95, &quantiles.p99})
    if (*value < kNothing) *value = 0;
  return quantiles;
}

// What all jobs together used: for a command that nothing is known about.
void guess(const std::vector<LevelRuns>& levels, Estimate& out, const Question& question) {
  const auto* all = everything(levels);
  if (all == nullptr) return;
  for (const auto& entry : kResources) {
    if (out.by.contains(entry.resource)) continue;
    const auto said = forecast(all->state, entry.resource, {});
    if (!said) continue;
    const auto at = [&](double confidence) {
      return bound_at(*said, -portable_log(1 - confidence));
    };
    out.by.set(entry.resource, with_nothing(entry.resource, {at(0.5), at(0.95), at(0.99)}));
    if (entry.resource == Resource::memory)
      out.sizing =
          MemorySizing{question.objective, question.confidence, {at(question.confidence)}, {}};
  }
}

void predict_resource(const std::vector<LevelRuns>& levels, Resource resource,
                      const Features& features, const Question& question,
                      const std::optional<Joined>& joined, Estimate& out, Grounds& grounds) {
  const bool memory = resource == Resource::memory;
  if (!joined) {
    const auto bounds = bounds_of_censored(levels, resource, features);
    if (!bounds) return;
    out.by.set(resource, bounds->quantiles);
    if (!memory) return;
    grounds.raised_by_censored = true;
    const double least = question.more_than.value_or(0) * kBeyondCensored;
    out.sizing =
        MemorySizing{question.objective, question.confidence, {std::max(bounds->safe, least)}, {}};
    return;
  }
  const auto bounds = bounds_of(levels, *joined, resource, features, question);
  out.by.set(resource, with_nothing(resource, bounds.quantiles));
  if (!memory) return;
  grounds.raised_by_censored = bounds.raised;
  out.sizing = sizing_of(*joined, bounds, question,
                         surprise_at(levels, resource, joined->forecast.runs, question.confidence));
}

}  // namespace

std::vector<std::string> learn(const std::vector<LearnedState>& nearest_first,
                               const Observation& observation) {
  auto levels = read_levels(nearest_first);
  // How far what would have been said now is off, before it is learned.
  if (everything(levels) != nullptr) {
    auto& calibration = std::find_if(levels.begin(), levels.end(), [](const LevelRuns& level) {
                          return level.level == Level::everything;
                        })->state.calibration();
    const bool its_turn = everything(levels)->state.total_runs() % kCalibrateEvery == 0;
    for (const auto& entry : kResources) {
      if (entry.resource != Resource::memory && !its_turn) continue;
      const auto* used = observation.used.find(entry.resource);
      if (used == nullptr || used->censored || !std::isfinite(used->value)) continue;
      const auto joined = join(levels, entry.resource, observation.features);
      if (!joined) continue;
      const double value = std::max(used->value, smallest(entry.resource));
      calibration.add(entry.resource, joined->forecast.runs,
                      joined->forecast.distribution.surprise(value));
    }
  }
  std::vector<std::string> out;
  for (auto& level : levels) {
    Observation seen = observation;
    // Sizes of different programs do not compare.
    if (level.level == Level::everything) seen.features.clear();
    level.state.learn(seen);
    out.push_back(level.state.encode());
  }
  return out;
}

bool is_measured(const Estimate& estimate) {
  return estimate.sizing && estimate.level != Level::everything && estimate.level != Level::none &&
         estimate.runs > estimate.censored_runs;
}

std::uint32_t state_version() { return 2; }

Estimate predict(const std::vector<LearnedState>& nearest_first, const Features& features,
                 const Question& question) {
  const auto levels = read_levels(nearest_first);
  Estimate out;
  const auto* level = level_with_runs(levels);
  if (level == nullptr) {
    out.reason = "no past runs to learn from";
    return out;
  }
  Grounds grounds;
  std::optional<Joined> memory;
  for (const auto& entry : kResources) {
    auto joined = join(levels, entry.resource, features);
    predict_resource(levels, entry.resource, features, question, joined, out, grounds);
    if (entry.resource == Resource::memory) memory = std::move(joined);
  }
  if (memory) {
    level = memory->own_share > 0 ? memory->own : memory->above;
    grounds.memory = &*memory;
  }
  if (level->level == Level::everything) guess(levels, out, question);
  grounds.level = level;
  // A feature that turned out not to matter is no reach.
  if (!memory || memory->forecast.extrapolates) find_reach(*level, features, grounds);
  out.level = level->level;
  out.runs = static_cast<int>(level->state.size());
  out.censored_runs = static_cast<int>(level->censored);
  if (out.sizing) grounds.failure = out.sizing->failure;
  out.reason = reason_for(grounds);
  return out;
}

}  // namespace jobward::estimator
