// Made-up runs for the benchmarks: deterministic, shaped like the real ones.
#pragma once

#include <cstdint>
#include <string>

#include "profiles/run_record.h"

namespace jobward::bench {

// Run number `n`: one of `kinds` programs, memory growing with its input.
inline profiles::RunRequest sample_request(std::uint64_t n, std::uint64_t kinds) {
  profiles::RunRequest request;
  const std::string kind = std::to_string(n % kinds);
  std::string id = std::to_string(n);
  id.insert(0, 10 - std::min<std::size_t>(id.size(), 10), '0');
  request.id = id;
  request.argv = {"python3", "job" + kind + ".py", "--data", "part" + std::to_string(n) + ".csv"};
  request.cwd = request.project = "/home/someone/project";
  request.program = "job" + kind + ".py";
  request.fingerprint = {"exact" + id, "masked" + kind, "program" + kind};
  request.features = {{"size:--data", 1e6 * static_cast<double>(n % 97 + 1)}};
  request.limits.set(Resource::memory, {1e9, "estimate"});
  request.where = {"machine",         "boot", "pid:[1]", 1, "hybrid", "/sys/fs/cgroup/x",
                   "/sys/fs/cgroup/y"};
  return request;
}

inline profiles::RunEnding sample_ending(std::uint64_t n, const profiles::RunRequest& request) {
  profiles::RunEnding ending;
  ending.cause = "exit status 0";
  ending.exit_code = 0;
  ending.exit_source = "job";
  const double memory = 5e7 + 3 * request.features.at("size:--data");
  ending.usage.set(Metric::memory_need, memory);
  ending.usage.set(Metric::wall, 1 + static_cast<double>(n % 13));
  ending.observation.features = request.features;
  ending.observation.used.set(Resource::memory, {memory, false});
  ending.observation.used.set(Resource::wall, {1 + static_cast<double>(n % 13), false});
  for (int i = 0; i < 32; ++i)
    ending.curve.push_back({0.1 * i, memory * i / 32});
  return ending;
}

}  // namespace jobward::bench
