#include "profiles/database_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "common/fault.h"
#include "common/fd.h"
#include "profiles/schema.h"

namespace jobward::profiles {
namespace {

using sqlite::Database;
using sqlite::Trouble;

constexpr const char* kFile = "/jobward.db";

Result<Fd> lock_directory(const std::string& directory) {
  Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno_error("open", directory);
  if (::flock(fd.get(), LOCK_EX) != 0) return errno_error("lock", directory);
  return fd;
}

enum class DirectoryLock { take, held };

// Making the tables (and turning the log on, for which SQLite does not wait) is for one process at
// a time: that is what the directory is locked for. A database that is ready is opened without.
Result<Database> open_current(const std::string& directory, UnixMillis now, DirectoryLock locking) {
  auto db = Database::open(directory + kFile, kBusyMs);
  if (!db) return db;
  // A commit must survive a power cut: FULL syncs the log at each one. Each process that opens the
  // database alone reads the whole log (4 MiB, 1 ms, at SQLite's default of 1000 pages), so it is
  // folded in every 100 pages: one more sync about every tenth run.
  if (auto set = db->execute("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=100"); !set)
    return tl::unexpected(std::move(set).error());
  auto version = db->integer("PRAGMA user_version");
  if (!version) return tl::unexpected(std::move(version).error());
  Fd lock;
  if (*version == 0 && locking == DirectoryLock::take) {
    auto locked = lock_directory(directory);
    if (!locked) return tl::unexpected(std::move(locked).error());
    lock = std::move(*locked);
  }
  if (auto migrated = migrate(*db, now); !migrated)
    return tl::unexpected(std::move(migrated).error());
  return db;
}

// Renames the database and its log out of the way, under a name that is not taken. Nothing is
// deleted.
Result<std::string> set_aside(const std::string& path, UnixMillis now) {
  const std::string base = path + ".corrupt-" + std::to_string(now);
  for (int number = 0;; ++number) {
    const std::string aside = number == 0 ? base : base + "-" + std::to_string(number);
    if (::access(aside.c_str(), F_OK) == 0) continue;
    // The log first: beside a new database SQLite would delete it.
    for (const auto* suffix : {"-wal", "-shm"})
      if (std::rename((path + suffix).c_str(), (aside + suffix).c_str()) != 0 && errno != ENOENT)
        return errno_error("set aside", path + suffix);
    JOBWARD_FAULT(setting_aside);
    if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, aside.c_str(), RENAME_NOREPLACE) != 0)
      return errno_error("set aside", path);
    return aside;
  }
}

}  // namespace

bool is_corruption(const Error& error) {
  const auto trouble = sqlite::trouble_of(error);
  return trouble == Trouble::corrupt || trouble == Trouble::not_a_database;
}

std::string database_path(const std::string& directory) { return directory + kFile; }

std::optional<ino_t> inode_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? std::optional(info.st_ino) : std::nullopt;
}

// The directory is locked meanwhile, so that only one does.
Result<Database> replace_corrupt(const std::string& directory, std::optional<ino_t> broken,
                                 const Clock& clock, const Notice& notice) {
  const std::string path = directory + kFile;
  const auto now = clock.wall_ms();
  const auto lock = lock_directory(directory);
  if (!lock) return tl::unexpected(lock.error());
  if (inode_of(path) == broken) {
    auto aside = set_aside(path, now);
    if (!aside) return tl::unexpected(std::move(aside).error());
    notice("the database " + path + " was corrupt: it is kept as " + *aside +
           ", and a new one was begun");
  }
  return open_current(directory, now, DirectoryLock::held);
}

Result<Database> open_database(const std::string& directory, const Clock& clock,
                               const Notice& notice) {
  const auto inode = inode_of(directory + kFile);
  auto db = open_current(directory, clock.wall_ms(), DirectoryLock::take);
  if (!db && is_corruption(db.error())) db = replace_corrupt(directory, inode, clock, notice);
  return db;
}

}  // namespace jobward::profiles
