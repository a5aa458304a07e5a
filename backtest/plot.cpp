#include "backtest/plot.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "common/text.h"

namespace jobward::backtest {
namespace {

constexpr double kWidth = 960;
constexpr double kHeight = 456;
constexpr double kTop = 64;
constexpr double kSide = 340;  // of a panel
constexpr double kLeft = 84;   // of the first one
constexpr double kGap = 130;   // between them
constexpr std::size_t kMostCoverageSteps = 1000;
constexpr std::size_t kFirstRows = 50;  // the line begins there: before, one row moves it too much

// The colours of a page that knows no stylesheets; those of a dark one are in kStyle.
constexpr const char* kStyle =
    "<style>@media (prefers-color-scheme: dark) { .ground { fill: #16181d } .ink { fill: #e6e6e6 } "
    ".rule { stroke: #8a8f98 } .faint { stroke: #33373f } .fits { fill: #6cb6ff } "
    ".fails { fill: #ff7b72 } .line { stroke: #6cb6ff } }</style>\n";

// The same digits in any locale.
std::string number(double value) {
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, 1).ptr;
  return {text.data(), end};
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  // The two characters of UTF-8 that XML does not allow (U+FFFE, U+FFFF).
  for (const char* forbidden : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"})
    for (auto at = out.find(forbidden); at != std::string::npos; at = out.find(forbidden, at))
      out.replace(at, 3, "?");
  return out;
}

std::string text_at(double x, double y, const char* anchor, double size, std::string_view text,
                    const std::string& more = {}) {
  return "<text class=\"ink\" fill=\"#222222\" x=\"" + number(x) + "\" y=\"" + number(y) +
         "\" text-anchor=\"" + anchor + "\" font-size=\"" + number(size) + "\"" + more + ">" +
         escaped(text) + "</text>\n";
}

std::string upright_text(double x, double y, std::string_view text) {
  return text_at(x, y, "middle", 12, text,
                 " transform=\"rotate(-90 " + number(x) + " " + number(y) + ")\"");
}

enum class Stroke { rule, faint, dashed };
std::string line(double x1, double y1, double x2, double y2, Stroke stroke) {
  const std::string look = stroke == Stroke::faint
                               ? "class=\"faint\" stroke=\"#dddddd\""
                               : std::string("class=\"rule\" stroke=\"#666666\"") +
                                     (stroke == Stroke::dashed ? " stroke-dasharray=\"5 4\"" : "");
  return "<line " + look + " x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" +
         number(x2) + "\" y2=\"" + number(y2) + "\"/>\n";
}

std::string frame(double left) {
  return "<rect class=\"rule\" fill=\"none\" stroke=\"#666666\" x=\"" + number(left) + "\" y=\"" +
         number(kTop) + "\" width=\"" + number(kSide) + "\" height=\"" + number(kSide) + "\"/>\n";
}

// "256 MiB" for 28.
std::string power_words(int exponent) {
  constexpr std::array<const char*, 7> kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  const int unit = std::clamp(exponent / 10, 0, 6);
  return std::to_string(std::uint64_t{1} << static_cast<unsigned>(exponent - 10 * unit)) + " " +
         kUnits.at(static_cast<std::size_t>(unit));
}

// Both axes of the left panel, in powers of two.
struct Scale {
  int low = 0;
  int high = 1;
  int step = 1;
  [[nodiscard]] double along(double bytes) const {
    return std::clamp((std::log2(bytes) - low) / (high - low), 0.0, 1.0) * kSide;
  }
};

Scale scale_of(const std::vector<PlotPoint>& points) {
  constexpr int kMostExponent = 66;  // beyond any size that a history may hold (2^60), doubled
  constexpr int kMostTicks = 7;
  double low = 0x1p28;
  double high = 0x1p30;
  if (!points.empty()) low = high = points.front().needed;
  for (const auto& point : points) {
    low = std::min({low, point.given, point.needed});
    high = std::max({high, point.given, point.needed});
  }
  const auto exponent = [](double bytes) {
    return static_cast<int>(std::clamp(bytes, 0.0, double{kMostExponent}));
  };
  Scale out{exponent(std::floor(std::log2(low))), exponent(std::ceil(std::log2(high))), 1};
  while ((out.high - out.low) / out.step > kMostTicks)
    out.step = out.step == 1 ? 2 : out.step == 2 ? 5 : out.step + 5;
  if (out.high == out.low) ++out.high;
  return out;
}

// Evenly taken from `from`, at most `most`.
std::vector<std::size_t> thinned(const std::vector<std::size_t>& from, std::size_t most) {
  if (from.size() <= most) return from;
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < most; ++i)
    out.push_back(from[i * from.size() / most]);
  return out;
}

struct Drawn {
  std::vector<std::size_t> fits;
  std::vector<std::size_t> fails;
};

Drawn drawn_of(const std::vector<PlotPoint>& points) {
  Drawn all;
  for (std::size_t i = 0; i < points.size(); ++i)
    (points[i].given >= points[i].needed ? all.fits : all.fails).push_back(i);
  auto fails = thinned(all.fails, kMostPoints);
  auto fits = thinned(all.fits, kMostPoints - fails.size());
  return {std::move(fits), std::move(fails)};
}

std::string dots(const std::vector<PlotPoint>& points, const std::vector<std::size_t>& which,
                 const Scale& scale, const char* look) {
  std::string out = std::string("<g ") + look + ">\n";
  for (const auto i : which)
    out += "<circle cx=\"" + number(kLeft + scale.along(points[i].needed)) + "\" cy=\"" +
           number(kTop + kSide - scale.along(points[i].given)) + "\" r=\"2\"/>\n";
  return out + "</g>\n";
}

std::string sizes_panel(const std::vector<PlotPoint>& points) {
  const Scale scale = scale_of(points);
  std::string out;
  for (int tick = scale.low; tick <= scale.high; tick += scale.step) {
    const double along = kSide * (tick - scale.low) / (scale.high - scale.low);
    out += line(kLeft + along, kTop, kLeft + along, kTop + kSide, Stroke::faint);
    out += line(kLeft, kTop + kSide - along, kLeft + kSide, kTop + kSide - along, Stroke::faint);
    out += text_at(kLeft + along, kTop + kSide + 16, "middle", 10, power_words(tick));
    out += text_at(kLeft - 6, kTop + kSide - along + 4, "end", 10, power_words(tick));
  }
  const auto drawn = drawn_of(points);
  out += line(kLeft, kTop + kSide, kLeft + kSide, kTop, Stroke::dashed);
  out += dots(points, drawn.fits, scale, "class=\"fits\" fill=\"#1f6fb2\" fill-opacity=\"0.45\"");
  out += dots(points, drawn.fails, scale, "class=\"fails\" fill=\"#c8322b\" fill-opacity=\"0.9\"");
  out += frame(kLeft);
  out += text_at(kLeft + kSide / 2, kTop + kSide + 38, "middle", 12, "memory needed");
  out += upright_text(kLeft - 64, kTop + kSide / 2, "memory given at first");
  out +=
      text_at(kLeft, kTop - 8, "start", 12,
              "Below the line, in red: too little at first (" + std::to_string(drawn.fails.size()) +
                  " of " + std::to_string(drawn.fits.size() + drawn.fails.size()) + " drawn)");
  return out;
}

struct Step {
  std::size_t row = 0;  // counted from 1
  double coverage = 0;
};

std::vector<Step> running_coverage(const std::vector<PlotPoint>& points) {
  std::vector<Step> out;
  const std::size_t every = points.size() / kMostCoverageSteps + 1;
  const std::size_t from = std::min(kFirstRows, points.size());
  std::size_t covered = 0;
  const auto fits = [&](std::size_t i) { return points[i].given >= points[i].needed ? 1U : 0U; };
  for (std::size_t i = 0; i < points.size(); ++i) {
    covered += fits(i);
    if (i >= kCoverageWindow) covered -= fits(i - kCoverageWindow);
    const std::size_t row = i + 1;
    if (row < from || (row % every != 0 && row != points.size())) continue;
    const auto rows = static_cast<double>(std::min(row, kCoverageWindow));
    out.push_back({row, static_cast<double>(covered) / rows});
  }
  return out;
}

std::string percent(double share) {
  std::string text = number(share * 100);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text + " %";
}

// The right panel: rows from left to right, the share from `low` to 1 upwards.
struct CoverageAxes {
  double left = kLeft + kSide + kGap;
  double low = 0;
  double rows = 1;
  [[nodiscard]] double across(std::size_t row) const {
    return left + kSide * static_cast<double>(row) / rows;
  }
  [[nodiscard]] double height(double share) const { return kTop + kSide * (1 - share) / (1 - low); }
};

CoverageAxes axes_of(const std::vector<Step>& steps, std::size_t rows,
                     const std::optional<double>& confidence) {
  double lowest = confidence.value_or(1);
  for (const auto& step : steps)
    lowest = std::min(lowest, step.coverage);
  CoverageAxes axes;
  axes.low = std::clamp(std::floor(lowest * 20 - 0.5) / 20, 0.0, 0.95);
  axes.rows = static_cast<double>(std::max<std::size_t>(rows, 1));
  return axes;
}

std::string coverage_grid(const CoverageAxes& axes, std::size_t rows) {
  constexpr int kTicks = 5;
  const double right = axes.left + kSide;
  std::string out;
  for (int tick = 0; tick <= kTicks; ++tick) {
    const double share = axes.low + (1 - axes.low) * tick / kTicks;
    out += line(axes.left, axes.height(share), right, axes.height(share), Stroke::faint);
    out += text_at(axes.left - 6, axes.height(share) + 4, "end", 10, percent(share));
  }
  out += text_at(axes.left, kTop + kSide + 16, "middle", 10, "0");
  return out + text_at(right, kTop + kSide + 16, "middle", 10, std::to_string(rows));
}

std::string coverage_panel(const std::vector<PlotPoint>& points,
                           const std::optional<double>& confidence) {
  const auto steps = running_coverage(points);
  const auto axes = axes_of(steps, points.size(), confidence);
  const double right = axes.left + kSide;
  std::string out = coverage_grid(axes, points.size());
  if (confidence) {
    const double height = axes.height(*confidence);
    out += line(axes.left, height, right, height, Stroke::dashed);
    out += text_at(right + 4, height + 4, "start", 10, percent(*confidence));
  }
  out += "<polyline class=\"line\" fill=\"none\" stroke=\"#1f6fb2\" stroke-width=\"1.5\" points=\"";
  for (const auto& step : steps)
    out += number(axes.across(step.row)) + "," + number(axes.height(step.coverage)) + " ";
  out += "\"/>\n" + frame(axes.left);
  out += text_at(axes.left + kSide / 2, kTop + kSide + 38, "middle", 12,
                 "scored rows, in their order");
  out += upright_text(axes.left - 52, kTop + kSide / 2, "first allocation sufficed");
  return out + text_at(axes.left, kTop - 8, "start", 12,
                       "Coverage of the last " + std::to_string(kCoverageWindow) + " rows" +
                           (confidence ? "; dashed: what is promised" : ""));
}

}  // namespace

std::string calibration_svg(const std::vector<PlotPoint>& points, const PlotLabels& labels) {
  const std::string title = escaped(labels.title);
  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(kWidth) +
                    "\" height=\"" + number(kHeight) + "\" viewBox=\"0 0 " + number(kWidth) + " " +
                    number(kHeight) + "\" font-family=\"sans-serif\" role=\"img\">\n<title>" +
                    title + "</title>\n" + kStyle;
  out += "<rect class=\"ground\" fill=\"#ffffff\" width=\"100%\" height=\"100%\"/>\n";
  out += text_at(kWidth / 2, 26, "middle", 15, labels.title, " font-weight=\"bold\"");
  out += sizes_panel(points);
  out += coverage_panel(points, labels.confidence);
  return out + "</svg>\n";
}

}  // namespace jobward::backtest
