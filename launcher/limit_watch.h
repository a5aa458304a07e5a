// When the limits that no kernel holds are reached: CPU time and stalls of a whole job. Pure: what
// was measured comes in, a decision and the next look come out.
#pragma once

#include <cstdint>
#include <optional>

namespace jobward::launcher {

// CPU time of all processes together. It is looked at when, with every CPU busy, it could be used
// up.
class CpuWatch {
 public:
  // `cpus`: how many the job can keep busy at most.
  CpuWatch(double limit_seconds, double cpus) : limit_(limit_seconds), cpus_(cpus) {}
  [[nodiscard]] bool is_over(double used_seconds) const { return used_seconds >= limit_; }
  [[nodiscard]] double next_delay(double used_seconds) const;
  static constexpr double kShortest = 0.01;  // s: the limit is passed by no more than this x cpus
  static constexpr double kLongest = 60;     // s: clocks of suspended machines
 private:
  double limit_;
  double cpus_;
};

// No CPU time, no I/O and no output for `limit` seconds. A program that only waits, with a
// heartbeat of a timer, still uses a little CPU: below kIdleShare of one CPU nothing was done.
class StallWatch {
 public:
  explicit StallWatch(double limit_seconds) : limit_(limit_seconds) {}
  static constexpr double kIdleShare = 0.001;
  // Between two looks.
  [[nodiscard]] double interval() const;
  // `cpu_seconds`: used so far, absent if it cannot be told. `activity`: see activity_of(). True if
  // the job has stalled.
  bool is_stalled(double now, std::optional<double> cpu_seconds, std::uint64_t activity);

 private:
  struct Look {
    double at = 0;
    std::optional<double> cpu_seconds;
    std::uint64_t activity = 0;
  };
  double limit_;
  double last_progress_ = 0;
  std::optional<Look> last_;
};

}  // namespace jobward::launcher
