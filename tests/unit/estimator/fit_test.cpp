#include "estimator/fit.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

using namespace jobward::estimator;
using Values = std::vector<double>;
using Points = std::vector<Point>;

namespace {

// Quantiles of Student's t distribution, from tables.
constexpr double kT95With2 = 2.919986;
constexpr double kT99With2 = 6.964557;
constexpr double kT95With3 = 2.353363;
constexpr double kT99With3 = 4.540703;
constexpr double kT95With4 = 2.131847;
constexpr double kT99With4 = 3.746947;

Approx near(double value) { return Approx(value).epsilon(1e-5); }

Values outlier_among(int equal) {
  Values values(static_cast<std::size_t>(equal), 100.0);
  values.push_back(1000);
  return values;
}

}  // namespace

TEST_CASE("fit: One run is bounded by the prior spread alone") {
  const auto bounds = bounds_of_alike({100}, 0.05);
  const double scale = 0.05 * std::sqrt(2.0);
  CHECK(bounds.p50 == 100);
  CHECK(bounds.p95 == near(101 * std::exp(kT95With2 * scale) - 1));
  CHECK(bounds.p99 == near(101 * std::exp(kT99With2 * scale) - 1));
}

TEST_CASE("fit: The margin that the header promises for one, three and ten equal runs of 100") {
  CHECK(std::lround(bounds_of_alike(Values(1, 100.0), 0.05).p99) == 164);
  CHECK(std::lround(bounds_of_alike(Values(3, 100.0), 0.05).p99) == 117);
  CHECK(std::lround(bounds_of_alike(Values(10, 100.0), 0.05).p99) == 106);
}

TEST_CASE("fit: Three equal runs by hand") {
  const auto bounds = bounds_of_alike({100, 100, 100}, 0.05);
  CHECK(bounds.p95 == near(109.184));
  CHECK(bounds.p99 == near(116.694));
}

TEST_CASE("fit: Scattered runs by hand, the p99 held to what few runs can say") {
  const auto bounds = bounds_of_alike({100, 300}, 0.05);
  CHECK(bounds.p50 == 200);
  const double deviation = (std::log(301.0) - std::log(101.0)) / 2;
  const double s = std::sqrt((2 * 0.05 * 0.05 + 2 * deviation * deviation) / 3);
  const double mean = (std::log(101.0) + std::log(301.0)) / 2;
  CHECK(bounds.p95 == near(std::exp(mean + kT95With3 * s * std::sqrt(1.5)) - 1));
  CHECK(bounds.p99 == near(300 * (1 + 2 / std::sqrt(2.0))));
}

TEST_CASE("fit: A bound is never below the sample's own quantile") {
  const auto bounds = bounds_of_alike(outlier_among(19), 0.05);
  CHECK(bounds.p50 == 100);
  CHECK(bounds.p99 == near(100 + 0.81 * 900));
}

TEST_CASE("fit: Bounds of alike runs grow with the quantile and with the prior") {
  for (const Values& values : {Values{7}, Values{0, 0}, Values{1, 2, 3}, outlier_among(40)}) {
    const auto narrow = bounds_of_alike(values, 0.05);
    const auto wide = bounds_of_alike(values, 0.15);
    CHECK(narrow.p50 <= narrow.p95);
    CHECK(narrow.p95 <= narrow.p99);
    CHECK(narrow.p99 <= wide.p99);
    CHECK(narrow.p50 == wide.p50);
  }
}

TEST_CASE("fit: Alike runs scale with their unit") {
  const auto small = bounds_of_alike({1e6, 1.1e6, 1.3e6}, 0.05);
  const auto large = bounds_of_alike({1e9, 1.1e9, 1.3e9}, 0.05);
  CHECK(large.p95 / small.p95 == Approx(1000).epsilon(1e-4));
  CHECK(large.p99 / small.p99 == Approx(1000).epsilon(1e-4));
}

TEST_CASE("fit: A line without residuals is bounded by the prior spread") {
  const auto bounds = bounds_on_line({{1, 10}, {2, 20}, {3, 30}}, 2, 0.05);
  const double scale = std::sqrt(2.0 / 3) * std::sqrt(1 + 1.0 / 3);
  CHECK(bounds.p50 == near(20));
  CHECK(bounds.p95 == near(20 + kT95With3 * scale));
  CHECK(bounds.p99 == near(20 + kT99With3 * scale));
}

TEST_CASE("fit: A line's bounds widen outside what was seen") {
  const Points points{{1, 10}, {2, 20}, {3, 30}};
  const auto outside = bounds_on_line(points, 4, 0.05);
  CHECK(outside.p50 == near(40));
  CHECK(outside.p99 == near(40 + kT99With3 * 2 * std::sqrt(2.0 / 3) * std::sqrt(1 + 1.0 / 3 + 2)));
  const auto inside = bounds_on_line(points, 2, 0.05);
  CHECK(outside.p99 / outside.p50 > inside.p99 / inside.p50);
}

TEST_CASE("fit: A line with residuals by hand") {
  const auto bounds = bounds_on_line({{0, 1}, {1, 3}, {2, 2}, {3, 6}}, 2, 0.1);
  const double s = std::sqrt((2 * 0.37 * 0.37 + 4.2) / 4);
  const double scale = s * std::sqrt(1 + 1.0 / 4 + 0.25 / 5);
  CHECK(bounds.p50 == near(3.7));
  CHECK(bounds.p95 == near(3.7 + kT95With4 * scale));
  CHECK(bounds.p99 == near(3.7 + kT99With4 * scale));
}

TEST_CASE("fit: A falling line never predicts less than nothing") {
  const auto bounds = bounds_on_line({{1, 30}, {2, 20}, {3, 10}}, 100, 0.05);
  CHECK(bounds.p50 > 0);
  CHECK(bounds.p99 > bounds.p50);
}

TEST_CASE("fit: Pearson's r by hand, 0 where a side does not vary") {
  CHECK(correlation({{0, 1}, {1, 3}, {2, 2}, {3, 6}}) == near(7 / std::sqrt(70.0)));
  CHECK(correlation({{1, 3}, {2, 2}, {3, 1}}) == near(-1));
  CHECK(correlation({{1, 3}, {1, 2}, {1, 1}}) == 0);
  CHECK(correlation({{1, 3}, {2, 3}, {3, 3}}) == 0);
  CHECK(correlation({{1, 3}}) == 0);
  CHECK(correlation({}) == 0);
}

TEST_CASE("fit: Sample quantiles lie between order statistics") {
  const Values values{4, 1, 3, 2};
  CHECK(sample_quantile(values, 0) == 1);
  CHECK(sample_quantile(values, 0.5) == near(2.5));
  CHECK(sample_quantile(values, 0.95) == near(3.85));
  CHECK(sample_quantile(values, 1) == 4);
  CHECK(sample_quantile({5}, 0.99) == 5);
}
