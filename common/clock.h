// The clock as a value that is passed in, so that decisions can be tested with data.
#pragma once

#include <chrono>
#include <cstdint>

namespace jobward {

using MonotonicTime = std::chrono::steady_clock::time_point;

// Milliseconds since the Unix epoch; what records carry. May jump: never measure a duration with
// it.
using UnixMillis = std::int64_t;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual MonotonicTime now() const = 0;
  [[nodiscard]] virtual UnixMillis wall_ms() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] MonotonicTime now() const override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] UnixMillis wall_ms() const override {
    using std::chrono::milliseconds;
    return std::chrono::duration_cast<milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace jobward
