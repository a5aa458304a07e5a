#include "backtest/plot.h"

#include <catch2/catch.hpp>
#include <string>

using namespace jobward;
using backtest::calibration_svg;
using backtest::PlotPoint;

namespace {

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

// Of the tags of a text without comments: every one is closed in its order. Empty: it is so.
std::string first_fault(const std::string& text) {
  std::vector<std::string> open;
  for (auto at = text.find('<'); at != std::string::npos; at = text.find('<', at + 1)) {
    const auto end = text.find('>', at);
    if (end == std::string::npos) return "a tag without an end";
    const std::string tag = text.substr(at + 1, end - at - 1);
    if (tag.find('<') != std::string::npos) return "a tag in a tag: " + tag;
    if (count_of(tag, "\"") % 2 != 0) return "an open quote: " + tag;
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != tag.substr(1)) return "closes what is not open: " + tag;
      open.pop_back();
    } else if (!tag.ends_with('/')) {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  return open.empty() ? "" : "left open: " + open.back();
}

// Dots in red are failures; see the names of the groups.
std::size_t dots_in(const std::string& svg, const std::string& group) {
  const auto from = svg.find("<g class=\"" + group + "\"");
  REQUIRE(from != std::string::npos);
  return count_of(svg.substr(from, svg.find("</g>", from) - from), "<circle");
}

std::vector<PlotPoint> points(std::size_t fits, std::size_t fails) {
  std::vector<PlotPoint> out;
  for (std::size_t i = 0; i < std::max(fits, fails); ++i) {
    const double size = 1e6 * static_cast<double>(1 + i % 1000);
    if (i < fits) out.push_back({size * 1.3, size});
    if (i < fails) out.push_back({size * 0.9, size});
  }
  return out;
}

}  // namespace

TEST_CASE("backtest plot: The picture is well-formed, and always the same") {
  const auto some = points(300, 5);
  const auto svg = calibration_svg(some, {"align", 0.99});
  CHECK(first_fault(svg).empty());
  CHECK(svg == calibration_svg(some, {"align", 0.99}));
  CHECK(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  CHECK_THAT(svg,
             Catch::Contains("MiB") && Catch::Contains("memory needed") && Catch::Contains("99 %"));
  CHECK(count_of(svg, "nan") == 0);
  CHECK(count_of(svg, "inf") == 0);
}

TEST_CASE("backtest plot: Every failure is drawn, and of the others as many as there is room for") {
  const auto few = calibration_svg(points(300, 5), {"", 0.99});
  CHECK(dots_in(few, "fits") == 300);
  CHECK(dots_in(few, "fails") == 5);
  const auto many = calibration_svg(points(20000, 700), {"", 0.99});
  CHECK(dots_in(many, "fails") == 700);
  CHECK(dots_in(many, "fits") == backtest::kMostPoints - 700);
  const auto all_fail = calibration_svg(points(10, 9000), {"", std::nullopt});
  CHECK(dots_in(all_fail, "fails") == backtest::kMostPoints);
}

TEST_CASE("backtest plot: Few points, none, and sizes at both ends") {
  for (const auto& some : {std::vector<PlotPoint>{}, points(1, 0), points(0, 1),
                           std::vector<PlotPoint>{{1, 1.15e18}, {2.3e18, 0.5}},
                           std::vector<PlotPoint>{{1024, 1024}}}) {
    const auto svg = calibration_svg(some, {"a few", 0.5});
    CHECK(first_fault(svg).empty());
    CHECK(count_of(svg, "nan") == 0);
    CHECK(count_of(svg, "inf") == 0);
  }
}

TEST_CASE("backtest plot: Names cannot break out of the text") {
  const auto svg =
      calibration_svg(points(3, 0), {"</title><script>\"&'\x01\xff\xEF\xBF\xBF\n", std::nullopt});
  CHECK(first_fault(svg).empty());
  CHECK(count_of(svg, "<script") == 0);
  CHECK_THAT(svg, Catch::Contains("&lt;script&gt;&quot;&amp;"));
  CHECK(count_of(svg, "\x01") == 0);
  CHECK(count_of(svg, "\xff") == 0);
  CHECK(count_of(svg, "\xEF\xBF\xBF") == 0);
}
