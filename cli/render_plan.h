// What a run would be started with: `run --dry-run`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/config.h"
#include "cli/policy.h"
#include "host/backends/backend.h"
#include "launcher/job_runner.h"

namespace jobward::cli {

// All that is shown; borrowed.
struct PlanView {
  const launcher::RunOrder& order;
  const launcher::Preview& preview;
  const host::BackendChoice& choice;
  const Configuration& config;
  const LoadedPolicy& policy;
  std::vector<std::string> remarks;  // the front end's own, beside the plan's
};

// Why the run would not start; absent: it would.
std::optional<std::string> obstacle(const launcher::Preview& preview);
// 0 it would start, 77 the policy refuses it, 125 a limit cannot be enforced.
int dry_run_status(const launcher::Preview& preview);

std::string plan_text(const PlanView& view);
nlohmann::ordered_json plan_json(const PlanView& view);
// Where it did not come to a plan.
nlohmann::ordered_json plan_json(const std::string& obstacle);

}  // namespace jobward::cli
