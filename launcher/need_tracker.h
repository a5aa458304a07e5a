// From memory samples to the run's need, its curve, and when to sample next. Pure: time arrives as
// data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/job_types.h"
#include "host/backends/backend.h"

namespace jobward::launcher {

// How often to look. The next delay is the time in which, at the rate last seen, memory changes by
// 1 % of the largest value so far (at least of kQuietBytes): a growing job is seen often, a quiet
// one hardly.
struct SamplingPace {
  static constexpr double kShortest = 0.002;  // s; a sample costs about 20 µs
  static constexpr double kLongest = 0.5;     // s; a quiet job costs 0.01 % of a core
  static constexpr double kGrowth = 1.5;      // a delay is at most this times the one before
  static constexpr double kStep = 0.01;       // share of the largest value that may pass unseen
  static constexpr double kQuietBytes = 64 << 20;  // below it 1 % decides nothing
  // Where something is to be done at a level: the fastest filling assumed, bytes/s (two cores
  // writing fresh pages reach 4 GiB/s here); the next look is no later than it would take to fill
  // what is left.
  static constexpr double kFastestFill = 4.0 * (1U << 30U);
  static constexpr double kShortestPolled = 0.005;  // s
};

class NeedTracker {
 public:
  // Bytes of need at which the supervisor has to act: a limit that it holds itself, and warnings.
  struct Levels {
    std::optional<double> polled_limit;
    std::vector<double> warnings;
  };
  NeedTracker() = default;
  explicit NeedTracker(Levels levels) : levels_(std::move(levels)) {}

  void add(double seconds, const host::MemorySample& sample);
  [[nodiscard]] double next_delay() const { return delay_; }
  [[nodiscard]] int samples() const { return samples_; }

  // What the run needed, and how that is known ("need_basis"):
  //  sampled               the largest sample of (current − file), from kEnoughSamples samples or
  //  more kernel_peak           fewer samples: the kernel's peak, page cache included
  //  kernel_peak_less_file the kernel saw a peak between two samples: that peak less the page cache
  //  that was
  //                        there at the largest sample; never less than the largest sample
  //  polled                no kernel peak exists: the largest sample, a lower bound
  // Absent without any sample or peak.
  struct Need {
    double bytes = 0;
    std::string basis;
  };
  [[nodiscard]] std::optional<Need> need(std::optional<double> kernel_peak) const;
  static constexpr int kEnoughSamples = 20;

  // Adds the peaks of anon, file and shmem, absent without samples.
  void fill(Usage& usage) const;
  // At most kCurvePoints points; where there were more, neighbours are merged into the larger one.
  [[nodiscard]] const std::vector<CurvePoint>& curve() const { return curve_; }
  static constexpr std::size_t kCurvePoints = 256;

 private:
  void pace(double seconds, const host::MemorySample& sample);
  void draw(double seconds, double bytes);

  [[nodiscard]] std::optional<double> next_level(double need) const;

  Levels levels_;
  int samples_ = 0;
  double delay_ = SamplingPace::kShortest;
  double last_seconds_ = 0;
  double last_current_ = 0;
  double largest_need_ = 0;
  double largest_current_ = 0;
  double file_at_largest_ = 0;
  double anon_peak_ = 0;
  double file_peak_ = 0;
  double shmem_peak_ = 0;
  std::vector<CurvePoint> curve_;
  double curve_spacing_ = 0;
};

}  // namespace jobward::launcher
