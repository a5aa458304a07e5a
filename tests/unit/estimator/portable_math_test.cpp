#include "estimator/portable_math.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/support/random.h"

using jobward::estimator::portable_exp;
using jobward::estimator::portable_log;
using jobward::test::Random;

namespace {

constexpr double kTolerance = 1e-14;

// Relative to the number, absolute where it is near 0.
bool is_close(double a, double b) {
  return std::abs(a - b) <= kTolerance * std::max(1.0, std::abs(b));
}

}  // namespace

TEST_CASE("portable_math: The logarithm agrees with the library's over all normal numbers") {
  Random random(1);
  for (int i = 0; i < 40000; ++i) {
    const double x = std::exp(random.between(-690, 709));
    INFO(x);
    REQUIRE(is_close(portable_log(x), std::log(x)));
  }
  for (int exponent = -996; exponent < 1024; ++exponent)
    for (const double m : {1.0, 1.4142135623730949, 1.4142135623730951, 1.9999999999999998}) {
      const double x = std::ldexp(m, exponent);
      INFO(x);
      REQUIRE(is_close(portable_log(x), std::log(x)));
    }
}

TEST_CASE("portable_math: The logarithm keeps its digits next to one") {
  CHECK(portable_log(1) == 0);
  for (double d = 1e-15; d < 0.1; d *= 3) {
    CHECK(portable_log(1 + d) == Approx(std::log(1 + d)).epsilon(kTolerance));
    CHECK(portable_log(1 - d) == Approx(std::log(1 - d)).epsilon(kTolerance));
  }
}

TEST_CASE("portable_math: What has no logarithm gives a finite number") {
  const double least = std::log(1e-300);
  for (const double x : {0.0, -1.0, 1e-310, 4.9e-324, -std::numeric_limits<double>::infinity()})
    CHECK(is_close(portable_log(x), least));
  CHECK(portable_log(std::numeric_limits<double>::max()) == Approx(709.782712893384));
  CHECK(std::isfinite(portable_log(std::numeric_limits<double>::infinity())));
}

TEST_CASE("portable_math: The exponential agrees with the library's") {
  Random random(2);
  for (int i = 0; i < 40000; ++i) {
    const double x = random.between(-690, 690);
    INFO(x);
    REQUIRE(portable_exp(x) == Approx(std::exp(x)).epsilon(kTolerance));
  }
  for (double x = 1e-18; x < 1; x *= 3) {
    CHECK(portable_exp(x) == Approx(std::exp(x)).epsilon(kTolerance));
    CHECK(portable_exp(-x) == Approx(std::exp(-x)).epsilon(kTolerance));
  }
  CHECK(portable_exp(0) == 1);
}

TEST_CASE("portable_math: The exponential of anything is finite and above 0") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double x : {-kInfinity, -1e300, -745.0, 710.0, 1e300, kInfinity}) {
    CHECK(std::isfinite(portable_exp(x)));
    CHECK(portable_exp(x) > 0);
  }
}

TEST_CASE("portable_math: Both never fall, and undo each other") {
  double last_log = -1e9;
  double last_exp = 0;
  for (double x = -690; x <= 690; x += 0.0173) {
    const double e = portable_exp(x);
    REQUIRE(e > last_exp);
    REQUIRE(portable_log(e) > last_log);
    REQUIRE(is_close(portable_log(e), x));
    last_exp = e;
    last_log = portable_log(e);
  }
}
