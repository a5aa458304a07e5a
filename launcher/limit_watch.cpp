#include "launcher/limit_watch.h"

#include <algorithm>

namespace jobward::launcher {

double CpuWatch::next_delay(double used_seconds) const {
  return std::clamp((limit_ - used_seconds) / cpus_, kShortest, kLongest);
}

double StallWatch::interval() const {
  constexpr double kLooks = 20;       // a stall is noticed at most a twentieth too late
  constexpr double kShortest = 0.05;  // s
  constexpr double kLongest = 30;     // s
  return std::clamp(limit_ / kLooks, kShortest, kLongest);
}

bool StallWatch::is_stalled(double now, std::optional<double> cpu_seconds, std::uint64_t activity) {
  if (last_) {
    const bool computed = cpu_seconds && last_->cpu_seconds &&
                          *cpu_seconds - *last_->cpu_seconds > kIdleShare * (now - last_->at);
    // A look that comes far too late: we were stopped (Ctrl-Z), and the job with us.
    const bool late = now - last_->at > limit_;
    if (computed || late || activity != last_->activity) last_progress_ = now;
  }
  last_ = Look{now, cpu_seconds, activity};
  return now - last_progress_ >= limit_;
}

}  // namespace jobward::launcher
