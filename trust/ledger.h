// The ledger: an append-only table in the store, each entry hashed with the one before it.
//
// What it gives: a changed, missing or re-ordered entry is found (ledger_verify.h), and one that
// was cut off at the end by a head that was exported before. What it does not: nobody who can write
// the store is kept from writing it. docs/trust.md says more.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "profiles/database_file.h"
#include "profiles/sqlite.h"
#include "trust/anchors.h"
#include "trust/ledger_entry.h"

namespace jobward::trust {

struct LedgerSetup {
  std::string state_directory;  // prepared (profiles/state_dir.h)
  std::string host;             // names this machine in heads
  std::vector<AnchorPlace> anchors;
};

struct LedgerQuery {
  std::string run;  // empty: all, as below
  std::string check;
  std::string project;
  std::string subject;
  std::string actor;  // a uid, or what is claimed
  std::optional<Severity> severity;
  std::optional<EntryKind> kind;
  std::optional<UnixMillis> since;
  std::optional<UnixMillis> until;
  std::optional<int> newest;  // so many; absent: all
};

class Ledger;

// Several entries, and what else belongs with them, in one durable transaction. Without commit()
// nothing of it happens. Must not outlive its ledger.
class LedgerBatch {
 public:
  // The entry's number.
  Result<std::int64_t> append(const NewEntry& entry);
  // For what else is written in the same transaction.
  [[nodiscard]] profiles::sqlite::Database& database();
  // Signs the head where it is due, commits, exports the head. That a place could not be written is
  // told as a notice and kept on record: the entries are safe, and the next head says the same.
  Status commit();

 private:
  friend class Ledger;
  LedgerBatch(Ledger& ledger, profiles::sqlite::Transaction transaction)
      : ledger_(ledger), transaction_(std::move(transaction)) {}
  Result<std::optional<std::string>> sign_if_due();

  Ledger& ledger_;
  profiles::sqlite::Transaction transaction_;
  bool at_once_ = false;
  std::int64_t seq_ = 0;
  std::string hash_;
};

// Not thread-safe; several processes may use one database at once.
class Ledger {
 public:
  static Result<std::unique_ptr<Ledger>> open(LedgerSetup setup, const Clock& clock,
                                              const profiles::Notice& notice);

  Result<LedgerBatch> begin();
  // One entry in a transaction of its own: at most twice a bare fdatasync. Its number.
  Result<std::int64_t> append(const NewEntry& entry);
  // Signs and exports the head if a day has passed since the last one and there is something new.
  Status anchor_if_due();

  // Oldest first.
  Result<std::vector<Entry>> query(const LedgerQuery& query);
  // The newest that matches.
  Result<std::optional<Entry>> newest(const LedgerQuery& query);
  // Is there an entry with this `ref`?
  Result<bool> has_ref(const std::string& ref);
  Result<std::int64_t> size();

  // When a head got to each place last.
  struct Export {
    std::string place;
    std::int64_t seq = 0;  // up to which entry
    UnixMillis time = 0;
    std::string problem;  // empty: it is there
  };
  Result<std::vector<Export>> exports();

  [[nodiscard]] profiles::sqlite::Database& database() { return db_; }
  [[nodiscard]] const LedgerSetup& setup() const { return setup_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }

 private:
  friend class LedgerBatch;
  Ledger(LedgerSetup setup, profiles::sqlite::Database db, const Clock& clock,
         profiles::Notice notice)
      : setup_(std::move(setup)), db_(std::move(db)), clock_(clock), notice_(std::move(notice)) {}
  void export_everywhere(std::int64_t seq, const std::string& head);

  LedgerSetup setup_;
  profiles::sqlite::Database db_;
  const Clock& clock_;
  profiles::Notice notice_;
  std::optional<profiles::sqlite::Statement> insert_;
  std::optional<profiles::sqlite::Statement> last_;
  std::optional<profiles::sqlite::Statement> last_head_;
};

}  // namespace jobward::trust
