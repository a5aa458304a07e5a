#include "estimator/portable_math.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace jobward::estimator {
namespace {

constexpr double kLn2High = 6.93147180369123816490e-01;  // fdlibm's split: exact when multiplied
constexpr double kLn2Low = 1.90821492927058770002e-10;   // by an exponent
constexpr double kSqrt2 = 1.41421356237309504880;
constexpr int kBias = 1023;
constexpr int kMantissaBits = 52;

double power_of_two(std::int64_t exponent) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + kBias) << kMantissaBits);
}

}  // namespace

double portable_log(double x) {
  x = std::max(x, 1e-300);
  const auto bits = std::bit_cast<std::uint64_t>(x);
  auto exponent = static_cast<std::int64_t>(bits >> kMantissaBits) - kBias;
  constexpr std::uint64_t kMantissa = (std::uint64_t{1} << kMantissaBits) - 1;
  double m = std::bit_cast<double>((bits & kMantissa) | std::bit_cast<std::uint64_t>(1.0));
  if (m > kSqrt2) {
    m *= 0.5;
    ++exponent;
  }
  const double s = (m - 1) / (m + 1);  // |s| <= 0.1716
  const double q = s * s;
  // The terms 1/19 to 1/3 of atanh(s)/s, and 1.
  double series = 1.0 / 19;
  series = 1.0 / 17 + q * series;
  series = 1.0 / 15 + q * series;
  series = 1.0 / 13 + q * series;
  series = 1.0 / 11 + q * series;
  series = 1.0 / 9 + q * series;
  series = 1.0 / 7 + q * series;
  series = 1.0 / 5 + q * series;
  series = 1.0 / 3 + q * series;
  series = 1 + q * series;
  const auto e = static_cast<double>(exponent);
  return e * kLn2High + (2 * s * series + e * kLn2Low);
}

double portable_exp(double x) {
  x = std::clamp(x, -690.0, 690.0);
  const auto n = static_cast<std::int64_t>(x * 1.44269504088896340736 + (x < 0 ? -0.5 : 0.5));
  const auto e = static_cast<double>(n);
  const double r = (x - e * kLn2High) - e * kLn2Low;  // |r| <= 0.347
  double series = 1 + r * (1.0 / 13);
  series = 1 + series * (r * (1.0 / 12));
  series = 1 + series * (r * (1.0 / 11));
  series = 1 + series * (r * (1.0 / 10));
  series = 1 + series * (r * (1.0 / 9));
  series = 1 + series * (r * (1.0 / 8));
  series = 1 + series * (r * (1.0 / 7));
  series = 1 + series * (r * (1.0 / 6));
  series = 1 + series * (r * (1.0 / 5));
  series = 1 + series * (r * (1.0 / 4));
  series = 1 + series * (r * (1.0 / 3));
  series = 1 + series * (r * (1.0 / 2));
  series = 1 + series * r;
  return series * power_of_two(n);
}

}  // namespace jobward::estimator
