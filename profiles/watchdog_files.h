// The files of the watchdog's journal, found, judged and read piece by piece.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "common/fd.h"
#include "common/result.h"
#include "profiles/state_dir.h"
#include "profiles/watchdog_journal.h"

namespace jobward::profiles {

// Where the watchdog keeps journal and lock; absent: this user has no home. Pure.
std::optional<std::string> watchdog_directory(unsigned uid, const Environment& environment);

struct JournalFile {
  std::string path;
  Fd fd;
  struct stat info {};
};
struct Journal {
  std::vector<JournalFile> files;     // oldest first; the last one may be `journal` itself
  std::vector<std::string> problems;  // files that are not believed, and why
};
// Opens `journal`, `journal.1` … . None, and no error, where there is no directory. Directory and
// files are believed if they belong to root or to `uid`, and only their owner may write them.
Result<Journal> open_journal(const std::string& directory, unsigned uid);
// The one file, if it is there.
Result<std::optional<JournalFile>> open_journal_file(const std::string& path, unsigned uid);

// How far a file was read.
struct JournalPosition {
  std::int64_t read_to = 0;
  std::int64_t lines = 0;
};

// What names a file whatever it is renamed to: the beginning of its first line, which holds
// instance and sequence number. (An inode number is soon used again.)
std::string journal_key(const JournalFile& file);

// Does a file still hold the lines that were read of it?
bool fits(const JournalFile& file, const JournalPosition& position);

// The next complete lines, about kLongestJournalLine bytes of them. `consumed` is 0 if there are
// none: reserved space behind the last line is not read where the file system can tell it.
Result<JournalPart> read_journal(const JournalFile& file, const JournalPosition& from);

}  // namespace jobward::profiles
