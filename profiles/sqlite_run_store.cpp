#include "profiles/sqlite_run_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "common/fault.h"
#include "common/fd.h"
#include "profiles/past_rows.h"
#include "profiles/run_codec.h"
#include "profiles/run_rows.h"
#include "profiles/schema.h"
#include "profiles/sqlite.h"

namespace jobward::profiles {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;
using sqlite::Trouble;

constexpr int kBusyMs = 10000;
constexpr int kReserveMs = 1500;  // below what a guardian takes for death (launcher/guardian.h)
constexpr const char* kFile = "/jobward.db";
constexpr std::size_t kShortestPrefix = 2;

constexpr const char* kColumns =
    "SELECT seq, id, name, state, project, program, argv, cwd, created_ms, admitted_ms, "
    "spawned_ms, ended_ms,"
    " fp_exact, fp_masked, fp_program, request, ending, curve FROM runs ";

constexpr const char* kSelectLearned = "SELECT blob FROM learned WHERE level=? AND key=?";

Result<LearnedState> learned_at(Statement& select, Level level, const std::string& key) {
  auto row = select.reset().bind(to_string(level)).bind(key).step();
  if (!row) return tl::unexpected(std::move(row).error());
  return LearnedState{level, *row ? select.text(0) : std::string()};
}

bool is_corruption(const Error& error) {
  const auto trouble = sqlite::trouble_of(error);
  return trouble == Trouble::corrupt || trouble == Trouble::not_a_database;
}

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

std::optional<ino_t> inode_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? std::optional(info.st_ino) : std::nullopt;
}

// Answers corruption seen in the file `broken`: sets it aside and begins a new one. If another
// process has done so meanwhile, its new one is opened. `directory` is locked meanwhile, so that
// only one does.
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

class SqliteRunStore final : public RunStore {
 public:
  SqliteRunStore(Database db, std::string directory, const Clock& clock, Notice notice)
      : db_(std::move(db)),
        directory_(std::move(directory)),
        inode_(inode_of(db_.path())),
        clock_(clock),
        notice_(std::move(notice)) {}

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
             const Learn& learn) override;
  Result<std::vector<LearnedState>> learned(const Fingerprint& fingerprint) override;
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
  Result<std::vector<LearnedState>> learned_levels(const Fingerprint& fingerprint);
  Status learn_levels(const std::string& id, const Learn& learn);

  Database db_;
  std::string directory_;
  std::optional<ino_t> inode_;
  const Clock& clock_;
  Notice notice_;
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
                           const Learn& learn) {
  auto transaction = Transaction::begin(db_);
  if (!transaction) return tl::unexpected(std::move(transaction).error());
  JOBWARD_RETURN_IF_ERROR(close_run(id, ending, at));
  if (learn) JOBWARD_RETURN_IF_ERROR(learn_levels(id, learn));
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

Status SqliteRunStore::learn_levels(const std::string& id, const Learn& learn) {
  auto keys = db_.prepare("SELECT fp_exact, fp_masked, fp_program FROM runs WHERE id=?");
  if (!keys) return tl::unexpected(std::move(keys).error());
  auto row = keys->bind(id).step();
  if (!row) return tl::unexpected(std::move(row).error());
  if (!*row) return {};
  const Fingerprint fingerprint{keys->text(0), keys->text(1), keys->text(2)};
  const auto old = learned_levels(fingerprint);
  if (!old) return tl::unexpected(old.error());
  const auto now = learn(*old);
  auto upsert = db_.prepare(
      "INSERT INTO learned(level, key, blob) VALUES(?, ?, ?)"
      " ON CONFLICT(level, key) DO UPDATE SET blob=excluded.blob");
  if (!upsert) return tl::unexpected(std::move(upsert).error());
  for (std::size_t i = 0; i < old->size(); ++i) {
    const auto level = (*old)[i].level;
    upsert->reset().bind(to_string(level)).bind(fingerprint.key(level)).bind_blob(now.at(i));
    JOBWARD_RETURN_IF_ERROR(upsert->run());
  }
  return {};
}

Result<std::vector<LearnedState>> SqliteRunStore::learned(const Fingerprint& fingerprint) {
  // One read transaction: the four states are of one moment, and the log is locked once.
  if (auto begun = db_.execute("BEGIN"); !begun) return tl::unexpected(std::move(begun).error());
  auto out = learned_levels(fingerprint);
  if (auto ended = db_.execute("COMMIT"); !ended) return tl::unexpected(std::move(ended).error());
  return out;
}

Result<std::vector<LearnedState>> SqliteRunStore::learned_levels(const Fingerprint& fingerprint) {
  auto select = db_.prepare(kSelectLearned);
  if (!select) return tl::unexpected(std::move(select).error());
  std::vector<LearnedState> out;
  for (const auto level : kLevels) {
    auto state = learned_at(*select, level, fingerprint.key(level));
    if (!state) return tl::unexpected(std::move(state).error());
    out.push_back(std::move(*state));
  }
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
                                                        const Clock& clock, Notice notice) {
  const auto inode = inode_of(directory + kFile);
  auto db = open_current(directory, clock.wall_ms(), DirectoryLock::take);
  if (!db && is_corruption(db.error())) db = replace_corrupt(directory, inode, clock, notice);
  if (!db) return tl::unexpected(std::move(db).error());
  return std::make_unique<SqliteRunStore>(std::move(*db), directory, clock, std::move(notice));
}

}  // namespace jobward::profiles
