// The database's tables, by named migrations.
#pragma once

#include "common/clock.h"
#include "common/result.h"
#include "profiles/sqlite.h"

namespace jobward::profiles {

// Brings the database up to the newest schema this program knows. A newer one is an error that says
// so, and nothing is written. Safe against another process doing the same.
Status migrate(sqlite::Database& db, UnixMillis now);

}  // namespace jobward::profiles
