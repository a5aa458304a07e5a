#include "profiles/watchdog_store.h"

#include <utility>

#include "common/text.h"

namespace jobward::profiles {
namespace {

using sqlite::Statement;
using sqlite::Transaction;

constexpr const char* kColumns =
    "SELECT instance, seq, time_ms, severity, event, run, action, line FROM watchdog_events e ";

WatchdogEvent read_event(const Statement& row) {
  WatchdogEvent event;
  event.instance = row.text(0);
  event.seq = row.integer(1);
  event.time = row.integer(2);
  event.severity = watchdog_severity(row.text(3)).value_or(WatchdogSeverity::hard_fail);
  event.event = row.text(4);
  event.run = row.text(5);
  event.action = row.maybe_integer(6);
  event.line = row.text(7);
  return event;
}

}  // namespace

std::string NotedLine::message() const {
  return printable(file) + ":" + std::to_string(line.number) +
         ": the line cannot be used: " + line.problem;
}

std::string ledger_ref(const WatchdogEvent& event) {
  return "watchdog:" + event.instance + ":" + std::to_string(event.seq);
}

Result<std::unique_ptr<WatchdogStore>> WatchdogStore::open(const std::string& directory,
                                                           const Clock& clock, const Notice& notice,
                                                           int patience_ms) {
  auto db = open_database(directory, clock, notice);
  if (!db) return tl::unexpected(std::move(db).error());
  JOBWARD_RETURN_IF_ERROR(db->execute(
      ("PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=" + std::to_string(patience_ms)).c_str()));
  return std::unique_ptr<WatchdogStore>(new WatchdogStore(std::move(*db), clock));
}

Result<JournalPosition> WatchdogStore::position(const JournalFile& file, const std::string& key) {
  auto statement = db_.prepare("SELECT read_to, lines FROM watchdog_files WHERE key=?");
  if (!statement) return tl::unexpected(std::move(statement).error());
  auto row = statement->bind_blob(key).step();
  if (!row) return tl::unexpected(std::move(row).error());
  if (!*row) return JournalPosition();
  const JournalPosition found{statement->integer(0), statement->integer(1)};
  // What it says anew is not taken twice.
  return fits(file, found) ? found : JournalPosition();
}

Status WatchdogStore::note(NotedLine line, Taken& taken) {
  auto statement = db_.prepare(
      "INSERT INTO watchdog_broken(noted_ms, file, number, problem, text) VALUES(?, ?, ?, ?, ?)");
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(line.noted).bind_blob(line.file).bind(line.line.number).bind(line.line.problem);
  JOBWARD_RETURN_IF_ERROR(statement->bind_blob(line.line.text).run());
  taken.broken.push_back(std::move(line));
  return {};
}

Status WatchdogStore::add(const JournalFile& file, JournalPart part, const JournalPosition& from,
                          Taken& taken) {
  auto insert = db_.prepare(
      "INSERT INTO watchdog_events(instance, seq, time_ms, severity, event, run, action, line)"
      " VALUES(?, ?, ?, ?, ?, NULLIF(?, ''), ?, ?) ON CONFLICT(instance, seq) DO NOTHING"
      " RETURNING 1");
  if (!insert) return tl::unexpected(std::move(insert).error());
  auto same = db_.prepare("SELECT 1 FROM watchdog_events WHERE instance=? AND seq=? AND line=?");
  if (!same) return tl::unexpected(std::move(same).error());
  for (const auto& event : part.events) {
    insert->reset().bind(event.instance).bind(event.seq).bind(event.time);
    insert->bind(to_string(event.severity)).bind(event.event).bind(event.run).bind(event.action);
    auto added = insert->bind(event.line).step();
    if (!added) return tl::unexpected(std::move(added).error());
    insert->reset();
    if (*added) ++taken.events;
    if (*added) continue;
    auto known = same->reset().bind(event.instance).bind(event.seq).bind(event.line).step();
    if (!known) return tl::unexpected(std::move(known).error());
    same->reset();
    if (!*known)
      part.broken.push_back({from.lines + part.lines,
                             "before it, event " + std::to_string(event.seq) + " of instance " +
                                 event.instance + " is on record with another text",
                             event.line});
  }
  for (auto& line : part.broken)
    JOBWARD_RETURN_IF_ERROR(note({clock_.wall_ms(), file.path, std::move(line)}, taken));
  return {};
}

// False: there was nothing to take.
Result<bool> WatchdogStore::take_piece(const JournalFile& file, const std::string& key,
                                       Taken& taken) {
  auto transaction = Transaction::begin(db_);
  if (!transaction) return tl::unexpected(std::move(transaction).error());
  // Under the lock: another process may have been faster.
  const auto from = position(file, key);
  if (!from) return tl::unexpected(from.error());
  auto part = read_journal(file, *from);
  if (!part) return tl::unexpected(std::move(part).error());
  if (part->consumed == 0) return false;
  const JournalPosition now{from->read_to + static_cast<std::int64_t>(part->consumed),
                            from->lines + part->lines};
  JOBWARD_RETURN_IF_ERROR(add(file, std::move(*part), *from, taken));
  auto statement =
      db_.prepare("INSERT OR REPLACE INTO watchdog_files(key, read_to, lines) VALUES(?, ?, ?)");
  if (!statement) return tl::unexpected(std::move(statement).error());
  JOBWARD_RETURN_IF_ERROR(statement->bind_blob(key).bind(now.read_to).bind(now.lines).run());
  JOBWARD_RETURN_IF_ERROR(transaction->commit());
  return true;
}

Result<WatchdogStore::Taken> WatchdogStore::take(const Journal& journal, int pieces) {
  Taken taken;
  for (const auto& file : journal.files) {
    const std::string key = journal_key(file);
    while (true) {
      const auto from = position(file, key);
      if (!from) return tl::unexpected(from.error());
      taken.newest_read_to = from->read_to;
      // Most files say nothing new: no lock for them.
      const auto next = read_journal(file, *from);
      if (!next) return tl::unexpected(next.error());
      if (next->consumed == 0) break;
      if (pieces-- <= 0) {
        taken.all = false;
        return taken;
      }
      if (auto took = take_piece(file, key, taken); !took)
        return tl::unexpected(std::move(took).error());
    }
  }
  return taken;
}

Result<std::int64_t> WatchdogStore::untaken(const Journal& journal) {
  std::int64_t lines = 0;
  for (const auto& file : journal.files) {
    auto at = position(file, journal_key(file));
    if (!at) return tl::unexpected(std::move(at).error());
    while (true) {
      const auto part = read_journal(file, *at);
      if (!part) return tl::unexpected(part.error());
      if (part->consumed == 0) break;
      lines += part->lines;
      at->read_to += static_cast<std::int64_t>(part->consumed);
    }
  }
  return lines;
}

Result<std::vector<WatchdogEvent>> WatchdogStore::events(int limit, bool all) {
  const std::string told_with_kill =
      "(event='outcome' AND EXISTS(SELECT 1 FROM watchdog_events k WHERE k.instance=e.instance"
      " AND k.seq=e.action AND k.event='kill'))";
  auto statement = db_.prepare(std::string(kColumns) + "WHERE NOT " + told_with_kill +
                               (all ? "" : " AND (severity<>'INFO' OR event='kill')") +
                               " ORDER BY id DESC LIMIT ?");
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(limit);
  std::vector<WatchdogEvent> out;
  while (true) {
    auto row = statement->step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) return out;
    out.push_back(read_event(*statement));
  }
}

Result<std::optional<WatchdogEvent>> WatchdogStore::one(Statement& statement) {
  auto row = statement.step();
  if (!row) return tl::unexpected(std::move(row).error());
  return *row ? std::optional(read_event(statement)) : std::nullopt;
}

Result<std::optional<WatchdogEvent>> WatchdogStore::outcome_of(const WatchdogEvent& kill) {
  auto statement = db_.prepare(std::string(kColumns) +
                               "WHERE instance=? AND action=? AND action IS NOT NULL"
                               " ORDER BY id DESC LIMIT 1");
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(kill.instance).bind(kill.seq);
  return one(*statement);
}

Result<std::optional<WatchdogEvent>> WatchdogStore::kill_of(const std::string& run) {
  auto statement = db_.prepare(std::string(kColumns) +
                               "WHERE run=? AND run IS NOT NULL AND event='kill'"
                               " ORDER BY id DESC LIMIT 1");
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(run);
  return one(*statement);
}

Result<std::vector<WatchdogEvent>> WatchdogStore::kills_beyond_ledger() {
  auto statement = db_.prepare(
      std::string(kColumns) +
      "WHERE event='kill' AND json_valid(line) AND NOT"
      " COALESCE(json_extract(line, '$.dry_run'), 0) AND NOT EXISTS(SELECT 1 FROM ledger l WHERE"
      " l.ref IS NOT NULL AND l.ref='watchdog:' || e.instance || ':' ||"
      " e.seq) ORDER BY id");
  if (!statement) return tl::unexpected(std::move(statement).error());
  std::vector<WatchdogEvent> out;
  while (true) {
    auto row = statement->step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) return out;
    out.push_back(read_event(*statement));
  }
}

Result<std::optional<WatchdogEvent>> WatchdogStore::last(const std::string& event) {
  auto statement = db_.prepare(std::string(kColumns) + "WHERE event=? ORDER BY id DESC LIMIT 1");
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(event);
  return one(*statement);
}

Result<std::vector<NotedLine>> WatchdogStore::broken(int limit) {
  auto statement = db_.prepare(
      "SELECT noted_ms, file, number, problem, text FROM watchdog_broken ORDER BY id DESC LIMIT ?");
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(limit);
  std::vector<NotedLine> out;
  while (true) {
    auto row = statement->step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) return out;
    out.push_back({statement->integer(0),
                   statement->text(1),
                   {statement->integer(2), statement->text(3), statement->text(4)}});
  }
}

Result<std::int64_t> WatchdogStore::prune(UnixMillis moment) {
  auto transaction = Transaction::begin(db_);
  if (!transaction) return tl::unexpected(std::move(transaction).error());
  std::int64_t removed = 0;
  for (const auto* sql : {"DELETE FROM watchdog_broken WHERE noted_ms<?",
                          "DELETE FROM watchdog_events WHERE time_ms<?"}) {
    auto statement = db_.prepare(sql);
    if (!statement) return tl::unexpected(std::move(statement).error());
    JOBWARD_RETURN_IF_ERROR(statement->bind(moment).run());
    auto changes = db_.integer("SELECT changes()");
    if (!changes) return changes;
    removed = *changes;
  }
  JOBWARD_RETURN_IF_ERROR(transaction->commit());
  return removed;
}

}  // namespace jobward::profiles
