// What a run would be started with: `run --dry-run`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/config.h"
#include "cli/policy.h"
#include "host/backends/backend.h"
#include "launcher/admission.h"
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
  launcher::Decision gate = {};      // what admission says now
};

// Why the run would not start, or not now; absent: it would.
std::optional<std::string> obstacle(const PlanView& view);
// 0 it would start, 75 it would have to wait, 77 it is refused, 125 a limit cannot be enforced.
int dry_run_status(const PlanView& view);

std::string plan_text(const PlanView& view);
nlohmann::ordered_json plan_json(const PlanView& view);
// Where it did not come to a plan.
nlohmann::ordered_json plan_json(const std::string& obstacle);

}  // namespace jobward::cli
