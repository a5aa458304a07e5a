#include "profiles/sqlite_run_store.h"

#include <algorithm>
#include <utility>

#include "common/fault.h"
#include "profiles/curve_rows.h"
#include "profiles/learned_rows.h"
#include "profiles/past_rows.h"
#include "profiles/relearn.h"
#include "profiles/run_codec.h"
#include "profiles/run_rows.h"
#include "profiles/sqlite.h"

namespace jobward::profiles {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;
using sqlite::Trouble;

constexpr int kReserveMs = 1500;  // below what a guardian takes for death (launcher/guardian.h)
constexpr std::size_t kShortestPrefix = 2;

constexpr const char* kColumns =
    "SELECT seq, id, name, state, project, program, argv, cwd, created_ms, admitted_ms, "
    "spawned_ms, ended_ms,"
    " fp_exact, fp_masked, fp_program, request, ending, curve FROM runs ";

Result<RunRecord> read_run(const Statement& row) {
  RunRecord record;
  record.sequence = row.integer(0);
  auto& request = record.request;
  request.id = row.text(1);
  request.name = row.text(2);
  record.state = state_from(row.text(3));
  request.project = row.text(4);
  request.program = row.text(5);
  request.argv = split_nul(row.text(6));
  request.cwd = row.text(7);
  record.at = {row.integer(8), row.maybe_integer(9), row.maybe_integer(10), row.maybe_integer(11)};
  request.fingerprint = {row.text(12), row.text(13), row.text(14)};
  if (auto read = decode_request(row.text(15), request); !read)
    return rethrow(std::move(read).error(), "run " + request.id);
  if (const auto text = row.maybe_text(16)) {
    auto ending = decode_ending(*text);
    if (!ending) return rethrow(std::move(ending).error(), "run " + request.id);
    auto curve = decode_curve(row.text(17));
    if (!curve) return rethrow(std::move(curve).error(), "run " + request.id);
    ending->curve = std::move(*curve);
    record.ending = std::move(*ending);
  }
  return record;
}

Result<std::vector<RunRecord>> read_runs(Statement& statement) {
  std::vector<RunRecord> out;
  while (true) {
    auto row = statement.step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) return out;
    auto record = read_run(statement);
    if (!record) return tl::unexpected(std::move(record).error());
    out.push_back(std::move(*record));
  }
}

class SqliteRunStore final : public RunStore {
 public:
  SqliteRunStore(Database db, std::string directory, const Clock& clock, Notice notice,
                 Learner learner)
      : db_(std::move(db)),
        directory_(std::move(directory)),
        inode_(inode_of(db_.path())),
        clock_(clock),
        notice_(std::move(notice)),
        learner_(std::move(learner)) {}

  Status begin(const RunRequest& request, const Timestamps& at) override {
    auto begun = insert_run(db_, request, at, RunState::admitted);
    if (begun || !is_corruption(begun.error())) return begun;
    // Corruption that opening did not meet: answered the same way, once.
    JOBWARD_RETURN_IF_ERROR(start_anew());
    return insert_run(db_, request, at, RunState::admitted);
  }
  Result<std::optional<RunState>> begin(const RunRequest& request, const Timestamps& at,
                                        const Gate& gate) override;
  Result<std::optional<RunState>> admit(const std::string& id, const Timestamps& at,
                                        const Gate& gate) override;
  Result<std::optional<double>> reserve(const std::string& id, const Reserve& decide) override;
  Result<std::vector<OpenRun>> open_runs() override { return read_open_runs(db_); }
  Result<std::optional<RunRecord>> requested(const std::string& key) override;
  Status forget_request(const std::string& id) override;
  Status forget_requests_before(UnixMillis moment) override;

  Status amend(const RunRequest& request) override;
  Status end(const std::string& id, const RunEnding& ending, const Timestamps& at,
             Teaches teaches) override;
  Result<std::vector<LearnedState>> learned(const Fingerprint& fingerprint) override;
  Result<std::vector<MemoryCurve>> curves(const std::string& masked) override {
    return read_curves(db_, masked);
  }
  Result<std::vector<RunRecord>> find(const std::string& reference) override;
  Result<std::vector<RunRecord>> beside(const std::string& id, UnixMillis from,
                                        UnixMillis to) override;
  Result<std::vector<std::string>> prune(UnixMillis moment, int keep,
                                         const Removing& removing) override {
    return prune_runs(db_, moment, keep, removing);
  }
  Result<PastRuns> past_runs() override { return read_past_runs(db_); }
  Result<std::vector<RunRecord>> history(const HistoryQuery& query) override;

 private:
  Result<std::optional<RunState>> begin_gated(const RunRequest& request, const Timestamps& at,
                                              const Gate& gate);
  Result<std::optional<double>> reserve_now(const std::string& id, const Reserve& decide);
  Status start_anew();
  Status close_run(const std::string& id, const RunEnding& ending, const Timestamps& at);
  Result<std::optional<std::vector<LearnedState>>> current_states(const Fingerprint& fingerprint);

  Database db_;
  std::string directory_;
  std::optional<ino_t> inode_;
  const Clock& clock_;
  Notice notice_;
  Learner learner_;
};

Status SqliteRunStore::start_anew() {
  auto fresh = replace_corrupt(directory_, inode_, clock_, notice_);
  if (!fresh) return tl::unexpected(std::move(fresh).error());
  db_ = std::move(*fresh);
  inode_ = inode_of(db_.path());
  return {};
}

Result<std::optional<RunState>> SqliteRunStore::begin(const RunRequest& request,
                                                      const Timestamps& at, const Gate& gate) {
  auto begun = begin_gated(request, at, gate);
  if (begun || !is_corruption(begun.error())) return begun;
  JOBWARD_RETURN_IF_ERROR(start_anew());
  return begin_gated(request, at, gate);
}

Result<std::optional<RunState>> SqliteRunStore::begin_gated(const RunRequest& request,
                                                            const Timestamps& at,
                                                            const Gate& gate) {
  auto transaction = Transaction::begin(db_);
  if (!transaction) return tl::unexpected(std::move(transaction).error());
  auto open = read_open_runs(db_);
  if (!open) return tl::unexpected(std::move(open).error());
  const auto state = gate(*open);
  if (!state) return state;
  JOBWARD_RETURN_IF_ERROR(insert_run(db_, request, at, *state));
  JOBWARD_FAULT(row_written);
  JOBWARD_RETURN_IF_ERROR(transaction->commit());
  JOBWARD_FAULT(row_committed);
  return state;
}

Result<std::optional<RunState>> SqliteRunStore::admit(const std::string& id, const Timestamps& at,
                                                      const Gate& gate) {
  auto transaction = Transaction::begin(db_);
  if (!transaction) return tl::unexpected(std::move(transaction).error());
  auto open = read_open_runs(db_);
  if (!open) return tl::unexpected(std::move(open).error());
  const auto state = gate(*open);
  if (state != RunState::admitted) return state;
  JOBWARD_RETURN_IF_ERROR(set_admitted(db_, id, at.admitted.value_or(clock_.wall_ms())));
  JOBWARD_FAULT(letting_in);
  JOBWARD_RETURN_IF_ERROR(transaction->commit());
  JOBWARD_FAULT(let_in);
  return state;
}

Result<std::optional<double>> SqliteRunStore::reserve(const std::string& id,
                                                      const Reserve& decide) {
  // Others must see it, a power cut need not leave it: no sync, for a job may be held up meanwhile.
  JOBWARD_RETURN_IF_ERROR(db_.execute(
      ("PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=" + std::to_string(kReserveMs)).c_str()));
  auto reserved = reserve_now(id, decide);
  JOBWARD_RETURN_IF_ERROR(db_.execute(
      ("PRAGMA synchronous=FULL; PRAGMA busy_timeout=" + std::to_string(kBusyMs)).c_str()));
  return reserved;
}

Result<std::optional<double>> SqliteRunStore::reserve_now(const std::string& id,
                                                          const Reserve& decide) {
  auto transaction = Transaction::begin(db_);
  if (!transaction) return tl::unexpected(std::move(transaction).error());
  auto open = read_open_runs(db_);
  if (!open) return tl::unexpected(std::move(open).error());
  const auto bytes = decide(*open);
  if (!bytes) return bytes;
  auto statement = db_.prepare("UPDATE runs SET reserved=? WHERE id=? AND state<>'ended'");
  if (!statement) return tl::unexpected(std::move(statement).error());
  JOBWARD_RETURN_IF_ERROR(statement->bind(*bytes).bind(id).run());
  JOBWARD_RETURN_IF_ERROR(transaction->commit());
  return bytes;
}

Result<std::optional<RunRecord>> SqliteRunStore::requested(const std::string& key) {
  auto statement = db_.prepare(std::string(kColumns) + "WHERE request_key=?");
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(key);
  auto runs = read_runs(*statement);
  if (!runs) return tl::unexpected(std::move(runs).error());
  return runs->empty() ? std::nullopt : std::optional(std::move(runs->front()));
}

Status SqliteRunStore::forget_request(const std::string& id) {
  auto statement = db_.prepare("UPDATE runs SET request_key=NULL WHERE id=?");
  if (!statement) return tl::unexpected(std::move(statement).error());
  return statement->bind(id).run();
}

Status SqliteRunStore::forget_requests_before(UnixMillis moment) {
  auto statement = db_.prepare(
      "UPDATE runs INDEXED BY runs_requested_until SET request_key=NULL"
      " WHERE request_key IS NOT NULL AND ended_ms<?");
  if (!statement) return tl::unexpected(std::move(statement).error());
  return statement->bind(moment).run();
}

Status SqliteRunStore::amend(const RunRequest& request) {
  auto statement = db_.prepare("UPDATE runs SET request=? WHERE id=?");
  if (!statement) return tl::unexpected(std::move(statement).error());
  return statement->bind(encode_request(request)).bind(request.id).run();
}

Status SqliteRunStore::end(const std::string& id, const RunEnding& ending, const Timestamps& at,
                           Teaches teaches) {
  auto transaction = Transaction::begin(db_);
  if (!transaction) return tl::unexpected(std::move(transaction).error());
  JOBWARD_RETURN_IF_ERROR(close_run(id, ending, at));
  if (teaches == Teaches::yes)
    JOBWARD_RETURN_IF_ERROR(teach(db_, learner_, id, ending.observation));
  JOBWARD_FAULT(close_written);
  JOBWARD_RETURN_IF_ERROR(transaction->commit());
  JOBWARD_FAULT(closed);
  return {};
}

Status SqliteRunStore::close_run(const std::string& id, const RunEnding& ending,
                                 const Timestamps& at) {
  auto statement = db_.prepare(
      "UPDATE runs SET request_key=iif(?, NULL, request_key), state='ended', outcome=?, "
      "spawned_ms=?, ended_ms=?, ending=?, curve=?"
      " WHERE id=? AND state<>'ended' RETURNING 1");
  if (!statement) return tl::unexpected(std::move(statement).error());
  // "Try again later" is no answer to be remembered.
  const bool came_to_nothing =
      ending.outcome == Outcome::not_admitted || ending.outcome == Outcome::cancelled;
  statement->bind(came_to_nothing ? 1 : 0)
      .bind(to_string(ending.outcome))
      .bind(at.spawned)
      .bind(at.ended)
      .bind(encode_ending(ending));
  auto closed = statement->bind_blob(encode_curve(ending.curve)).bind(id).step();
  if (!closed) return tl::unexpected(std::move(closed).error());
  if (!*closed)
    return error("close", "run " + id, "it is not open (another process closed it, or it is gone)");
  return {};
}

Result<std::vector<LearnedState>> SqliteRunStore::learned(const Fingerprint& fingerprint) {
  auto states = current_states(fingerprint);
  if (states && !*states) {
    JOBWARD_RETURN_IF_ERROR(make_current(db_, directory_, learner_, notice_));
    states = current_states(fingerprint);
  }
  if (!states) return tl::unexpected(std::move(states).error());
  if (!*states)
    return error("use", "what was learned", "another version of jobward has learned it anew");
  return std::move(**states);
}

// Absent: they are of another version.
Result<std::optional<std::vector<LearnedState>>> SqliteRunStore::current_states(
    const Fingerprint& fingerprint) {
  // One read transaction: the four states are of one moment, and the log is locked once.
  JOBWARD_RETURN_IF_ERROR(db_.execute("BEGIN"));
  Result<std::optional<std::vector<LearnedState>>> out = std::nullopt;
  if (const auto learning = read_learning(db_); !learning) {
    out = tl::unexpected(learning.error());
  } else if (!learner_.learn || learning->is_of(learner_)) {
    auto states = read_states(db_, learning->version.value_or(0), fingerprint);
    if (states)
      out = std::move(*states);
    else
      out = tl::unexpected(std::move(states).error());
  }
  if (auto ended = db_.execute("COMMIT"); !ended) return tl::unexpected(std::move(ended).error());
  return out;
}

Result<std::vector<RunRecord>> SqliteRunStore::find(const std::string& reference) {
  const auto query = [&](const char* where, const std::string& a,
                         const std::string& b) -> Result<std::vector<RunRecord>> {
    auto statement = db_.prepare(std::string(kColumns) + where);
    if (!statement) return tl::unexpected(std::move(statement).error());
    statement->bind(a);
    if (!b.empty()) statement->bind(b);
    return read_runs(*statement);
  };
  auto found = query("WHERE id=?", reference, "");
  if (!found || !found->empty()) return found;
  if (!reference.empty())
    found = query("WHERE name=? AND name<>'' ORDER BY seq DESC LIMIT 1", reference, "");
  if (!found || !found->empty() || reference.size() < kShortestPrefix) return found;
  // '~' sorts after every character of an id, so this is the range of ids that begin with the
  // reference.
  return query("WHERE id>=? AND id<? ORDER BY seq DESC LIMIT 10", reference, reference + "~");
}

Result<std::vector<RunRecord>> SqliteRunStore::beside(const std::string& id, UnixMillis from,
                                                      UnixMillis to) {
  // However many there are on record, looked at are those that came shortly before or after (of
  // more than 2000 in ten minutes the nearest), those that lasted longer than ten minutes
  // (runs_long), and those that are open.
  auto statement = db_.prepare(
      "WITH here(seq, since, until) AS (SELECT seq, ?2, ?3 FROM runs WHERE id=?1) " +
      std::string(kColumns) +
      "WHERE id<>?1 AND seq IN ("
      " SELECT r.seq FROM here JOIN runs r ON r.seq BETWEEN here.seq-500 AND here.seq+500"
      "  WHERE admitted_ms<=until AND ended_ms>=since"
      " UNION SELECT r.seq FROM here JOIN runs r INDEXED BY runs_long ON ended_ms>=since"
      "  WHERE ended_ms-admitted_ms>600000 AND admitted_ms<=until"
      " UNION SELECT r.seq FROM here JOIN runs r ON state<>'ended' WHERE admitted_ms<=until)"
      " ORDER BY seq DESC LIMIT 20");
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(id).bind(std::min(from, to)).bind(std::max(from, to));
  return read_runs(*statement);
}

Result<std::vector<RunRecord>> SqliteRunStore::history(const HistoryQuery& query) {
  std::string sql = kColumns;
  sql += "WHERE 1";
  if (query.open_only) sql += " AND state<>'ended'";
  if (!query.project.empty()) sql += " AND project=?";
  if (!query.program.empty()) sql += " AND program=?";
  sql += " ORDER BY seq DESC LIMIT ?";
  auto statement = db_.prepare(sql);
  if (!statement) return tl::unexpected(std::move(statement).error());
  if (!query.project.empty()) statement->bind_blob(query.project);
  if (!query.program.empty()) statement->bind_blob(query.program);
  statement->bind(query.limit);
  return read_runs(*statement);
}

}  // namespace

bool is_busy(const Error& error) { return sqlite::trouble_of(error) == Trouble::busy; }

Result<std::unique_ptr<RunStore>> open_sqlite_run_store(const std::string& directory,
                                                        const Clock& clock, Notice notice,
                                                        Learner learner) {
  auto db = open_database(directory, clock, notice);
  if (!db) return tl::unexpected(std::move(db).error());
  return std::make_unique<SqliteRunStore>(std::move(*db), directory, clock, std::move(notice),
                                          std::move(learner));
}

}  // namespace jobward::profiles
