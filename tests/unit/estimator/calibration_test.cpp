#include "estimator/calibration.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "tests/support/random.h"

using jobward::Resource;
using jobward::estimator::Calibration;
using jobward::test::Random;

namespace {

double exponential(Random& random) { return -std::log(1 - random.uniform()); }

}  // namespace

TEST_CASE(
    "calibration: Where nothing was pooled, a bound is set further than the prediction says") {
  const Calibration calibration;
  for (const double confidence : {0.5, 0.9, 0.99, 0.999})
    CHECK(calibration.surprise_at(Resource::memory, 5, confidence) ==
          Approx(-Calibration::kPriorFactor * std::log(1 - confidence)));
}

TEST_CASE("calibration: With too few surprises for the confidence, the largest decides") {
  Calibration calibration;
  for (int i = 0; i < 20; ++i)
    calibration.add(Resource::memory, 5, 1);
  const double nominal = -Calibration::kPriorFactor * std::log(0.01);
  CHECK(calibration.surprise_at(Resource::memory, 5, 0.99) == Approx(nominal));
  calibration.add(Resource::memory, 5, 20);
  CHECK(calibration.surprise_at(Resource::memory, 5, 0.99) == Approx(20));
  CHECK(calibration.surprise_at(Resource::memory, 5, 0.5) == Approx(1));
}

TEST_CASE("calibration: Predictions that were right are taken at their word") {
  Random random(3);
  Calibration calibration;
  for (int i = 0; i < 2000; ++i)
    calibration.add(Resource::memory, 50, exponential(random));
  CHECK(calibration.surprise_at(Resource::memory, 50, 0.5) == Approx(std::log(2)).epsilon(0.2));
  CHECK(calibration.surprise_at(Resource::memory, 50, 0.95) == Approx(std::log(20)).epsilon(0.2));
}

TEST_CASE("calibration: Predictions that were too sure are corrected, too unsure ones as well") {
  Random random(4);
  for (const double factor : {3.0, 0.3}) {
    Calibration calibration;
    for (int i = 0; i < 2000; ++i)
      calibration.add(Resource::memory, 50, factor * exponential(random));
    CHECK(calibration.surprise_at(Resource::memory, 50, 0.95) ==
          Approx(factor * std::log(20)).epsilon(0.2));
  }
}

TEST_CASE("calibration: At most the promised share of what follows lies above the bound") {
  Random random(5);
  int above = 0;
  constexpr int kTrials = 40;
  constexpr int kNext = 400;
  for (int trial = 0; trial < kTrials; ++trial) {
    Calibration calibration;
    // Anything but exponential: the order of the surprises is all that counts.
    const auto surprise = [&] { return std::pow(random.uniform(), 3) * 30; };
    for (std::size_t i = 0; i < Calibration::kKeptOfMemory; ++i)
      calibration.add(Resource::memory, 12, surprise());
    const double bound = calibration.surprise_at(Resource::memory, 12, 0.99);
    for (int i = 0; i < kNext; ++i)
      above += surprise() > bound ? 1 : 0;
  }
  const double share = static_cast<double>(above) / (kTrials * kNext);
  CHECK(share <= 0.0115);
  CHECK(share >= 0.005);
}

TEST_CASE("calibration: Kinds of as many runs share a pool, others do not") {
  Calibration calibration;
  for (int i = 0; i < 500; ++i)
    calibration.add(Resource::memory, 10, 40);
  const double nominal = -Calibration::kPriorFactor * std::log(0.01);
  CHECK(calibration.surprise_at(Resource::memory, 29, 0.99) == Approx(40));
  for (const std::size_t runs : {1U, 9U, 30U, 1000U})
    CHECK(calibration.surprise_at(Resource::memory, runs, 0.99) == Approx(nominal));
  for (int i = 0; i < 500; ++i)
    calibration.add(Resource::memory, 99, 50);
  CHECK(calibration.surprise_at(Resource::memory, 30, 0.99) == Approx(50));
  CHECK(calibration.surprise_at(Resource::memory, 100, 0.99) == Approx(nominal));
  for (const auto resource : {Resource::wall, Resource::disk_growth, Resource::processes})
    CHECK(calibration.surprise_at(resource, 10, 0.99) == Approx(nominal));
}

TEST_CASE("calibration: A surer bound is never a lower one") {
  Random random(6);
  for (const int count : {0, 1, 2, 3, 10, 60, 99, 100, 101, 150, 400}) {
    Calibration calibration;
    for (int i = 0; i < count; ++i)
      calibration.add(Resource::memory, 3, 2 * exponential(random));
    double last = 0;
    for (double confidence = 0.5; confidence < 1; confidence += 0.0007) {
      const double surprise = calibration.surprise_at(Resource::memory, 3, confidence);
      INFO(count << " pooled, confidence " << confidence);
      REQUIRE(surprise >= last);
      last = surprise;
    }
  }
}

TEST_CASE("calibration: The oldest surprises are forgotten") {
  Calibration calibration;
  for (int i = 0; i < 400; ++i)
    calibration.add(Resource::memory, 5, 50);
  for (int i = 0; i < 400; ++i)
    calibration.add(Resource::memory, 5, 1);
  CHECK(calibration.surprise_at(Resource::memory, 5, 0.99) == Approx(1));
}

TEST_CASE("calibration: Surprises beyond all bounds are kept as large ones") {
  Calibration calibration;
  for (int i = 0; i < 400; ++i)
    calibration.add(Resource::memory, 5, 1e12);
  CHECK(calibration.surprise_at(Resource::memory, 5, 0.99) == Approx(65.535));
  for (int i = 0; i < 400; ++i)
    calibration.add(Resource::memory, 5, -1);
  CHECK(calibration.surprise_at(Resource::memory, 5, 0.99) == 0);
}

TEST_CASE("calibration: What is written reads the same, damage is noticed") {
  Calibration calibration;
  std::string bytes;
  calibration.encode(bytes);
  CHECK(bytes.empty());
  for (int i = 0; i < 150; ++i) {
    calibration.add(Resource::memory, static_cast<std::size_t>(i), i);
    calibration.add(Resource::wall, 3, i / 100.0);
  }
  calibration.encode(bytes);
  CHECK(bytes.size() == calibration.encoded_size());
  Calibration read;
  REQUIRE(read.decode(bytes));
  std::string again;
  read.encode(again);
  CHECK(again == bytes);
  for (std::size_t size = 1; size < bytes.size(); ++size)
    REQUIRE(!Calibration().decode(std::string_view(bytes).substr(0, size)));
  CHECK(!Calibration().decode(bytes + '\0'));
  bytes[1] = '\x7f';  // more surprises than a pool keeps
  CHECK(!Calibration().decode(bytes));
}
