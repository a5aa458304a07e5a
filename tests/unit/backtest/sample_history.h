// Histories for the tests of the backtest, in gigabytes (1e9) and hours, so that GBh are read off.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backtest/replay.h"

namespace jobward::test {

constexpr double kGigabyte = 1e9;
constexpr double kHour = 3600;

// A run that took an hour.
inline profiles::PastRun hour_run(const std::string& job, double gigabytes) {
  profiles::PastRun run;
  run.job = job;
  run.fingerprint = profiles::kind_fingerprint(job);
  run.observation.used.set(Resource::memory, {gigabytes * kGigabyte, false});
  run.observation.used.set(Resource::wall, {kHour, false});
  return run;
}

// The same with times in seconds, which say nothing of how long it took.
inline profiles::PastRun timed_run(const std::string& job, double gigabytes, UnixMillis start,
                                   UnixMillis finish) {
  auto run = hour_run(job, gigabytes);
  run.started = start * 1000;
  run.finished = finish * 1000;
  return run;
}

// Lines are counted as in a file with a header.
inline profiles::PastRuns history_of(std::vector<profiles::PastRun> runs) {
  for (std::size_t i = 0; i < runs.size(); ++i)
    runs[i].line = i + 2;
  auto rest = std::make_shared<std::vector<profiles::PastRun>>(std::move(runs));
  return [rest, at = std::size_t{0}]() mutable -> Result<std::optional<profiles::PastRun>> {
    if (at == rest->size()) return std::nullopt;
    return (*rest)[at++];
  };
}

}  // namespace jobward::test
