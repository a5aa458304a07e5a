// A clock that stands still until a test moves it.
#pragma once

#include "common/clock.h"

namespace jobward::test {

class FixedClock final : public Clock {
 public:
  explicit FixedClock(UnixMillis wall = 1'700'000'000'000) : wall_(wall) {}
  [[nodiscard]] MonotonicTime now() const override { return MonotonicTime(); }
  [[nodiscard]] UnixMillis wall_ms() const override { return wall_; }
  void set_wall(UnixMillis wall) { wall_ = wall; }

 private:
  UnixMillis wall_;
};

}  // namespace jobward::test
