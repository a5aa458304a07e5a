// Runs and estimates as JSON: the contract that scripts and agents rely on (schema_version 1).
// Units are in the names; what was not measured is absent, never 0.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/finding.h"
#include "common/job_types.h"
#include "common/result.h"
#include "launcher/admission.h"
#include "launcher/job_runner.h"
#include "profiles/run_record.h"

namespace jobward::cli {

inline constexpr int kSchemaVersion = 1;

nlohmann::ordered_json to_json(const Estimate& estimate);
// The result of a run: of one that has just ended, or was never started.
nlohmann::ordered_json to_json(const launcher::RunResult& result);
// The same of one in the records; `alive`: its supervisor still holds its lock.
nlohmann::ordered_json to_json(const profiles::RunRecord& record, bool alive);

// "memory_bytes": …, "cpuset": "0-3,8", "io_read_device": the path or MAJOR:MINOR; "sources".
nlohmann::ordered_json limits_json(const Limits& limits);
// Limits that are set say who holds them; memory also says "none" when it is not limited at all.
nlohmann::ordered_json enforcement_json(const profiles::RunRequest& request);

// Of checks, as `findings` of a run; and back.
nlohmann::ordered_json findings_json(const std::vector<Finding>& findings);
Result<std::vector<Finding>> findings_from_json(const nlohmann::ordered_json& json);

// One line or indented; always valid UTF-8 (other bytes become U+FFFD).
std::string dump(const nlohmann::ordered_json& json, bool indented);

// Of a run that has not ended: "queued", "running", "supervisor_gone".
std::string state_name(const profiles::RunRecord& run, bool alive);

// "memory_bytes", "wall_seconds", "processes_count", "cpu_weight".
std::string unit_name(Resource resource);

}  // namespace jobward::cli
