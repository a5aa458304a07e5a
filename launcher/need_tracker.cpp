#include "launcher/need_tracker.h"

#include <algorithm>
#include <cmath>

namespace jobward::launcher {

void NeedTracker::add(double seconds, const host::MemorySample& sample) {
  const auto need = static_cast<double>(sample.need());
  const auto current = static_cast<double>(sample.current);
  pace(seconds, sample);
  ++samples_;
  largest_need_ = std::max(largest_need_, need);
  if (current > largest_current_) {
    largest_current_ = current;
    file_at_largest_ = static_cast<double>(sample.file);
  }
  anon_peak_ = std::max(anon_peak_, static_cast<double>(sample.anon));
  file_peak_ = std::max(file_peak_, static_cast<double>(sample.file));
  shmem_peak_ = std::max(shmem_peak_, static_cast<double>(sample.shmem));
  draw(seconds, need);
  last_seconds_ = seconds;
  last_current_ = current;
}

void NeedTracker::pace(double seconds, const host::MemorySample& sample) {
  const auto current = static_cast<double>(sample.current);
  const double elapsed = seconds - last_seconds_;
  const double rate = elapsed > 0 ? std::abs(current - last_current_) / elapsed : 0;
  const double step = SamplingPace::kStep * std::max(largest_current_, SamplingPace::kQuietBytes);
  const double wanted = rate > 0 ? step / rate : SamplingPace::kLongest;
  delay_ = std::clamp(std::min(wanted, delay_ * SamplingPace::kGrowth), SamplingPace::kShortest,
                      SamplingPace::kLongest);
  const auto level = next_level(static_cast<double>(sample.need()));
  if (!level) return;
  const double fills = (*level - static_cast<double>(sample.need())) / SamplingPace::kFastestFill;
  delay_ = std::max(std::min(delay_, fills), SamplingPace::kShortestPolled);
}

// The next one to be reached; a limit that was passed goes on being looked at.
std::optional<double> NeedTracker::next_level(double need) const {
  auto nearest = levels_.polled_limit;
  if (nearest) nearest = std::max(*nearest, need);
  for (const double level : levels_.warnings)
    if (level >= need && (!nearest || level < *nearest)) nearest = level;
  return nearest;
}

void NeedTracker::draw(double seconds, double bytes) {
  if (!curve_.empty() && seconds - curve_.back().seconds < curve_spacing_) {
    curve_.back().bytes = std::max(curve_.back().bytes, bytes);
    return;
  }
  if (curve_.size() == kCurvePoints) {
    std::vector<CurvePoint> merged;
    for (std::size_t i = 0; i + 1 < curve_.size(); i += 2)
      merged.push_back({curve_[i].seconds, std::max(curve_[i].bytes, curve_[i + 1].bytes)});
    curve_ = std::move(merged);
    curve_spacing_ = curve_.back().seconds / (static_cast<double>(kCurvePoints) / 2);
  }
  curve_.push_back({seconds, bytes});
}

std::optional<NeedTracker::Need> NeedTracker::need(std::optional<double> kernel_peak) const {
  if (!kernel_peak) {
    if (samples_ == 0) return std::nullopt;
    return Need{largest_need_, "polled"};
  }
  if (samples_ < kEnoughSamples) return Need{*kernel_peak, "kernel_peak"};
  const double unseen = *kernel_peak - largest_current_;
  const double less_file = std::max(*kernel_peak - file_at_largest_, 0.0);
  if (unseen > SamplingPace::kStep * *kernel_peak && less_file > largest_need_)
    return Need{less_file, "kernel_peak_less_file"};
  return Need{largest_need_, "sampled"};
}

void NeedTracker::fill(Usage& usage) const {
  if (samples_ == 0) return;
  usage.set(Metric::memory_anon_peak, anon_peak_);
  usage.set(Metric::memory_file_peak, file_peak_);
  usage.set(Metric::memory_shmem_peak, shmem_peak_);
}

}  // namespace jobward::launcher
