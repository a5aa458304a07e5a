// The memory curves in the table of runs.
#pragma once

#include <string>
#include <vector>

#include "profiles/memory_curve.h"
#include "profiles/sqlite.h"

namespace jobward::profiles {

// RunStore::curves().
Result<std::vector<MemoryCurve>> read_curves(sqlite::Database& db, const std::string& masked);

}  // namespace jobward::profiles
