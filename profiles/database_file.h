// The file that the stores share: jobward.db in the state directory.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "common/clock.h"
#include "common/result.h"
#include "profiles/sqlite.h"

namespace jobward::profiles {

// Told to the user in one line each: a corrupt database was set aside, and where; that it takes a
// while to learn anew.
using Notice = std::function<void(const std::string& text)>;

// How long another process's lock is waited for.
inline constexpr int kBusyMs = 10000;

bool is_corruption(const Error& error);

// Opens or creates the database, with the newest schema. One from a newer version is an error and
// stays as it is. A corrupt one is set aside, see replace_corrupt().
Result<sqlite::Database> open_database(const std::string& directory, const Clock& clock,
                                       const Notice& notice);

// The database's file in a state directory.
std::string database_path(const std::string& directory);

std::optional<ino_t> inode_of(const std::string& path);

// Answers corruption seen in the file `broken`: renames it to jobward.db.corrupt-TIME (with its
// log), never deletes it, begins a new one and says so. If another process has done so meanwhile,
// its new one is opened.
Result<sqlite::Database> replace_corrupt(const std::string& directory, std::optional<ino_t> broken,
                                         const Clock& clock, const Notice& notice);

}  // namespace jobward::profiles
