#include "profiles/accepted_rows.h"

namespace jobward::profiles {

Result<AcceptedRows> AcceptedRows::open(const std::string& directory, const Clock& clock,
                                        const Notice& notice) {
  auto db = open_database(directory, clock, notice);
  if (!db) return tl::unexpected(std::move(db).error());
  return AcceptedRows(std::move(*db));
}

Result<std::optional<std::int64_t>> AcceptedRows::find(const std::string& project,
                                                       const std::string& contract,
                                                       const std::string& check) {
  auto query = db_.prepare(
      "SELECT rows FROM accepted_rows WHERE project = ? AND contract = ? AND check_id = ?");
  if (!query) return tl::unexpected(std::move(query).error());
  auto row = query->bind_blob(project).bind(contract).bind(check).step();
  if (!row) return tl::unexpected(std::move(row).error());
  return *row ? std::optional(query->integer(0)) : std::nullopt;
}

Status AcceptedRows::accept(const std::string& project, const std::string& contract,
                            const std::vector<std::pair<std::string, std::int64_t>>& rows,
                            UnixMillis now) {
  auto transaction = sqlite::Transaction::begin(db_);
  if (!transaction) return tl::unexpected(std::move(transaction).error());
  auto insert = db_.prepare(
      "INSERT OR REPLACE INTO accepted_rows(project, contract, check_id, rows, accepted_ms)"
      " VALUES(?, ?, ?, ?, ?)");
  if (!insert) return tl::unexpected(std::move(insert).error());
  for (const auto& [check, count] : rows) {
    insert->reset().bind_blob(project).bind(contract).bind(check).bind(count);
    JOBWARD_RETURN_IF_ERROR(insert->bind(now).run());
  }
  insert->reset();
  return transaction->commit();
}

}  // namespace jobward::profiles
