// Runs that wait or go on, with what they use now.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/run_reference.h"

namespace jobward::cli {

struct LiveRun {
  profiles::RunRecord record;
  bool alive = true;
  double elapsed_seconds = 0;          // since it was let in, or since it began to wait
  std::optional<double> memory_bytes;  // in use now, less page cache that can be had back
  std::size_t place = 0;               // in the queue, from 1; 0: it does not wait
};

// One that has not ended. Its place in the queue is not looked for.
LiveRun live_run(const RunDesk& desk, profiles::RunRecord record);

// Oldest first: those that go on, then the queue in its order.
Result<std::vector<LiveRun>> live_runs(const RunDesk& desk);
nlohmann::ordered_json live_json(const std::vector<LiveRun>& runs);
std::string live_table(const std::vector<LiveRun>& runs);

}  // namespace jobward::cli
