// The run store on SQLite: one file, jobward.db, in the state directory.
#pragma once

#include <memory>
#include <string>

#include "common/clock.h"
#include "common/result.h"
#include "profiles/database_file.h"
#include "profiles/learner.h"
#include "profiles/run_store.h"

namespace jobward::profiles {

// Opens or creates the database. A database from a newer version is an error and stays as it is. A
// corrupt one is renamed to jobward.db.corrupt-TIME (with its log), never deleted, and a new one is
// begun; `notice` says so. `clock` is borrowed for the store's life. Another process's lock is
// waited for, up to 10 s. Without a `learner` it tells what was learned as it is, and what ends
// through it is learned later.
Result<std::unique_ptr<RunStore>> open_sqlite_run_store(const std::string& directory,
                                                        const Clock& clock, Notice notice,
                                                        Learner learner = {});

}  // namespace jobward::profiles
