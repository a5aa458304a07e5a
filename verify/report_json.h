// A report as JSON (schema_version 1, docs/contracts.md). What was not measured is absent.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "verify/report.h"

namespace jobward::verify {

nlohmann::ordered_json to_json(const Report& report);

// What a finding carries in `details`: the check as in the report, with its datasets' digests and
// the engine's version. One line.
std::string details_json(const Report& report, const CheckResult& check);

}  // namespace jobward::verify
