#include "profiles/past_rows.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "profiles/run_codec.h"

namespace jobward::profiles {
namespace {

using sqlite::Database;
using sqlite::Statement;

// SQLite picks the two small parts out of what is on record of a run: it does so at a fraction of
// the price of decoding all of it.
constexpr const char* kSelect =
    "SELECT id, program, argv, fp_exact, fp_masked, fp_program, created_ms, spawned_ms, ended_ms,"
    " json_extract(ending, '$.observation'),"
    " json_extract(request, '$.limits.memory') FROM runs WHERE seq=? AND state='ended'";

Result<std::optional<double>> requested_bytes(const Statement& row) {
  const auto text = row.maybe_text(10);
  if (!text) return std::nullopt;
  const auto limit = decode_limit(*text);
  if (!limit) return tl::unexpected(limit.error());
  return was_asked_for(limit->source) && limit->value > 0 ? std::optional(limit->value)
                                                          : std::nullopt;
}

Result<PastRun> read_past_run(const Statement& row) {
  PastRun run;
  run.id = row.text(0);
  run.job = row.text(1);
  run.command = split_nul(row.text(2));
  run.fingerprint = {row.text(3), row.text(4), row.text(5)};
  run.submitted = row.integer(6);
  run.started = row.maybe_integer(7);
  run.finished = row.maybe_integer(8);
  if (const auto text = row.maybe_text(9)) {
    auto observation = decode_observation(*text);
    if (!observation) return rethrow(std::move(observation).error(), "run " + run.id);
    run.observation = *std::move(observation);
  }
  auto requested = requested_bytes(row);
  if (!requested) return rethrow(std::move(requested).error(), "run " + run.id);
  run.requested_bytes = *requested;
  return run;
}

// Numbers of the rows in the order in which they ended: the rows themselves are read one by one,
// so that a million of them need 8 MB.
Result<std::vector<std::int64_t>> ended_rows(Database& db) {
  auto statement = db.prepare("SELECT seq FROM runs WHERE state='ended' ORDER BY ended_ms, seq");
  if (!statement) return tl::unexpected(std::move(statement).error());
  std::vector<std::int64_t> out;
  while (true) {
    auto row = statement->step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) return out;
    out.push_back(statement->integer(0));
  }
}

class PastRows {
 public:
  PastRows(Statement select, std::vector<std::int64_t> rows)
      : select_(std::move(select)), rows_(std::move(rows)) {}

  Result<std::optional<PastRun>> next() {
    while (at_ < rows_.size()) {
      auto found = select_.reset().bind(rows_[at_++]).step();
      if (!found) return tl::unexpected(std::move(found).error());
      if (!*found) continue;  // pruned meanwhile
      auto run = read_past_run(select_);
      if (!run) return tl::unexpected(std::move(run).error());
      if (!run->observation.used.empty()) return *std::move(run);
    }
    select_.reset();  // no read transaction stays open
    return std::nullopt;
  }

 private:
  Statement select_;
  std::vector<std::int64_t> rows_;
  std::size_t at_ = 0;
};

}  // namespace

Result<PastRuns> read_past_runs(Database& db) {
  auto rows = ended_rows(db);
  if (!rows) return tl::unexpected(std::move(rows).error());
  auto select = db.prepare(kSelect);
  if (!select) return tl::unexpected(std::move(select).error());
  auto past = std::make_shared<PastRows>(*std::move(select), *std::move(rows));
  return PastRuns([past] { return past->next(); });
}

}  // namespace jobward::profiles
