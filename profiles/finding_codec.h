// Findings as a part of a run's ending; for run_codec.cpp.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "common/finding.h"

namespace jobward::profiles {

nlohmann::json findings_json(const std::vector<Finding>& findings);
// A word that is no severity (of a later version) counts as the highest. Throws the library's
// exceptions for what is missing or of another type.
std::vector<Finding> read_findings(const nlohmann::json& json);

}  // namespace jobward::profiles
