#include "launcher/limit_watch.h"

#include <catch2/catch.hpp>

using jobward::launcher::CpuWatch;
using jobward::launcher::StallWatch;

TEST_CASE("limit_watch: CPU time is looked at no later than it could be used up") {
  const CpuWatch watch(100, 4);
  CHECK(watch.next_delay(0) == Approx(25));
  CHECK(watch.next_delay(96) == Approx(1));
  CHECK(watch.next_delay(99.9999) == CpuWatch::kShortest);
  CHECK(!watch.is_over(99.9));
  CHECK(watch.is_over(100));
  CHECK(CpuWatch(1e9, 1).next_delay(0) == CpuWatch::kLongest);
}

TEST_CASE("limit_watch: Neither CPU time nor I/O for the time given is a stall") {
  StallWatch watch(10);
  CHECK(!watch.is_stalled(0, 1.0, 5));
  CHECK(!watch.is_stalled(9, 1.0, 5));
  CHECK(watch.is_stalled(10, 1.0, 5));
}

TEST_CASE("limit_watch: CPU time, and any I/O, start the time over") {
  StallWatch watch(10);
  CHECK(!watch.is_stalled(0, 1.0, 5));
  CHECK(!watch.is_stalled(9, 2.0, 5));   // computed
  CHECK(!watch.is_stalled(18, 2.0, 6));  // wrote
  CHECK(!watch.is_stalled(27, 2.0, 6));
  CHECK(watch.is_stalled(28, 2.0, 6));
}

TEST_CASE("limit_watch: The CPU time of a heartbeat is nothing done") {
  StallWatch watch(10);
  CHECK(!watch.is_stalled(0, 1.0, 5));
  CHECK(!watch.is_stalled(5, 1.004, 5));
  CHECK(watch.is_stalled(10, 1.008, 5));
}

TEST_CASE("limit_watch: A long gap between two looks is no stall if work was done in it") {
  StallWatch watch(10);
  CHECK(!watch.is_stalled(0, 1.0, 5));
  CHECK(!watch.is_stalled(1000, 500.0, 5));  // the supervisor had been stopped
  CHECK(!watch.is_stalled(1009, 500.0, 5));
  CHECK(watch.is_stalled(1010, 500.0, 5));
}

TEST_CASE("limit_watch: Where CPU time cannot be told I/O alone decides") {
  StallWatch watch(10);
  CHECK(!watch.is_stalled(0, std::nullopt, 5));
  CHECK(!watch.is_stalled(9, std::nullopt, 6));
  CHECK(watch.is_stalled(19, std::nullopt, 6));
}

TEST_CASE("limit_watch: A stall is looked for twenty times within its time") {
  CHECK(StallWatch(2).interval() == Approx(0.1));
  CHECK(StallWatch(1200).interval() == Approx(30));
  CHECK(StallWatch(0.1).interval() == Approx(0.05));
}
