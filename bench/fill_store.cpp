// jobward_fill_store N DIRECTORY COMMAND...: a store with N runs, every fourth of them of COMMAND
// here, for measuring how commands scale with it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "bench/sample_runs.h"
#include "common/clock.h"
#include "common/files.h"
#include "estimator/estimator.h"
#include "profiles/fingerprint.h"
#include "profiles/learned_rows.h"
#include "profiles/program.h"
#include "profiles/project.h"
#include "profiles/run_codec.h"
#include "profiles/run_rows.h"
#include "profiles/sqlite.h"
#include "profiles/sqlite_run_store.h"

namespace {

using namespace jobward;

constexpr std::uint64_t kKinds = 200;

// The keys that `jobward estimate -- COMMAND` will look up.
profiles::Fingerprint fingerprint_of(const std::vector<std::string>& command) {
  const profiles::RealFileProbe files;
  const Job job{command, std::filesystem::current_path().string()};
  const auto project = profiles::find_project(job.cwd, files);
  return profiles::fingerprint(profiles::find_program(job, project.root, files), project);
}

// A run that has ended, as the store would leave it.
Status write(profiles::sqlite::Database& db, const profiles::RunRequest& request,
             const profiles::RunEnding& ending, UnixMillis at, std::int64_t number) {
  JOBWARD_RETURN_IF_ERROR(
      profiles::insert_run(db, request, {at, at, {}, {}}, profiles::RunState::admitted));
  auto statement = db.prepare(
      "UPDATE runs SET state='ended', outcome='ok', spawned_ms=?1, ended_ms=?1, ending=?2, "
      "curve=?3,"
      " learned_order=?4 WHERE id=?5");
  if (!statement) return tl::unexpected(std::move(statement).error());
  statement->bind(at).bind(profiles::encode_ending(ending));
  return statement->bind_blob(profiles::encode_curve(ending.curve))
      .bind(number)
      .bind(request.id)
      .run();
}

// The first `written` runs, which are of all kinds, again and again until there are `runs`.
Status multiply(profiles::sqlite::Database& db, std::uint64_t written, std::uint64_t runs) {
  auto statement = db.prepare(
      "WITH RECURSIVE more(n) AS (SELECT ?1 WHERE ?1<?2 UNION ALL SELECT n+1 FROM more WHERE "
      "n+1<?2)"
      " INSERT INTO runs(id, name, state, outcome, project, program, argv, cwd, created_ms,"
      " admitted_ms, spawned_ms, ended_ms, fp_exact, fp_masked, fp_program, request, ending, curve,"
      " reserved, lasts, memory_cgroup, learned_order)"
      " SELECT printf('%010d', n), name, state, outcome, project, program, argv, cwd, n+1, n+1, "
      "n+1,"
      " n+1, CASE n%4 WHEN 0 THEN fp_exact ELSE printf('exact%010d', n) END, fp_masked, fp_program,"
      " request, ending, curve, reserved, lasts, memory_cgroup, n+1 FROM more JOIN runs ON "
      "seq=n%?1+1");
  if (!statement) return tl::unexpected(std::move(statement).error());
  const auto number = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
  return statement->bind(number(written)).bind(number(runs)).run();
}

// Through the store a million would take an hour of commits: these are one.
Status fill(std::uint64_t runs, const std::string& directory,
            const std::vector<std::string>& command) {
  const std::uint64_t written = std::min<std::uint64_t>(runs, 20 * kKinds);
  const SystemClock clock;
  JOBWARD_RETURN_IF_ERROR(make_private_directories(directory));
  {
    auto made = profiles::open_sqlite_run_store(directory, clock, [](const std::string&) {});
    if (!made) return tl::unexpected(std::move(made).error());
  }
  auto db = profiles::sqlite::Database::open(directory + "/jobward.db", 1000);
  if (!db) return tl::unexpected(std::move(db).error());
  JOBWARD_RETURN_IF_ERROR(db->execute("PRAGMA synchronous=OFF; PRAGMA cache_size=-200000"));
  auto transaction = profiles::sqlite::Transaction::begin(*db);
  if (!transaction) return tl::unexpected(std::move(transaction).error());
  const auto asked = fingerprint_of(command);
  const profiles::Learner learner{estimator::state_version(), estimator::learn};
  profiles::StateCache states(learner, nullptr);
  for (std::uint64_t n = 0; n < written; ++n) {
    auto request = bench::sample_request(n, kKinds);
    if (n % 4 == 0) request.fingerprint = asked;
    const auto ending = bench::sample_ending(n, request);
    JOBWARD_RETURN_IF_ERROR(write(*db, request, ending, static_cast<UnixMillis>(n + 1),
                                  static_cast<std::int64_t>(n + 1)));
    JOBWARD_RETURN_IF_ERROR(states.learn(request.fingerprint, ending.observation));
  }
  if (auto done = states.write(*db); !done) return tl::unexpected(std::move(done).error());
  const auto last = static_cast<std::int64_t>(runs);
  JOBWARD_RETURN_IF_ERROR(profiles::write_learning(*db, {learner.version, last, last, 0}));
  if (written > 0) JOBWARD_RETURN_IF_ERROR(multiply(*db, written, runs));
  JOBWARD_RETURN_IF_ERROR(transaction->commit());
  // Or every process that opens it would have to read the whole log.
  return db->execute("PRAGMA wal_checkpoint(TRUNCATE)");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: jobward_fill_store N DIRECTORY COMMAND...\n");
    return 2;
  }
  const auto filled = fill(std::strtoull(argv[1], nullptr, 10), argv[2], {argv + 3, argv + argc});
  if (!filled) std::fprintf(stderr, "fill_store: %s\n", filled.error().message().c_str());
  return filled ? 0 : 1;
}
