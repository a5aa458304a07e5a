#include "trust/ledger.h"

#include <charconv>
#include <utility>

#include "trust/encoding.h"
#include "trust/envelope.h"
#include "trust/store_key.h"

namespace jobward::trust {
namespace {

using profiles::sqlite::Database;
using profiles::sqlite::Statement;
using profiles::sqlite::Transaction;

constexpr std::int64_t kHeadEvery = 1000;               // entries
constexpr UnixMillis kHeadWithin = 24LL * 3600 * 1000;  // milliseconds

// Prepared once a ledger, ready to be bound.
Result<Statement*> ready(Database& db, std::optional<Statement>& kept, const char* sql) {
  if (kept) {
    kept->reset();
    return &*kept;
  }
  auto made = db.prepare(sql);
  if (!made) return tl::unexpected(std::move(made).error());
  kept.emplace(std::move(*made));
  return &*kept;
}

struct Last {
  std::int64_t seq = 0;
  std::string hash = first_hash();
};

Result<Last> last_of(Database& db, std::optional<Statement>& kept) {
  auto statement = ready(db, kept, "SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1");
  if (!statement) return tl::unexpected(std::move(statement).error());
  auto row = (*statement)->step();
  if (!row) return tl::unexpected(std::move(row).error());
  Last out;
  if (*row) out = {(*statement)->integer(0), (*statement)->text(1)};
  (*statement)->reset();
  return out;
}

// Of the newest head on record; absent: there is none.
Result<std::optional<Entry>> last_head_of(Database& db, std::optional<Statement>& kept) {
  auto statement =
      ready(db, kept, "SELECT body FROM ledger WHERE kind='head' ORDER BY seq DESC LIMIT 1");
  if (!statement) return tl::unexpected(std::move(statement).error());
  auto row = (*statement)->step();
  if (!row) return tl::unexpected(std::move(row).error());
  std::optional<Entry> out;
  if (*row) out = read_entry((*statement)->text(0));
  (*statement)->reset();
  return out;
}

std::optional<std::int64_t> uid_of(const std::string& text) {
  std::int64_t uid = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), uid);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
  return uid;
}

std::string where_of(const LedgerQuery& query) {
  std::string sql = "WHERE 1";
  if (!query.run.empty()) sql += " AND run=?";
  if (!query.check.empty()) sql += " AND check_id=?";
  if (!query.subject.empty()) sql += " AND subject=?";
  if (!query.project.empty()) sql += " AND json_extract(body, '$.project')=?";
  if (query.severity) sql += " AND json_extract(body, '$.severity')=?";
  if (query.kind) sql += " AND kind=?";
  if (query.since) sql += " AND json_extract(body, '$.time_ms')>=?";
  if (query.until) sql += " AND json_extract(body, '$.time_ms')<=?";
  if (!query.actor.empty())
    sql += uid_of(query.actor) ? " AND json_extract(body, '$.actor.uid.value')=?"
                               : " AND EXISTS(SELECT 1 FROM json_each(body, '$.actor.claims') WHERE"
                                 " json_extract(json_each.value, '$.value')=?)";
  return sql;
}

void bind(const LedgerQuery& query, Statement& statement) {
  for (const auto* text : {&query.run, &query.check, &query.subject, &query.project})
    if (!text->empty()) statement.bind(*text);
  if (query.severity) statement.bind(to_string(*query.severity));
  if (query.kind) statement.bind(to_string(*query.kind));
  if (query.since) statement.bind(*query.since);
  if (query.until) statement.bind(*query.until);
  if (query.actor.empty()) return;
  if (const auto uid = uid_of(query.actor))
    statement.bind(*uid);
  else
    statement.bind(query.actor);
}

}  // namespace

Database& LedgerBatch::database() { return ledger_.db_; }

Result<std::int64_t> LedgerBatch::append(const NewEntry& entry) {
  if (hash_.empty()) {
    auto last = last_of(ledger_.db_, ledger_.last_);
    if (!last) return tl::unexpected(std::move(last).error());
    seq_ = last->seq;
    hash_ = std::move(last->hash);
  }
  Entry full;
  static_cast<NewEntry&>(full) = entry;
  full.seq = seq_ + 1;
  full.time = ledger_.clock_.wall_ms();
  const std::string text = canonical_text(full);
  auto hash = chain_hash(hash_, text);
  auto insert =
      ready(ledger_.db_, ledger_.insert_, "INSERT INTO ledger(seq, body, hash) VALUES(?, ?, ?)");
  if (!insert) return tl::unexpected(std::move(insert).error());
  JOBWARD_RETURN_IF_ERROR((*insert)->bind(full.seq).bind(text).bind_blob(hash).run());
  (*insert)->reset();
  seq_ = full.seq;
  hash_ = std::move(hash);
  at_once_ = at_once_ || is_anchored_at_once(entry);
  return seq_;
}

// The signed head, as a line, if it was due: its entry is then appended.
Result<std::optional<std::string>> LedgerBatch::sign_if_due() {
  const UnixMillis now = ledger_.clock_.wall_ms();
  if (!at_once_) {
    auto head = last_head_of(ledger_.db_, ledger_.last_head_);
    if (!head) return tl::unexpected(std::move(head).error());
    if (*head && seq_ - (*head)->seq < kHeadEvery && now - (*head)->time < kHeadWithin)
      return std::nullopt;
  }
  auto key = store_key(ledger_.setup_.state_directory);
  if (!key) return tl::unexpected(std::move(key).error());
  const Head head{seq_, hex(hash_), key_id(key->key()), ledger_.setup_.host, now};
  auto envelope = seal(payload_type::kHead, canonical_text(head), *key);
  if (!envelope) return tl::unexpected(std::move(envelope).error());
  std::string line = to_json(*envelope);
  NewEntry entry;
  entry.kind = EntryKind::head;
  entry.key_ids = {head.store};
  entry.message = "the ledger up to entry " + std::to_string(seq_);
  entry.details = line;
  auto appended = append(entry);
  if (!appended) return tl::unexpected(std::move(appended).error());
  return std::optional(std::move(line));
}

Status LedgerBatch::commit() {
  const std::int64_t seq = seq_;
  std::optional<std::string> line;
  if (seq > 0) {
    auto signed_head = sign_if_due();
    if (!signed_head) return tl::unexpected(std::move(signed_head).error());
    line = std::move(*signed_head);
  }
  JOBWARD_RETURN_IF_ERROR(transaction_.commit());
  if (line) ledger_.export_everywhere(seq, *line);
  return {};
}

Result<std::unique_ptr<Ledger>> Ledger::open(LedgerSetup setup, const Clock& clock,
                                             const profiles::Notice& notice) {
  start_sodium();
  auto db = profiles::open_database(setup.state_directory, clock, notice);
  if (!db) return tl::unexpected(std::move(db).error());
  return std::unique_ptr<Ledger>(new Ledger(std::move(setup), std::move(*db), clock, notice));
}

Result<LedgerBatch> Ledger::begin() {
  auto transaction = Transaction::begin(db_);
  if (!transaction) return tl::unexpected(std::move(transaction).error());
  return LedgerBatch(*this, std::move(*transaction));
}

Result<std::int64_t> Ledger::append(const NewEntry& entry) {
  auto batch = begin();
  if (!batch) return tl::unexpected(std::move(batch).error());
  auto seq = batch->append(entry);
  if (!seq) return seq;
  JOBWARD_RETURN_IF_ERROR(batch->commit());
  return seq;
}

Status Ledger::anchor_if_due() {
  auto last = last_of(db_, last_);
  auto head = last_head_of(db_, last_head_);
  if (!last) return tl::unexpected(std::move(last).error());
  if (!head) return tl::unexpected(std::move(head).error());
  const bool fresh =
      *head && ((*head)->seq == last->seq || clock_.wall_ms() - (*head)->time < kHeadWithin);
  if (last->seq == 0 || fresh) return {};
  auto batch = begin();
  if (!batch) return tl::unexpected(std::move(batch).error());
  last = last_of(db_, last_);
  if (!last) return tl::unexpected(std::move(last).error());
  batch->seq_ = last->seq;
  batch->hash_ = std::move(last->hash);
  return batch->commit();
}

void Ledger::export_everywhere(std::int64_t seq, const std::string& head) {
  for (const auto& place : setup_.anchors) {
    const auto done = export_head(place, head);
    const std::string problem = done ? "" : done.error().message();
    if (!done)
      notice_("the head of the ledger was not exported (the next one says the same and more): " +
              problem);
    auto statement = db_.prepare(
        "INSERT INTO ledger_exports(place, seq, time_ms, problem) VALUES(?, ?, ?, ?)"
        " ON CONFLICT(place) DO UPDATE SET time_ms=excluded.time_ms, problem=excluded.problem,"
        " seq=iif(excluded.problem='', excluded.seq, seq)");
    auto noted = statement ? Status() : Status(tl::unexpected(statement.error()));
    if (statement) {
      statement->bind(place.words()).bind(done ? seq : 0).bind(clock_.wall_ms()).bind(problem);
      noted = statement->run();
    }
    if (!noted)
      notice_("when the head got to " + place.words() +
              " is not on record: " + noted.error().message());
  }
}

Result<std::vector<Entry>> Ledger::query(const LedgerQuery& query) {
  std::string sql = "SELECT body FROM ledger " + where_of(query) + " ORDER BY seq";
  if (query.newest)
    sql = "SELECT body FROM (SELECT seq, body FROM ledger " + where_of(query) +
          " ORDER BY seq DESC LIMIT " + std::to_string(*query.newest) + ") ORDER BY seq";
  auto statement = db_.prepare(sql);
  if (!statement) return tl::unexpected(std::move(statement).error());
  bind(query, *statement);
  std::vector<Entry> out;
  while (true) {
    auto row = statement->step();
    if (!row)
      return rethrow(std::move(row).error(),
                     "the ledger holds something else than entries; see `jobward ledger verify`");
    if (!*row) return out;
    if (auto entry = read_entry(statement->text(0))) out.push_back(std::move(*entry));
  }
}

Result<std::optional<Entry>> Ledger::newest(const LedgerQuery& wanted) {
  LedgerQuery one = wanted;
  one.newest = 1;
  auto found = query(one);
  if (!found) return tl::unexpected(std::move(found).error());
  if (found->empty()) return std::nullopt;
  return std::move(found->front());
}

Result<bool> Ledger::has_ref(const std::string& ref) {
  auto statement = db_.prepare("SELECT 1 FROM ledger WHERE ref=? AND ref IS NOT NULL");
  if (!statement) return tl::unexpected(std::move(statement).error());
  return statement->bind(ref).step();
}

Result<std::int64_t> Ledger::size() {
  return db_.integer("SELECT COALESCE(max(seq), 0) FROM ledger");
}

Result<std::vector<Ledger::Export>> Ledger::exports() {
  auto statement =
      db_.prepare("SELECT place, seq, time_ms, problem FROM ledger_exports ORDER BY place");
  if (!statement) return tl::unexpected(std::move(statement).error());
  std::vector<Export> out;
  while (true) {
    auto row = statement->step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) return out;
    out.push_back(
        {statement->text(0), statement->integer(1), statement->integer(2), statement->text(3)});
  }
}

}  // namespace jobward::trust
