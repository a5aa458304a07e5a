#include "estimator/levels.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "estimator/portable_math.h"
#include "estimator/sample.h"

namespace jobward::estimator {
namespace {

std::size_t measured_in(const KindState& state, Resource resource) {
  const auto& told = state.resource(resource).told;
  return static_cast<std::size_t>(std::count(told.begin(), told.end(), Told::measured));
}

// How far the own runs, the last few of them, are from what the level above says of them.
double distance(const LevelRuns& own, const LevelRuns& above, Resource resource) {
  constexpr std::size_t kLooked = 3;
  const auto& column = own.state.resource(resource);
  double squares = 0;
  std::size_t looked = 0;
  for (std::size_t run = column.told.size(); run-- > 0 && looked < kLooked;) {
    if (column.told[run] != Told::measured) continue;
    const auto said = forecast(above.state, resource, own.state.observation(run).features);
    if (!said) continue;
    const double value = std::max(static_cast<double>(column.values[run]), smallest(resource));
    const double off = portable_log(value) - portable_log(said->distribution.quantile(0.5));
    squares += off * off;
    ++looked;
  }
  return looked == 0 ? 0 : std::sqrt(squares / static_cast<double>(looked));
}

Forecast blended(const Forecast& own, const Forecast& above, double own_share) {
  Forecast out = own;
  out.distribution = mixture(
      {{own.distribution.masses(), own_share}, {above.distribution.masses(), 1 - own_share}});
  out.most = std::max(own.most, above.most);
  if (own_share < 0.5) {
    out.features = above.features;
    out.extrapolates = above.extrapolates;
  }
  return out;
}

// Joins what the next level with more runs says, if that is worth having.
void borrow(Joined& joined, const std::vector<LevelRuns>& levels, Resource resource,
            const profiles::Features& query) {
  const std::size_t runs = joined.forecast.runs;
  if (runs >= kBorrowBelow && !joined.forecast.extrapolates) return;
  for (const auto& level : levels) {
    if (&level <= joined.own || level.level == Level::everything) continue;
    if (measured_in(level.state, resource) <= runs) continue;
    const auto above = forecast(level.state, resource, query);
    if (!above) continue;
    if (joined.forecast.extrapolates && !above->extrapolates) {
      // The own runs were all of another size; those above were not.
      joined.own_share = 0;
    } else if (runs < kBorrowBelow) {
      const double far = distance(*joined.own, level, resource);
      const double within =
          joined.forecast.spread * joined.forecast.spread / static_cast<double>(runs);
      joined.own_share = far * far / (far * far + std::max(within, 1e-12));
    } else {
      continue;
    }
    joined.above = &level;
    joined.forecast = blended(joined.forecast, *above, joined.own_share);
    return;
  }
}

}  // namespace

std::vector<LevelRuns> read_levels(const std::vector<profiles::LearnedState>& nearest_first) {
  std::vector<LevelRuns> out;
  out.reserve(nearest_first.size());
  for (const auto& learned : nearest_first) {
    LevelRuns level;
    level.level = learned.level;
    if (auto state = KindState::decode(learned.blob)) level.state = std::move(*state);
    for (const auto told : level.state.resource(Resource::memory).told) {
      if (told == Told::measured) ++level.measured;
      if (told == Told::more_than || told == Told::at_least) ++level.censored;
    }
    out.push_back(std::move(level));
  }
  return out;
}

const LevelRuns* everything(const std::vector<LevelRuns>& levels) {
  for (const auto& level : levels)
    if (level.level == Level::everything) return &level;
  return nullptr;
}

std::optional<Joined> join(const std::vector<LevelRuns>& levels, Resource resource,
                           const profiles::Features& query) {
  for (const auto& level : levels) {
    if (level.level == Level::everything) continue;
    auto own = forecast(level.state, resource, query);
    if (!own) continue;
    Joined joined;
    joined.forecast = std::move(*own);
    joined.own = &level;
    borrow(joined, levels, resource, query);
    return joined;
  }
  return std::nullopt;
}

}  // namespace jobward::estimator
