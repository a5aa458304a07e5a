// A run's record in which every field differs from its default.
#pragma once

#include <string>

#include "profiles/run_record.h"

namespace jobward::test {

inline profiles::RunRequest plain_request(const std::string& id) {
  profiles::RunRequest request;
  request.id = id;
  request.argv = {"python3", "train.py", "--epochs", "3"};
  request.cwd = "/home/u/p";
  request.project = "/home/u/p";
  request.program = "train.py";
  request.fingerprint = {"e-" + id, "masked-key", "program-key"};
  return request;
}

inline Estimate sample_estimate() {
  Estimate estimate;
  estimate.by.set(Resource::memory, {100 << 20, 120 << 20, 130 << 20});
  estimate.by.set(Resource::wall, {1.5, 2.25, 3});
  estimate.runs = 7;
  estimate.censored_runs = 2;
  estimate.level = Level::masked;
  estimate.reason = "5 runs of this command";
  return estimate;
}

inline profiles::RunRequest full_request(const std::string& id) {
  auto request = plain_request(id);
  request.name = "nightly";
  request.actor = {1000, {{"agent", "claude"}, {"role", "coder"}}};
  request.parent_run = "parent00aa";
  request.step_key = "step-1";
  request.attempt = 2;
  request.features = {{"size:--data", 4096}, {"num:--epochs", 3}};
  request.limits.set(Resource::memory, {256 << 20, "--mem"});
  request.limits.set(Resource::wall, {7200, "--time"});
  request.enforcement.set(Resource::memory, Enforcement::kernel);
  request.enforcement.set(Resource::wall, Enforcement::polled);
  request.reservation.set(Resource::memory, 256 << 20);
  request.estimate = sample_estimate();
  request.digests = {{"script", "/home/u/p/train.py", 12, 1'699'999'999'123, "00ff"},
                     {"input", "/home/u/p/huge", 1ULL << 40U, 5, ""}};
  request.where = {"machine", "boot", "pid:[1]", 4321, "hybrid", "/cg/job", "/cg/memory/job"};
  return request;
}

inline profiles::RunEnding full_ending() {
  profiles::RunEnding ending;
  ending.outcome = Outcome::memory_limit;
  ending.cause = "the job reached its memory limit of 256 MiB";
  ending.exit_code = 137;
  ending.exit_source = "jobward";
  ending.signal = 9;
  ending.usage.set(Metric::memory_peak, 256 << 20);
  ending.usage.set(Metric::memory_need, 255 << 20);
  ending.usage.set(Metric::wall, 0.1);
  ending.usage.basis["need_basis"] = "sampled";
  ending.observation.features = {{"size:--data", 4096}};
  ending.observation.used.set(Resource::memory, {256 << 20, true});
  ending.observation.used.set(Resource::wall, {0.1, false});
  ending.attempts = {
      {1, 128 << 20, std::nullopt, Outcome::memory_limit, "too small", 128 << 20, 0.05},
      {2, 256 << 20, std::nullopt, Outcome::memory_limit, ending.cause, 256 << 20, 0.1}};
  ending.raises = {{0.5, 64 << 20, 96 << 20}};
  ending.watchdog = {1500, KillLevel::kill, 312 << 20, 400 << 20, 240 << 20};
  ending.curve = {{0, 1024}, {0.5, 4096}};
  ending.digests = {{"output", "/home/u/p/model", 99, 77, "abcd"}};
  ending.findings = {{"verify", "rows", "row_count_parity", Severity::hard_fail, Severity::warn,
                      false, "3 rows, not 4", R"({"rows":3})"}};
  return ending;
}

}  // namespace jobward::test
