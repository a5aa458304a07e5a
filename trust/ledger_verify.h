// Is the ledger as it was written?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "profiles/sqlite.h"
#include "trust/keys.h"
#include "trust/ledger_entry.h"

namespace jobward::trust {

// A head that lies outside of the store.
struct OutsideHead {
  Head head;
  std::string place;  // "/var/log/heads:12"
};
// Of a file with one envelope a line, such as an AnchorPlace writes. Lines that are none, or that
// `store` has not signed, are told in `problems`.
struct OutsideHeads {
  std::vector<OutsideHead> heads;
  std::vector<std::string> problems;
  std::int64_t others = 0;  // of other stores, which may share the file: not judged
};
Result<OutsideHeads> read_outside_heads(const std::string& path,
                                        const std::optional<PublicKey>& store);

struct Flaw {
  std::int64_t seq = 0;
  std::string what;  // "entry 7 was changed"
};

struct LedgerReport {
  std::int64_t entries = 0;
  std::vector<Flaw> flaws;  // in order; the first kMostFlaws of them
  std::int64_t more_flaws = 0;
  std::optional<Head> last_head;        // on record
  std::optional<OutsideHead> anchored;  // the newest one outside that the ledger agrees with
  [[nodiscard]] bool is_whole() const { return flaws.empty(); }
};
inline constexpr std::size_t kMostFlaws = 100;

// Reads the whole ledger in one go: about 3 µs an entry. `store`: the public half of the store's
// key; absent: there is none.
Result<LedgerReport> verify_ledger(profiles::sqlite::Database& db,
                                   const std::optional<PublicKey>& store,
                                   const std::vector<OutsideHead>& outside);

}  // namespace jobward::trust
