// What is counted over the scored rows of one job kind, one method, or all of them.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "backtest/cost.h"
#include "common/job_types.h"

namespace jobward::backtest {

// Coverage by the number of earlier runs of the kind.
inline constexpr std::array<std::string_view, 5> kRunBuckets{"0-2", "3-9", "10-29", "30-99",
                                                             "100+"};

// A share of rows; absent where there are none.
struct Coverage {
  std::size_t rows = 0;
  std::size_t covered = 0;
  [[nodiscard]] std::optional<double> share() const {
    if (rows == 0) return std::nullopt;
    return static_cast<double>(covered) / static_cast<double>(rows);
  }
};

// Most histories tell times in whole seconds; of shorter runs a relative error says nothing.
inline constexpr double kShortestSeconds = 1;

// How far the median prediction of a resource lay off: |p50 − y| / y, over rows with y > 0, and of
// the wall-clock y >= kShortestSeconds.
struct Accuracy {
  std::size_t rows = 0;
  std::optional<double> median_relative_error;
};

struct Scores {
  Coverage first;  // did the first allocation suffice
  std::array<Coverage, kRunBuckets.size()> by_runs;
  double wastage_gbh = 0;
  double used_gbh = 0;
  std::size_t failures = 0;            // failed attempts
  std::optional<double> median_slack;  // (given − needed) / needed of the first
  std::optional<double> p90_slack;     // allocation, where it sufficed
  Accuracy wall, read, written;
  Coverage wall_p95;  // did it end within the p95
};

class Tally {
 public:
  void add_memory(const Charge& charge, const Need& need, std::size_t earlier_runs);
  // Wall-clock, bytes read or bytes written were predicted so, and measured so (>= 0).
  void add_predicted(Resource resource, const Quantiles& predicted, double measured);
  void merge(const Tally& other);

  // Nothing was added.
  [[nodiscard]] bool is_empty() const;
  [[nodiscard]] double wastage_gbh() const { return sums_.wastage_gbh; }
  [[nodiscard]] Scores scores() const;

 private:
  Scores sums_;  // all but what the lists below tell
  std::vector<double> slacks_;
  std::vector<double> wall_errors_;
  std::vector<double> read_errors_;
  std::vector<double> written_errors_;
};

// Quantile q of the values, linear between order statistics (Hyndman & Fan's type 7), as Witt's
// percentile is. Absent if there are none.
std::optional<double> quantile(std::vector<double> values, double q);

}  // namespace jobward::backtest
