// What the watchdog did, taken from its journal into the database of the run store.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "profiles/database_file.h"
#include "profiles/watchdog_files.h"
#include "profiles/watchdog_journal.h"

namespace jobward::profiles {

// A line of the journal that could not be used, as it was noted when it was read.
struct NotedLine {
  UnixMillis noted = 0;
  std::string file;
  BrokenLine line;
  [[nodiscard]] std::string message() const;  // "FILE:LINE: the line cannot be used: WHY"
};

// By which the ledger knows an event: "watchdog:INSTANCE:SEQ".
std::string ledger_ref(const WatchdogEvent& event);

// Not thread-safe; several processes may use one database at once.
class WatchdogStore {
 public:
  // `patience_ms`: how long another process's lock is waited for.
  static Result<std::unique_ptr<WatchdogStore>> open(const std::string& directory,
                                                     const Clock& clock, const Notice& notice,
                                                     int patience_ms = kBusyMs);

  struct Taken {
    std::size_t events = 0;  // new ones
    std::vector<NotedLine> broken;
    bool all = true;                  // there is nothing left to take
    std::int64_t newest_read_to = 0;  // of the journal's last file
  };
  // Takes in what was not yet: each event once, by instance and sequence number, in the order of
  // the files. At most `pieces` of about kLongestJournalLine bytes, each in a transaction with how
  // far it was read. Not synced: what a power cut takes back is read again.
  Result<Taken> take(const Journal& journal, int pieces);

  // Complete lines that were not taken in.
  Result<std::int64_t> untaken(const Journal& journal);

  // Newest first. Without `all`: kills (also of dry runs) and findings, no starts, stops and
  // warnings. Outcomes are told with their kill; one alone only if its kill is not on record.
  Result<std::vector<WatchdogEvent>> events(int limit, bool all);
  Result<std::optional<WatchdogEvent>> outcome_of(const WatchdogEvent& kill);
  // The newest one that was meant.
  Result<std::optional<WatchdogEvent>> kill_of(const std::string& run);
  // Kills that were meant, oldest first, of which the ledger (the same database) has no entry whose
  // ref is ledger_ref().
  Result<std::vector<WatchdogEvent>> kills_beyond_ledger();
  // The newest of this name.
  Result<std::optional<WatchdogEvent>> last(const std::string& event);
  // Newest first.
  Result<std::vector<NotedLine>> broken(int limit);

  // Forgets what is older. How many events.
  Result<std::int64_t> prune(UnixMillis moment);

 private:
  WatchdogStore(sqlite::Database db, const Clock& clock) : db_(std::move(db)), clock_(clock) {}
  Result<JournalPosition> position(const JournalFile& file, const std::string& key);
  Result<bool> take_piece(const JournalFile& file, const std::string& key, Taken& taken);
  Status add(const JournalFile& file, JournalPart part, const JournalPosition& from, Taken& taken);
  Status note(NotedLine line, Taken& taken);
  Result<std::optional<WatchdogEvent>> one(sqlite::Statement& statement);

  sqlite::Database db_;
  const Clock& clock_;
};

}  // namespace jobward::profiles
