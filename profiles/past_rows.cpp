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

// SQLite picks the small parts out of what is on record of a run: it does so at a fraction of
// the price of decoding all of it.
constexpr const char* kSelect =
    "SELECT id, program, argv, fp_exact, fp_masked, fp_program, created_ms, spawned_ms, ended_ms,"
    " json_extract(ending, '$.observation'),"
    " json_extract(request, '$.limits.memory.value'), json_extract(request, "
    "'$.limits.memory.source') FROM runs WHERE seq=? AND state='ended'";

std::optional<double> requested_bytes(const Statement& row) {
  const auto source = row.maybe_text(11);
  if (!source || !was_asked_for(*source) || row.real(10) <= 0) return std::nullopt;
  return row.real(10);
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
  run.requested_bytes = requested_bytes(row);
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

// Reads ahead, so many runs in one read transaction: one for each costs a fifth of all the time,
// and one for all of them would keep the log from being folded in.
constexpr std::size_t kAhead = 256;

class PastRows {
 public:
  PastRows(Database& db, Statement select, std::vector<std::int64_t> rows)
      : db_(db), select_(std::move(select)), rows_(std::move(rows)) {}

  Result<std::optional<PastRun>> next() {
    while (given_ == ahead_.size()) {
      if (at_ == rows_.size()) return std::nullopt;
      JOBWARD_RETURN_IF_ERROR(db_.execute("BEGIN"));
      const auto read = read_ahead();
      select_.reset();
      JOBWARD_RETURN_IF_ERROR(db_.execute("COMMIT"));
      JOBWARD_RETURN_IF_ERROR(read);
    }
    return std::move(ahead_[given_++]);
  }

 private:
  Status read_ahead() {
    ahead_.clear();
    given_ = 0;
    while (at_ < rows_.size() && ahead_.size() < kAhead) {
      auto found = select_.reset().bind(rows_[at_++]).step();
      if (!found) return tl::unexpected(std::move(found).error());
      if (!*found) continue;  // pruned meanwhile
      auto run = read_past_run(select_);
      if (!run) return tl::unexpected(std::move(run).error());
      if (!run->observation.used.empty()) ahead_.push_back(*std::move(run));
    }
    return {};
  }

  Database& db_;
  Statement select_;
  std::vector<std::int64_t> rows_;
  std::size_t at_ = 0;  // the next row to read
  std::vector<PastRun> ahead_;
  std::size_t given_ = 0;  // of them
};

}  // namespace

Result<PastRuns> read_past_runs(Database& db) {
  auto rows = ended_rows(db);
  if (!rows) return tl::unexpected(std::move(rows).error());
  auto select = db.prepare(kSelect);
  if (!select) return tl::unexpected(std::move(select).error());
  auto past = std::make_shared<PastRows>(db, *std::move(select), *std::move(rows));
  return PastRuns([past] { return past->next(); });
}

}  // namespace jobward::profiles
