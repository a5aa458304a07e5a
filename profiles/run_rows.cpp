#include "profiles/run_rows.h"

#include <algorithm>

#include "common/fault.h"
#include "profiles/lesson_rows.h"
#include "profiles/run_codec.h"

namespace jobward::profiles {

RunState state_from(const std::string& name) {
  for (const auto state : {RunState::queued, RunState::admitted, RunState::spawned})
    if (to_string(state) == name) return state;
  return RunState::ended;
}

Status insert_run(sqlite::Database& db, const RunRequest& request, const Timestamps& at,
                  RunState state) {
  auto statement = db.prepare(
      "INSERT INTO runs(id, name, state, project, program, argv, cwd, created_ms, admitted_ms, "
      "fp_exact, fp_masked, fp_program, request, parent, reserved, lasts, memory_cgroup, "
      "request_key) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(request.id).bind(request.name).bind(to_string(state));
  statement->bind_blob(request.project).bind_blob(request.program);
  statement->bind_blob(join_nul(request.argv)).bind_blob(request.cwd);
  statement->bind(at.created).bind(state == RunState::queued ? std::nullopt : at.admitted);
  statement->bind(request.fingerprint.exact)
      .bind(request.fingerprint.masked)
      .bind(request.fingerprint.program);
  statement->bind(encode_request(request)).bind(request.parent_run);
  const auto* reserved = request.reservation.find(Resource::memory);
  statement->bind(reserved != nullptr ? std::optional(*reserved) : std::nullopt)
      .bind(request.lasts_seconds);
  statement->bind_blob(request.where.memory_cgroup);
  if (request.request_key.empty())
    statement->bind_null();
  else
    statement->bind(request.request_key);
  return statement->run();
}

Status set_admitted(sqlite::Database& db, const std::string& id, UnixMillis now) {
  auto statement = db.prepare(
      "UPDATE runs SET state='admitted', admitted_ms=? WHERE id=? AND state='queued' RETURNING 1");
  if (!statement) return tl::unexpected(std::move(statement).error());
  auto changed = statement->bind(now).bind(id).step();
  if (!changed) return tl::unexpected(std::move(changed).error());
  if (!*changed) return error("admit", "run " + id, "it does not wait any more");
  return {};
}

Result<std::vector<OpenRun>> read_open_runs(sqlite::Database& db) {
  auto statement = db.prepare(
      "SELECT seq, id, state, parent, reserved, lasts, COALESCE(spawned_ms, admitted_ms),"
      " memory_cgroup, fp_exact FROM runs WHERE state <> 'ended' ORDER BY seq");
  if (!statement) return tl::unexpected(std::move(statement).error());
  std::vector<OpenRun> out;
  while (true) {
    auto row = statement->step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) return out;
    const auto number = [&](int column) {
      return statement->is_null(column) ? std::nullopt : std::optional(statement->real(column));
    };
    out.push_back({statement->integer(0), statement->text(1), state_from(statement->text(2)),
                   statement->maybe_text(3).value_or(""), number(4), number(5),
                   statement->maybe_integer(6), statement->maybe_text(7).value_or(""),
                   statement->text(8)});
  }
}

namespace {

struct Row {
  std::int64_t seq;
  std::string id;
  bool keep_lesson;  // one of the newest of its kind among them
};

// A request id is a promise as long as it is known, so its run stays on record.
Result<std::vector<Row>> rows_to_prune(sqlite::Database& db, UnixMillis moment, int keep) {
  auto statement = db.prepare(
      "SELECT seq, id, ROW_NUMBER() OVER (PARTITION BY fp_masked ORDER BY seq DESC)<=?3"
      " FROM (SELECT seq, id, fp_masked, ended_ms, request_key, ROW_NUMBER() OVER"
      " (PARTITION BY fp_masked ORDER BY seq DESC) AS age FROM runs WHERE state='ended')"
      " WHERE ended_ms<?1 AND age>?2 AND request_key IS NULL ORDER BY seq");
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(moment).bind(keep).bind(kKeptLessons);
  std::vector<Row> out;
  while (true) {
    auto row = statement->step();
    if (!row) return tl::unexpected(std::move(row).error());
    if (!*row) return out;
    out.push_back({statement->integer(0), statement->text(1), statement->integer(2) != 0});
  }
}

}  // namespace

Result<std::vector<std::string>> prune_runs(sqlite::Database& db, UnixMillis moment, int keep,
                                            const Removing& removing) {
  // So many in one transaction: runs that begin and end meanwhile wait for one only.
  constexpr std::size_t kAtOnce = 1000;
  auto rows = rows_to_prune(db, moment, keep);
  if (!rows) return tl::unexpected(std::move(rows).error());
  auto remove = db.prepare("DELETE FROM runs WHERE seq=?");
  if (!remove) return tl::unexpected(std::move(remove).error());
  auto lessons = LessonKeeper::make(db);
  if (!lessons) return tl::unexpected(std::move(lessons).error());
  std::vector<std::string> out;
  while (out.size() < rows->size()) {
    auto transaction = sqlite::Transaction::begin(db);
    if (!transaction) return tl::unexpected(std::move(transaction).error());
    const std::size_t end = std::min(rows->size(), out.size() + kAtOnce);
    while (out.size() < end) {
      auto& row = (*rows)[out.size()];
      removing(row.id);
      if (row.keep_lesson) JOBWARD_RETURN_IF_ERROR(lessons->keep(row.seq));
      JOBWARD_RETURN_IF_ERROR(remove->reset().bind(row.seq).run());
      out.push_back(std::move(row.id));
    }
    remove->reset();
    // Those of earlier calls that are too many now.
    if (end == rows->size()) JOBWARD_RETURN_IF_ERROR(lessons->trim());
    JOBWARD_FAULT(pruning);
    JOBWARD_RETURN_IF_ERROR(transaction->commit());
    JOBWARD_FAULT(pruned);
  }
  return out;
}

}  // namespace jobward::profiles
