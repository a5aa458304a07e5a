#include "launcher/need_tracker.h"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace jobward;
using namespace jobward::launcher;
using host::MemorySample;

namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

MemorySample sample_of(std::uint64_t current, std::uint64_t file = 0) {
  MemorySample sample;
  sample.current = current;
  sample.file = file;
  sample.anon = current > file ? current - file : 0;
  return sample;
}

// Samples of the same memory, a second apart.
NeedTracker quiet(int samples, std::uint64_t current, std::uint64_t file = 0) {
  NeedTracker tracker;
  for (int i = 0; i < samples; ++i)
    tracker.add(i, sample_of(current, file));
  return tracker;
}

void check_need(const NeedTracker& tracker, std::optional<double> peak, double bytes,
                const std::string& basis) {
  const auto need = tracker.need(peak);
  REQUIRE(need);
  CHECK(need->bytes == bytes);
  CHECK(need->basis == basis);
}

void check_curve(const NeedTracker& tracker, double largest) {
  const auto& curve = tracker.curve();
  REQUIRE(!curve.empty());
  CHECK(curve.size() <= NeedTracker::kCurvePoints);
  double seen = 0;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    seen = std::max(seen, curve[i].bytes);
    if (i > 0) CHECK(curve[i].seconds > curve[i - 1].seconds);
  }
  CHECK(seen == largest);
}

// The delays of a job that grows by `rate` bytes a second from `start` on.
NeedTracker growing(double rate, double start, int samples, std::optional<double> polled = {}) {
  NeedTracker tracker(NeedTracker::Levels{polled, {}});
  double seconds = 0;
  for (int i = 0; i < samples; ++i) {
    tracker.add(seconds, sample_of(static_cast<std::uint64_t>(start + rate * seconds)));
    seconds += tracker.next_delay();
  }
  return tracker;
}

}  // namespace

TEST_CASE("need_tracker: Without a sample or a peak nothing is known") {
  const NeedTracker tracker;
  CHECK(!tracker.need(std::nullopt));
  Usage usage;
  tracker.fill(usage);
  CHECK(usage.values.empty());
  CHECK(tracker.curve().empty());
  CHECK(tracker.samples() == 0);
}

TEST_CASE("need_tracker: Fewer than twenty samples: the kernel's peak, page cache included") {
  check_need(NeedTracker(), 5000, 5000, "kernel_peak");
  check_need(quiet(19, 3000, 1000), 5000, 5000, "kernel_peak");
}

TEST_CASE("need_tracker: From twenty samples on the largest sample without page cache") {
  check_need(quiet(20, 100 * kMiB, 60 * kMiB), 100.0 * kMiB, 40.0 * kMiB, "sampled");
}

TEST_CASE("need_tracker: A peak between two samples counts, less the page cache there was") {
  check_need(quiet(20, 100 * kMiB, 60 * kMiB), 150.0 * kMiB, 90.0 * kMiB, "kernel_peak_less_file");
}

TEST_CASE("need_tracker: A peak that was all page cache never lowers what was sampled") {
  NeedTracker tracker = quiet(20, 90 * kMiB);
  tracker.add(20, sample_of(100 * kMiB, 80 * kMiB));
  check_need(tracker, 150.0 * kMiB, 90.0 * kMiB, "sampled");
}

TEST_CASE("need_tracker: Where no kernel peak exists the largest sample is a lower bound") {
  check_need(quiet(1, 3000, 1000), std::nullopt, 2000, "polled");
  check_need(quiet(50, 3000, 1000), std::nullopt, 2000, "polled");
}

TEST_CASE("need_tracker: The peaks of anonymous, file and shared memory are kept apart") {
  NeedTracker tracker;
  MemorySample first = sample_of(1000, 700);
  first.shmem = 50;
  tracker.add(0, first);
  tracker.add(1, sample_of(900, 100));
  Usage usage;
  tracker.fill(usage);
  CHECK(usage.get(Metric::memory_anon_peak) == 800.0);
  CHECK(usage.get(Metric::memory_file_peak) == 700.0);
  CHECK(usage.get(Metric::memory_shmem_peak) == 50.0);
}

TEST_CASE("need_tracker: A short curve keeps every point") {
  NeedTracker tracker;
  for (int i = 0; i < 256; ++i)
    tracker.add(i, sample_of(static_cast<std::uint64_t>(1000 + i), 500));
  REQUIRE(tracker.curve().size() == 256);
  CHECK(tracker.curve()[7].seconds == 7);
  CHECK(tracker.curve()[7].bytes == 507);
}

TEST_CASE("need_tracker: A long curve has at most 256 points, in order, and keeps its peak") {
  for (const int samples : {257, 258, 511, 512, 513, 1000, 12345}) {
    INFO(samples);
    for (const int peak_at : {0, 1, samples / 2, samples - 1}) {
      NeedTracker tracker;
      for (int i = 0; i < samples; ++i)
        tracker.add(i, sample_of(i == peak_at ? 10 * kMiB : kMiB));
      check_curve(tracker, 10.0 * kMiB);
      CHECK(tracker.curve().size() > NeedTracker::kCurvePoints / 4);
      CHECK(tracker.curve().front().seconds == 0);
      CHECK(tracker.curve().back().seconds > samples * 0.97 - 2);
    }
  }
}

TEST_CASE("need_tracker: A curve of uneven samples keeps its bound and its peak") {
  NeedTracker tracker;
  double seconds = 0;
  for (int i = 0; i < 3000; ++i) {
    tracker.add(seconds, sample_of(static_cast<std::uint64_t>(1000 + (i * 7919) % 3000)));
    seconds += i % 100 < 50 ? 0.002 : 0.5;
  }
  check_curve(tracker, 3999);
}

TEST_CASE("need_tracker: A quiet job is looked at ever more rarely, up to the longest delay") {
  NeedTracker tracker;
  double before = SamplingPace::kShortest;
  double seconds = 0;
  for (int i = 0; i < 30; ++i) {
    tracker.add(seconds, sample_of(200 * kMiB));
    CHECK(tracker.next_delay() <= before * SamplingPace::kGrowth * 1.000001);
    CHECK(tracker.next_delay() <= SamplingPace::kLongest);
    before = tracker.next_delay();
    seconds += before;
  }
  CHECK(before == SamplingPace::kLongest);
}

TEST_CASE("need_tracker: A growing job is looked at each time it may have grown by a hundredth") {
  // 100 MiB a second at about 1000 MiB: 1 % are 10 MiB, in 0.1 s.
  const auto tracker = growing(100.0 * kMiB, 1000.0 * kMiB, 30);
  CHECK(tracker.next_delay() == Approx(0.1).epsilon(0.5));
  CHECK(tracker.next_delay() >= 0.1);
  const auto fast = growing(20000.0 * kMiB, 100.0 * kMiB, 3);
  CHECK(fast.next_delay() == SamplingPace::kShortest);
}

TEST_CASE("need_tracker: A small job's growth decides nothing") {
  // 1 MiB a second: a hundredth of 64 MiB takes 0.64 s, more than the longest delay.
  CHECK(growing(1.0 * kMiB, 1.0 * kMiB, 30).next_delay() == SamplingPace::kLongest);
}

TEST_CASE("need_tracker: A job that starts to grow is seen at once") {
  NeedTracker tracker = quiet(30, 200 * kMiB);
  REQUIRE(tracker.next_delay() == SamplingPace::kLongest);
  tracker.add(29.5, sample_of(300 * kMiB));
  // 200 MiB/s: 1 % of 200 to 300 MiB takes 10 to 15 ms.
  CHECK(tracker.next_delay() >= 0.0099);
  CHECK(tracker.next_delay() <= 0.0151);
}

TEST_CASE("need_tracker: Where the limit is polled the next look is before it could be full") {
  const double limit = 200.0 * kMiB;
  const auto tracker = growing(0, 100.0 * kMiB, 30, limit);
  CHECK(tracker.next_delay() <= 100.0 * kMiB / SamplingPace::kFastestFill);
  CHECK(tracker.next_delay() >= SamplingPace::kShortestPolled);
  CHECK(growing(0, 250.0 * kMiB, 30, limit).next_delay() == SamplingPace::kShortestPolled);
}

TEST_CASE("need_tracker: Before a level of warning the next look is in time, after it as usual") {
  NeedTracker tracker(NeedTracker::Levels{{}, {100.0 * kMiB}});
  double seconds = 0;
  for (int i = 0; i < 30; ++i)
    tracker.add(seconds += tracker.next_delay(), sample_of(60 << 20));
  CHECK(tracker.next_delay() <= 40.0 * kMiB / SamplingPace::kFastestFill);
  for (int i = 0; i < 30; ++i)
    tracker.add(seconds += tracker.next_delay(), sample_of(120 << 20));
  CHECK(tracker.next_delay() == SamplingPace::kLongest);
}
