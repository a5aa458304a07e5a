// The statements that put runs into the table and list the open ones.
#pragma once

#include <string>
#include <vector>

#include "profiles/run_store.h"
#include "profiles/sqlite.h"

namespace jobward::profiles {

Status insert_run(sqlite::Database& db, const RunRequest& request, const Timestamps& at,
                  RunState state);
// A queued run becomes an admitted one; an error if it is not queued any more.
Status set_admitted(sqlite::Database& db, const std::string& id, UnixMillis now);
// Oldest first.
Result<std::vector<OpenRun>> read_open_runs(sqlite::Database& db);
// RunStore::prune().
Result<std::vector<std::string>> prune_runs(sqlite::Database& db, UnixMillis moment, int keep,
                                            const Removing& removing);
// Of an unknown name: ended.
RunState state_from(const std::string& name);

}  // namespace jobward::profiles
