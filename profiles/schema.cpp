#include "profiles/schema.h"

#include <array>

#include "common/fault.h"

namespace jobward::profiles {
namespace {

struct Migration {
  const char* name;
  const char* sql;
};

// Append only; a migration that has shipped never changes. PRAGMA user_version counts those
// applied.
//
// runs: columns for what is searched or must keep its bytes (argv, cwd: blobs, words separated by
// NUL); `request` and `ending` are JSON (run_codec.h). states: what the estimator keeps, opaque
// here.
constexpr std::array kMigrations{Migration{"runs and learned", R"sql(
CREATE TABLE migrations(name TEXT NOT NULL, applied_ms INTEGER NOT NULL);
CREATE TABLE runs(
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  outcome TEXT,
  project BLOB NOT NULL,
  program BLOB NOT NULL,
  argv BLOB NOT NULL,
  cwd BLOB NOT NULL,
  created_ms INTEGER NOT NULL,
  admitted_ms INTEGER,
  spawned_ms INTEGER,
  ended_ms INTEGER,
  fp_exact TEXT NOT NULL,
  fp_masked TEXT NOT NULL,
  fp_program TEXT NOT NULL,
  request TEXT NOT NULL,
  ending TEXT,
  curve BLOB);
CREATE INDEX runs_open ON runs(seq) WHERE state <> 'ended';
CREATE INDEX runs_named ON runs(name, seq) WHERE name <> '';
CREATE TABLE learned(
  level TEXT NOT NULL,
  key TEXT NOT NULL,
  blob BLOB NOT NULL,
  UNIQUE(level, key));
)sql"},
                                 // What admission asks of every open run, without its record.
                                 Migration{"queue and request ids", R"sql(
ALTER TABLE runs ADD COLUMN parent TEXT;
ALTER TABLE runs ADD COLUMN reserved REAL;
ALTER TABLE runs ADD COLUMN lasts REAL;
ALTER TABLE runs ADD COLUMN memory_cgroup BLOB;
ALTER TABLE runs ADD COLUMN request_key TEXT;
CREATE UNIQUE INDEX runs_requested ON runs(request_key) WHERE request_key IS NOT NULL;
)sql"},
                                 // Few runs are in these: they cost a short one nothing.
                                 Migration{"long runs and old request ids", R"sql(
CREATE INDEX runs_long ON runs(ended_ms) WHERE ended_ms - admitted_ms > 600000;
CREATE INDEX runs_requested_until ON runs(ended_ms) WHERE request_key IS NOT NULL;
)sql"},
                                 // See learned_rows.h. `states` takes the place of `learned`, which
                                 // processes of an older version that are still running go on to
                                 // write: nobody reads it any more.
                                 Migration{"lessons in order", R"sql(
ALTER TABLE runs ADD COLUMN learned_order INTEGER;
CREATE INDEX runs_learned ON runs(learned_order) WHERE learned_order IS NOT NULL;
CREATE TABLE imported(
  seq INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  source TEXT NOT NULL,
  job TEXT NOT NULL,
  fp_exact TEXT NOT NULL,
  fp_masked TEXT NOT NULL,
  fp_program TEXT NOT NULL,
  observation TEXT NOT NULL,
  finished_ms INTEGER,
  learned_order INTEGER);
CREATE INDEX imported_learned ON imported(learned_order);
CREATE INDEX imported_kind ON imported(fp_masked, learned_order);
CREATE TABLE states(
  version INTEGER NOT NULL,
  level TEXT NOT NULL,
  key TEXT NOT NULL,
  blob BLOB NOT NULL,
  UNIQUE(version, level, key));
CREATE TABLE learning(
  id INTEGER PRIMARY KEY CHECK(id=1),
  version INTEGER,
  last INTEGER NOT NULL,
  learned INTEGER NOT NULL,
  uncounted INTEGER NOT NULL);
INSERT INTO learning SELECT 1, iif(EXISTS(SELECT 1 FROM runs), 0, NULL), 0, 0,
  COALESCE((SELECT max(seq) FROM runs), 0);
DELETE FROM learned;
)sql"},
                                 // See watchdog_store.h. `key`: journal_key(); `run`: of a kill,
                                 // `action`: of an outcome.
                                 Migration{"watchdog events", R"sql(
CREATE TABLE watchdog_events(
  id INTEGER PRIMARY KEY,
  instance TEXT NOT NULL,
  seq INTEGER NOT NULL,
  time_ms INTEGER NOT NULL,
  severity TEXT NOT NULL,
  event TEXT NOT NULL,
  run TEXT,
  action INTEGER,
  line TEXT NOT NULL,
  UNIQUE(instance, seq));
CREATE INDEX watchdog_findings ON watchdog_events(id) WHERE (severity<>'INFO' OR event='kill');
CREATE INDEX watchdog_named ON watchdog_events(event, id);
CREATE INDEX watchdog_runs ON watchdog_events(run, id) WHERE run IS NOT NULL;
CREATE INDEX watchdog_outcomes ON watchdog_events(instance, action) WHERE action IS NOT NULL;
CREATE TABLE watchdog_files(key BLOB PRIMARY KEY, read_to INTEGER NOT NULL, lines INTEGER NOT NULL);
CREATE TABLE watchdog_broken(
  id INTEGER PRIMARY KEY,
  noted_ms INTEGER NOT NULL,
  file BLOB NOT NULL,
  number INTEGER NOT NULL,
  problem TEXT NOT NULL,
  text BLOB NOT NULL);
)sql"},
                                 // See curve_rows.cpp, which has the same terms.
                                 Migration{"memory curves by kind", R"sql(
CREATE INDEX runs_with_curve ON runs(fp_masked, seq) WHERE outcome='ok' AND length(curve)>0;
)sql"},
                                 // See accepted_rows.h.
                                 Migration{"accepted row counts", R"sql(
CREATE TABLE accepted_rows(
  project BLOB NOT NULL,
  contract TEXT NOT NULL,
  check_id TEXT NOT NULL,
  rows INTEGER NOT NULL,
  accepted_ms INTEGER NOT NULL,
  PRIMARY KEY(project, contract, check_id)) WITHOUT ROWID;
)sql"},
                                 // See trust/ledger.h and trust/decisions.h. All that is said of an
                                 // entry stands in `body`, which is hashed: the other columns are
                                 // read from it. The triggers are against accidents, not attackers.
                                 Migration{"ledger and decisions", R"sql(
CREATE TABLE ledger(
  seq INTEGER PRIMARY KEY,
  body TEXT NOT NULL,
  hash BLOB NOT NULL,
  kind TEXT AS (iif(json_valid(body), json_extract(body, '$.kind'), NULL)) VIRTUAL,
  run TEXT AS (iif(json_valid(body), json_extract(body, '$.run'), NULL)) VIRTUAL,
  check_id TEXT AS (iif(json_valid(body), json_extract(body, '$.check'), NULL)) VIRTUAL,
  subject TEXT AS (iif(json_valid(body), json_extract(body, '$.subject'), NULL)) VIRTUAL,
  ref TEXT AS (iif(json_valid(body), json_extract(body, '$.ref'), NULL)) VIRTUAL);
CREATE INDEX ledger_runs ON ledger(run, seq) WHERE run IS NOT NULL;
CREATE INDEX ledger_checks ON ledger(check_id, seq) WHERE check_id IS NOT NULL;
CREATE INDEX ledger_subjects ON ledger(subject, seq) WHERE subject IS NOT NULL;
CREATE INDEX ledger_kinds ON ledger(kind, seq) WHERE kind<>'finding';
CREATE INDEX ledger_heads ON ledger(seq) WHERE kind='head';
CREATE UNIQUE INDEX ledger_refs ON ledger(ref) WHERE ref IS NOT NULL;
CREATE TRIGGER ledger_keeps BEFORE UPDATE ON ledger
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_forgets_nothing BEFORE DELETE ON ledger
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TABLE ledger_exports(
  place TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  time_ms INTEGER NOT NULL,
  problem TEXT NOT NULL);
CREATE TABLE decisions(
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  project TEXT NOT NULL,
  action_sha256 TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  state TEXT NOT NULL,
  request TEXT NOT NULL,
  envelope TEXT,
  refusal TEXT);
CREATE INDEX decisions_of_action ON decisions(action_sha256);
CREATE INDEX decisions_open ON decisions(created_ms) WHERE state='open';
)sql"}};

Status apply(sqlite::Database& db, const Migration& migration, UnixMillis now) {
  JOBWARD_RETURN_IF_ERROR(db.execute(migration.sql));
  auto note = db.prepare("INSERT INTO migrations(name, applied_ms) VALUES(?, ?)");
  if (!note) return tl::unexpected(std::move(note).error());
  return note->bind(migration.name).bind(now).run();
}

constexpr auto kNewest = static_cast<std::int64_t>(kMigrations.size());

// The version of the database, if this program knows it.
Result<std::int64_t> known_version(sqlite::Database& db) {
  auto version = db.integer("PRAGMA user_version");
  if (version && *version > kNewest)
    return error("use database", db.path(),
                 "it was written by a newer version of jobward (schema " +
                     std::to_string(*version) + ", this one knows " + std::to_string(kNewest) +
                     "); nothing was changed: use that version, or another JOBWARD_STATE_DIR");
  return version;
}

}  // namespace

Status migrate(sqlite::Database& db, UnixMillis now) {
  const auto newest = kNewest;
  auto version = known_version(db);
  if (!version) return tl::unexpected(std::move(version).error());
  if (*version == newest) return {};
  if (*version == 0) JOBWARD_RETURN_IF_ERROR(db.execute("PRAGMA journal_mode=WAL"));
  auto transaction = sqlite::Transaction::begin(db);
  if (!transaction) return tl::unexpected(std::move(transaction).error());
  // Read again under the lock: another process may have been faster.
  version = known_version(db);
  if (!version) return tl::unexpected(std::move(version).error());
  if (*version == newest) return {};
  for (auto step = *version; step < newest; ++step) {
    const auto& migration = kMigrations[static_cast<std::size_t>(step)];
    if (auto applied = apply(db, migration, now); !applied)
      return rethrow(std::move(applied).error(),
                     std::string("migration \"") + migration.name + "\"");
  }
  JOBWARD_RETURN_IF_ERROR(db.execute(("PRAGMA user_version=" + std::to_string(newest)).c_str()));
  JOBWARD_FAULT(migrating);
  return transaction->commit();
}

}  // namespace jobward::profiles
