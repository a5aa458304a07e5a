// The row counts that verification accepted last, for checks that compare with them. In the
// database of the run store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "profiles/database_file.h"

namespace jobward::profiles {

// Keyed by the project's identity, contract id and check id, never by a contract's path: a copied
// contract has no past of its own. Not thread-safe; several processes may use one database at once.
class AcceptedRows {
 public:
  static Result<AcceptedRows> open(const std::string& directory, const Clock& clock,
                                   const Notice& notice);

  // Absent: none was accepted yet.
  Result<std::optional<std::int64_t>> find(const std::string& project, const std::string& contract,
                                           const std::string& check);
  // All of them or none.
  Status accept(const std::string& project, const std::string& contract,
                const std::vector<std::pair<std::string, std::int64_t>>& rows, UnixMillis now);

 private:
  explicit AcceptedRows(sqlite::Database db) : db_(std::move(db)) {}
  sqlite::Database db_;
};

}  // namespace jobward::profiles
