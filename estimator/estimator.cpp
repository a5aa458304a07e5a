#include "estimator/estimator.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "common/units.h"
#include "estimator/fit.h"
#include "estimator/kind_state.h"

namespace jobward::estimator {
namespace {

using profiles::Features;
using profiles::LearnedState;
using profiles::Observation;

struct LevelRuns {
  Level level = Level::none;
  std::vector<Observation> runs;
  int exact = 0;     // whose memory need was measured
  int censored = 0;  // that were ended before
};

// The spread that is taken for granted of each resource until the runs show theirs (relative; see
// fit.h). Memory repeats within a few per cent; times and I/O depend on what else the machine does.
double prior_of(Resource resource) { return resource == Resource::memory ? 0.05 : 0.15; }

LevelRuns read_level(const LearnedState& learned) {
  LevelRuns out;
  out.level = learned.level;
  const auto state = KindState::decode(learned.blob);
  if (!state) return out;
  out.runs = state->observations();
  for (const auto& run : out.runs) {
    const auto* memory = run.used.find(Resource::memory);
    if (memory == nullptr) continue;
    ++(memory->censored ? out.censored : out.exact);
  }
  return out;
}

// A numeric argument may mean anything, a seed or a port as well as a size.
bool is_plain_number(const std::string& feature) { return feature.compare(0, 4, "num:") == 0; }

// How far the query lies above the largest run seen, over all features: 1 = inside.
struct Reach {
  double factor = 1;
  std::string feature;
};
Reach reach_beyond(const std::vector<Observation>& runs, const Features& query) {
  Reach out;
  for (const auto& [name, value] : query) {
    if (is_plain_number(name)) continue;
    double largest = 0;
    for (const auto& run : runs) {
      const auto* memory = run.used.find(Resource::memory);
      if (memory != nullptr && memory->censored)
        continue;  // it has not shown what such a size needs
      if (const auto it = run.features.find(name); it != run.features.end())
        largest = std::max(largest, it->second);
    }
    if (largest > 0 && value / largest > out.factor) out = {value / largest, name};
  }
  return out;
}

const LevelRuns* choose_level(const std::vector<LevelRuns>& levels, const Features& query) {
  const LevelRuns* enough = nullptr;
  const LevelRuns* any = nullptr;
  for (const auto& level : levels) {
    if (level.runs.empty() || level.level == Level::everything) continue;
    if (any == nullptr || (any->exact == 0 && level.exact > 0)) any = &level;
    if (level.exact < kEnoughRuns) continue;
    if (enough == nullptr) enough = &level;
    if (reach_beyond(level.runs, query).factor < kBeyond) return &level;
  }
  if (enough != nullptr) return enough;
  if (any != nullptr) return any;
  for (const auto& level : levels)
    if (!level.runs.empty()) return &level;
  return nullptr;
}

struct Measured {
  std::vector<Point> points;  // x filled in when a feature is chosen
  std::vector<const Observation*> runs;
  bool censored = false;  // is there any run that was ended before its time
};

Measured measured_of(const std::vector<Observation>& runs, Resource resource) {
  Measured out;
  for (const auto& run : runs) {
    const auto* used = run.used.find(resource);
    if (used == nullptr) continue;
    if (used->censored) {
      out.censored = true;
    } else {
      out.points.push_back({0, used->value});
      out.runs.push_back(&run);
    }
  }
  return out;
}

// May this feature, with these values, predict the query? A plain number only from kFewRuns runs
// on, and only near what was seen; a falling line never for memory, and never beyond what was seen.
bool is_usable(const std::string& name, const std::vector<Point>& points, Resource resource,
               double query) {
  const auto [low, high] = std::minmax_element(
      points.begin(), points.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
  const bool near = query <= high->x * kBeyond && query * kBeyond >= low->x;
  if (is_plain_number(name) && (static_cast<int>(points.size()) < kFewRuns || !near)) return false;
  const bool falling = correlation(points) < 0;
  return !falling || (resource != Resource::memory && query <= high->x);
}

// The points with the feature's values as x; absent where a run lacks it.
std::optional<std::vector<Point>> with_feature(const Measured& measured, const std::string& name) {
  std::vector<Point> points = measured.points;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto it = measured.runs[i]->features.find(name);
    if (it == measured.runs[i]->features.end()) return std::nullopt;
    points[i].x = it->second;
  }
  return points;
}

// The feature that explains this resource best, if one is believable; its values go into the
// points. The more candidates there are, the likelier one fits by chance: the bar is raised
// accordingly (Bonferroni).
std::optional<std::string> choose_feature(Measured& measured, Resource resource,
                                          const Features& query) {
  if (static_cast<int>(measured.points.size()) < kEnoughRuns) return std::nullopt;
  double best = kBelieve / static_cast<double>(std::max<std::size_t>(query.size(), 1));
  std::optional<std::string> chosen;
  std::vector<Point> best_points;
  for (const auto& [name, value] : query) {
    auto points = with_feature(measured, name);
    if (!points || !is_usable(name, *points, resource, value)) continue;
    const double chance = chance_of_correlation(*points);
    if (chance < best) {
      best = chance;
      chosen = name;
      best_points = std::move(*points);
    }
  }
  if (chosen) measured.points = std::move(best_points);
  return chosen;
}

// What the runs that were ended before their time say: `at_least` what one of them used, `beyond` a
// limit.
struct Floors {
  double at_least = 0;
  double beyond = 0;
};

// A bound that kRefuted later runs of about its size stayed below has nothing more to say.
bool is_refuted(const std::vector<Observation>& runs, std::size_t at, Resource resource,
                const std::optional<std::string>& feature) {
  const auto size_of = [&](const Observation& run) {
    if (!feature) return 0.0;
    const auto it = run.features.find(*feature);
    return it == run.features.end() ? 0.0 : it->second;
  };
  const auto* bound = runs[at].used.find(resource);
  int below = 0;
  for (std::size_t i = at + 1; i < runs.size(); ++i) {
    const auto* used = runs[i].used.find(resource);
    const bool measured = used != nullptr && !used->censored;
    if (measured && bound != nullptr && used->value < bound->value &&
        size_of(runs[i]) * kBeyond >= size_of(runs[at]))
      ++below;
  }
  return below >= kRefuted;
}

Floors floors_of(const std::vector<Observation>& runs, Resource resource, const Features& query,
                 const std::optional<std::string>& feature) {
  Floors floors;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto* used = runs[i].used.find(resource);
    if (used == nullptr || !used->censored || is_refuted(runs, i, resource, feature)) continue;
    double bound = used->value;
    if (feature) {  // a run of ten times the size says little
      const auto it = runs[i].features.find(*feature);
      const double x = query.at(*feature);
      if (it != runs[i].features.end() && it->second > x && it->second > 0) bound *= x / it->second;
    }
    double& floor = used->ended_early ? floors.at_least : floors.beyond;
    floor = std::max(floor, bound);
  }
  return floors;
}

struct Prediction {
  Quantiles quantiles;
  std::optional<std::string> feature;
  bool raised_by_censored = false;
};

// The value from which a "more than" says something new: more than any measured run, or than the
// line predicts.
double contradicted_from(const Measured& measured, const Prediction& prediction) {
  if (prediction.feature) return prediction.quantiles.p50;
  double largest = 0;
  for (const auto& point : measured.points)
    largest = std::max(largest, point.y);
  return largest;
}

// Censored runs only ever raise: the upper quantiles beside measured runs, all of them where there
// is nothing else.
void apply_floors(const Measured& measured, const Floors& floors, Prediction& prediction) {
  const double known = contradicted_from(measured, prediction);
  auto& q = prediction.quantiles;
  const auto raise = [&](double floor, double factor) {
    if (floor <= known) return;
    prediction.raised_by_censored = true;
    if (measured.points.empty()) q.p50 = std::max(q.p50, floor);
    q.p95 = std::max(q.p95, floor * factor);
    q.p99 = std::max(q.p99, floor * factor);
  };
  raise(floors.at_least, 1);
  raise(floors.beyond, kBeyondCensored);
}

std::optional<Prediction> predict_resource(const LevelRuns& level, Resource resource,
                                           const Features& query, const Reach& reach) {
  Measured measured = measured_of(level.runs, resource);
  if (measured.points.empty() && !measured.censored) return std::nullopt;
  Prediction out;
  out.feature = choose_feature(measured, resource, query);
  if (out.feature) {
    out.quantiles = bounds_on_line(measured.points, query.at(*out.feature), prior_of(resource));
  } else if (!measured.points.empty()) {
    std::vector<double> values;
    for (const auto& point : measured.points)
      values.push_back(point.y);
    out.quantiles = bounds_of_alike(values, prior_of(resource));
    // No slope is known, so the worst plausible one: in proportion to what is larger than ever
    // seen.
    if (reach.factor >= kBeyond) {
      out.quantiles.p95 *= reach.factor;
      out.quantiles.p99 *= reach.factor;
    }
  }
  apply_floors(measured, floors_of(level.runs, resource, query, out.feature), out);
  return out;
}

std::string runs_of(int count) { return std::to_string(count) + (count == 1 ? " run" : " runs"); }

std::string level_words(Level level) {
  switch (level) {
    case Level::exact:
      return "this very command";
    case Level::masked:
      return "this command with other arguments";
    case Level::program:
      return "this program";
    case Level::everything:
      return "all programs together: a guess";
    case Level::none:
      break;
  }
  return "nothing";
}

std::string reason_for(const LevelRuns& level, const std::optional<Prediction>& memory,
                       const Reach& reach) {
  std::string text = runs_of(level.exact) + " of " + level_words(level.level);
  if (level.censored > 0)
    text += ", and " + runs_of(level.censored) +
            " ended before their time (failed, signalled, or at a limit)";
  if (memory && memory->feature) text += "; memory follows " + *memory->feature;
  if (memory && memory->raised_by_censored) text += "; raised above what those had used";
  if (reach.factor >= kBeyond) {
    std::string times = std::to_string(std::lround(reach.factor * 10));
    times.insert(times.size() - 1, ".");
    text += "; this one is " + times + " times larger in " + reach.feature +
            " than any of them, so the bound is wide";
  }
  if (level.exact < kEnoughRuns) text += "; few runs, so the margin is wide";
  return text;
}

}  // namespace

std::vector<std::string> learn(const std::vector<LearnedState>& nearest_first,
                               const Observation& observation) {
  std::vector<std::string> out;
  for (const auto& old : nearest_first) {
    auto state = KindState::decode(old.blob);
    KindState next = state ? std::move(*state) : KindState();
    Observation seen = observation;
    // Sizes of different programs do not compare.
    if (old.level == Level::everything) seen.features.clear();
    next.learn(seen);
    out.push_back(next.encode());
  }
  return out;
}

std::uint32_t state_version() { return 1; }

Estimate predict(const std::vector<LearnedState>& nearest_first, const Features& features,
                 const Question& question) {
  std::vector<LevelRuns> levels;
  for (const auto& learned : nearest_first)
    levels.push_back(read_level(learned));
  const LevelRuns* level = choose_level(levels, features);
  Estimate out;
  if (level == nullptr) {
    out.reason = "no past runs to learn from";
    return out;
  }
  const Reach reach = reach_beyond(level->runs, features);
  std::optional<Prediction> memory;
  for (const auto& entry : kResources) {
    const auto prediction = predict_resource(*level, entry.resource, features, reach);
    if (!prediction) continue;
    out.by.set(entry.resource, prediction->quantiles);
    if (entry.resource == Resource::memory) memory = prediction;
  }
  if (const auto* q = out.by.find(Resource::memory))
    out.sizing = MemorySizing{question.objective, question.confidence, {q->p99}};
  out.level = level->level;
  out.runs = static_cast<int>(level->runs.size());
  out.censored_runs = level->censored;
  out.reason = reason_for(*level, memory, reach);
  return out;
}

}  // namespace jobward::estimator
