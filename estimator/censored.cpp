#include "estimator/censored.h"

#include <algorithm>
#include <cmath>

#include "estimator/estimator.h"
#include "estimator/sample.h"

namespace jobward::estimator {
namespace {

// The size of a run along the one feature that its need follows; 1 where there is none, or several.
class Sizes {
 public:
  Sizes(const KindState& state, const profiles::Features& query,
        const std::vector<std::string>& features) {
    if (features.size() != 1) return;
    column_ = state.feature(features[0]);
    const auto it = query.find(features[0]);
    if (it != query.end()) query_ = it->second;
  }
  [[nodiscard]] double of(std::size_t run) const {
    if (column_ == nullptr || std::isnan(column_->values[run])) return 1;
    return static_cast<double>(column_->values[run]);
  }
  // How much of what this run said bears on the query.
  [[nodiscard]] double share(std::size_t run) const {
    const double size = of(run);
    if (column_ == nullptr || query_ <= 0 || size <= query_) return 1;
    return query_ / size;
  }

 private:
  const KindState::FeatureColumn* column_ = nullptr;
  double query_ = 1;
};

bool is_refuted(const KindState::ResourceColumn& column, std::size_t at, const Sizes& sizes) {
  int below = 0;
  for (std::size_t i = at + 1; i < column.told.size(); ++i)
    if (column.told[i] == Told::measured && column.values[i] < column.values[at] &&
        sizes.of(i) * kBeyond >= sizes.of(at))
      ++below;
  return below >= kRefuted;
}

// In the precision in which the state keeps it.
bool same_features(const KindState& state, std::size_t run, const profiles::Features& query) {
  for (const auto& column : state.features()) {
    const auto it = query.find(column.name);
    const bool lacks = std::isnan(column.values[run]);
    if (lacks != (it == query.end())) return false;
    if (!lacks && kept(it->second) != column.values[run]) return false;
  }
  return std::all_of(query.begin(), query.end(),
                     [&](const auto& entry) { return state.feature(entry.first) != nullptr; });
}

}  // namespace

Floors floors_of(const KindState& state, Resource resource, const profiles::Features& query,
                 const std::vector<std::string>& features) {
  const Sizes sizes(state, query, features);
  const auto& column = state.resource(resource);
  Floors out;
  for (std::size_t i = 0; i < column.told.size(); ++i) {
    const auto told = column.told[i];
    if (told != Told::more_than && told != Told::at_least) continue;
    if (is_refuted(column, i, sizes)) continue;
    const double bound = static_cast<double>(column.values[i]) * sizes.share(i);
    double& floor = told == Told::at_least ? out.at_least : out.beyond;
    floor = std::max(floor, bound);
  }
  return out;
}

double recent_need(const KindState& state, Resource resource, const profiles::Features& query) {
  const auto& column = state.resource(resource);
  double most = 0;
  std::size_t seen = 0;
  for (std::size_t run = column.told.size(); run-- > 0 && seen < kRecent;) {
    if (column.told[run] != Told::measured || !same_features(state, run, query)) continue;
    ++seen;
    // A float may have been rounded down.
    constexpr double kRounding = 1 + 1e-6;
    most = std::max(most, static_cast<double>(column.values[run]) * kRounding);
  }
  return most;
}

}  // namespace jobward::estimator
