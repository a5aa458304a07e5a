#include "backtest/tally.h"

#include <algorithm>
#include <cmath>

namespace jobward::backtest {
namespace {

std::size_t bucket_of(std::size_t earlier_runs) {
  constexpr std::array<std::size_t, kRunBuckets.size() - 1> kFrom{3, 10, 30, 100};
  const auto* above = std::upper_bound(kFrom.begin(), kFrom.end(), earlier_runs);
  return static_cast<std::size_t>(above - kFrom.begin());
}

void count(Coverage& coverage, bool covered) {
  ++coverage.rows;
  coverage.covered += covered ? 1 : 0;
}

void add(Coverage& sum, const Coverage& other) {
  sum.rows += other.rows;
  sum.covered += other.covered;
}

void append(std::vector<double>& to, const std::vector<double>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

Accuracy accuracy_of(const std::vector<double>& errors) {
  return {errors.size(), quantile(errors, 0.5)};
}

}  // namespace

void Tally::add_memory(const Charge& charge, const Need& need, std::size_t earlier_runs) {
  const bool covered = charge.failures == 0;
  count(sums_.first, covered);
  count(sums_.by_runs.at(bucket_of(earlier_runs)), covered);
  sums_.wastage_gbh += charge.wasted_gbh;
  sums_.used_gbh += charge.used_gbh;
  sums_.failures += static_cast<std::size_t>(charge.failures);
  if (covered) slacks_.push_back((charge.given - need.bytes) / need.bytes);
}

void Tally::add_predicted(Resource resource, const Quantiles& predicted, double measured) {
  if (resource == Resource::wall) count(sums_.wall_p95, measured <= predicted.p95);
  const double least = resource == Resource::wall ? kShortestSeconds : 0;
  if (measured <= 0 || measured < least) return;
  auto& errors = resource == Resource::wall      ? wall_errors_
                 : resource == Resource::io_read ? read_errors_
                                                 : written_errors_;
  errors.push_back(std::abs(predicted.p50 - measured) / measured);
}

void Tally::merge(const Tally& other) {
  add(sums_.first, other.sums_.first);
  for (std::size_t i = 0; i < sums_.by_runs.size(); ++i)
    add(sums_.by_runs.at(i), other.sums_.by_runs.at(i));
  add(sums_.wall_p95, other.sums_.wall_p95);
  sums_.wastage_gbh += other.sums_.wastage_gbh;
  sums_.used_gbh += other.sums_.used_gbh;
  sums_.failures += other.sums_.failures;
  append(slacks_, other.slacks_);
  append(wall_errors_, other.wall_errors_);
  append(read_errors_, other.read_errors_);
  append(written_errors_, other.written_errors_);
}

bool Tally::is_empty() const {
  return sums_.first.rows == 0 && sums_.wall_p95.rows == 0 && read_errors_.empty() &&
         written_errors_.empty();
}

Scores Tally::scores() const {
  Scores out = sums_;
  out.median_slack = quantile(slacks_, 0.5);
  out.p90_slack = quantile(slacks_, 0.9);
  out.wall = accuracy_of(wall_errors_);
  out.read = accuracy_of(read_errors_);
  out.written = accuracy_of(written_errors_);
  return out;
}

std::optional<double> quantile(std::vector<double> values, double q) {
  if (values.empty()) return std::nullopt;
  const double position = static_cast<double>(values.size() - 1) * q;
  const auto below = static_cast<std::ptrdiff_t>(position);
  const auto at = values.begin() + below;
  std::nth_element(values.begin(), at, values.end());
  const double share = position - static_cast<double>(below);
  if (share <= 0 || at + 1 == values.end()) return *at;
  return *at + share * (*std::min_element(at + 1, values.end()) - *at);
}

}  // namespace jobward::backtest
