// Random numbers that are the same on every machine: the engine is fixed by the standard, and the
// transforms are our own (those of <random> differ between libraries).
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

namespace jobward::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  // In [0, 1), 53 bits.
  double uniform() { return static_cast<double>(engine_() >> 11U) * 0x1p-53; }
  double between(double low, double high) { return low + (high - low) * uniform(); }
  // Mean 0, deviation 1 (Box and Muller).
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * 3.14159265358979323846 * uniform());
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace jobward::test
