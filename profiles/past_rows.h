// The ended runs of the table, for a replay.
#pragma once

#include "common/result.h"
#include "profiles/past_run.h"
#include "profiles/sqlite.h"

namespace jobward::profiles {

// RunStore::past_runs(). Borrows the database.
Result<PastRuns> read_past_runs(sqlite::Database& db);

}  // namespace jobward::profiles
