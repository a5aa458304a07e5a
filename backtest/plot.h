// The calibration picture of a replay, as a self-contained SVG. Pure: the same points give the same
// bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace jobward::backtest {

struct PlotPoint {
  double given = 0;   // bytes, > 0
  double needed = 0;  // bytes, > 0
};

struct PlotLabels {
  std::string title;                 // any bytes
  std::optional<double> confidence;  // what the first allocations promise; absent: nothing
};

inline constexpr std::size_t kMostPoints = 4000;  // drawn; those that were too small come first
inline constexpr std::size_t kCoverageWindow = 200;

// Left: what the first attempt was given against what was needed, logarithmic, with the diagonal.
// Right: the share of the last kCoverageWindow rows whose first attempt sufficed, row by row.
// `points` are in the order of the replay. Readable on light and dark ground, without a stylesheet.
std::string calibration_svg(const std::vector<PlotPoint>& points, const PlotLabels& labels);

}  // namespace jobward::backtest
