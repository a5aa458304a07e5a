#include "profiles/relearn.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "common/fault.h"
#include "profiles/lesson_rows.h"

namespace jobward::profiles {
namespace {

using sqlite::Database;
using sqlite::Transaction;
using std::chrono::milliseconds;

constexpr milliseconds kLook{20};

// So many rows in one transaction: others wait for a few milliseconds.
constexpr std::size_t kRowsAtOnce = 500;

std::string with_commas(std::int64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

// Not exact: numbers of rows that are gone count. Costs nothing.
Result<std::int64_t> about_how_many(Database& db) {
  return db.integer(
      "SELECT COALESCE((SELECT max(seq) FROM runs), 0) + COALESCE((SELECT max(seq) FROM imported),"
      " 0)");
}

// No sync at each of many commits: what they wrote does not count until a last one, which syncs.
class Unsynced {
 public:
  explicit Unsynced(Database& db) : db_(db) {
    static_cast<void>(db_.execute("PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=2000"));
  }
  Unsynced(const Unsynced&) = delete;
  Unsynced& operator=(const Unsynced&) = delete;
  ~Unsynced() {
    static_cast<void>(db_.execute("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=100"));
  }

 private:
  Database& db_;
};

// Calls write() in one short transaction after the other until it has written nothing. SQLite lets
// those who wait for the lock look again only now and then, so they get as long as we took.
template <class Write>
Status in_turns(Database& db, const Write& write) {
  const Unsynced unsynced(db);
  while (true) {
    auto transaction = Transaction::begin(db);
    if (!transaction) return tl::unexpected(std::move(transaction).error());
    const auto begun = std::chrono::steady_clock::now();
    const Result<std::size_t> written = write();
    if (!written) return tl::unexpected(written.error());
    JOBWARD_RETURN_IF_ERROR(transaction->commit());
    if (*written == 0) return {};
    std::this_thread::sleep_for(std::chrono::steady_clock::now() - begun);
  }
}

// States that do not count: of an earlier version, or of a process that was killed here.
Status delete_others(Database& db) {
  auto remove = db.prepare(
      "DELETE FROM states WHERE rowid IN (SELECT rowid FROM states WHERE version<(SELECT"
      " COALESCE(version, 0) FROM learning) OR version>(SELECT COALESCE(version, 0) FROM learning)"
      " LIMIT ?) RETURNING 1");
  if (!remove) return tl::unexpected(std::move(remove).error());
  return in_turns(db, [&]() -> Result<std::size_t> {
    remove->reset().bind(static_cast<std::int64_t>(kRowsAtOnce));
    std::size_t removed = 0;
    while (true) {
      auto row = remove->step();
      if (!row) return tl::unexpected(std::move(row).error());
      if (!*row) break;
      ++removed;
    }
    remove->reset();
    return removed;
  });
}

// From what is stored now. The number of the last lesson.
Result<std::int64_t> learn_snapshot(Database& db, const Notice& notice, StateCache& states) {
  auto learning = read_learning(db);
  if (!learning) return tl::unexpected(std::move(learning).error());
  auto rows = LessonRows::all(db, learning->uncounted);
  if (!rows) return tl::unexpected(std::move(rows).error());
  while (true) {
    auto lesson = rows->next();
    if (!lesson) return tl::unexpected(std::move(lesson).error());
    if (!*lesson) break;
    JOBWARD_RETURN_IF_ERROR(states.learn((*lesson)->fingerprint, (*lesson)->observation));
  }
  if (rows->unreadable() > 0)
    notice(std::to_string(rows->unreadable()) +
           " runs on record could not be learned from: what they used cannot be read");
  return learning->last;
}

// In one read transaction, which keeps nobody from writing.
Result<std::int64_t> read_lessons(Database& db, const Notice& notice, StateCache& states) {
  JOBWARD_RETURN_IF_ERROR(db.execute("BEGIN"));
  auto last = learn_snapshot(db, notice, states);
  auto ended = db.execute("COMMIT");
  if (last && !ended) return tl::unexpected(std::move(ended).error());
  return last;
}

Status make_valid(Database& db, const Learner& learner, std::int64_t learned) {
  auto transaction = Transaction::begin(db);
  if (!transaction) return tl::unexpected(std::move(transaction).error());
  auto learning = read_learning(db);
  if (!learning) return tl::unexpected(std::move(learning).error());
  learning->version = learner.version;
  learning->learned = learned;
  JOBWARD_RETURN_IF_ERROR(catch_up(db, learner, *learning));
  JOBWARD_RETURN_IF_ERROR(write_learning(db, *learning));
  JOBWARD_FAULT(relearned);
  return transaction->commit();
}

Status tell_if_many(Database& db, const Notice& notice) {
  auto about = about_how_many(db);
  if (!about) return tl::unexpected(std::move(about).error());
  if (*about <= kManyLessons) return {};
  auto exactly = db.integer("SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM imported)");
  if (!exactly) return tl::unexpected(std::move(exactly).error());
  if (*exactly > kManyLessons)
    notice("learning anew from " + with_commas(*exactly) +
           " runs, as this version learns differently");
  return {};
}

Result<bool> is_current(Database& db, const Learner& learner) {
  auto learning = read_learning(db);
  if (!learning) return tl::unexpected(std::move(learning).error());
  return learning->is_of(learner);
}

}  // namespace

Result<std::optional<LearningLock>> LearningLock::take(const std::string& directory,
                                                       int patience_ms) {
  const std::string path = directory + "/learning.lock";
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno_error("open", path);
  const auto until = std::chrono::steady_clock::now() + milliseconds(patience_ms);
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return errno_error("lock", path);
    if (std::chrono::steady_clock::now() >= until) return std::nullopt;
    std::this_thread::sleep_for(kLook);
  }
  return std::optional(LearningLock(std::move(fd)));
}

void fold_log(Database& db) {
  static_cast<void>(db.execute("PRAGMA busy_timeout=100; PRAGMA wal_checkpoint(TRUNCATE)"));
  static_cast<void>(db.execute(("PRAGMA busy_timeout=" + std::to_string(kBusyMs)).c_str()));
}

Status make_current(Database& db, const LearningLock&, const Learner& learner,
                    const Notice& notice) {
  auto current = is_current(db, learner);
  if (!current) return tl::unexpected(std::move(current).error());
  if (*current || !learner.learn) return {};
  JOBWARD_RETURN_IF_ERROR(tell_if_many(db, notice));
  JOBWARD_RETURN_IF_ERROR(delete_others(db));
  StateCache states(learner, nullptr);
  auto learned = read_lessons(db, notice, states);
  if (!learned) return tl::unexpected(std::move(learned).error());
  JOBWARD_RETURN_IF_ERROR(in_turns(db, [&] { return states.write(db, kRowsAtOnce); }));
  JOBWARD_FAULT(relearning);
  JOBWARD_RETURN_IF_ERROR(make_valid(db, learner, *learned));
  JOBWARD_RETURN_IF_ERROR(delete_others(db));
  fold_log(db);
  return {};
}

Status make_current(Database& db, const std::string& directory, const Learner& learner,
                    const Notice& notice) {
  auto about = about_how_many(db);
  if (!about) return tl::unexpected(std::move(about).error());
  auto lock = LearningLock::take(directory, *about <= kFewLessons ? kPatienceMs : 0);
  if (!lock) return tl::unexpected(std::move(lock).error());
  if (*lock) return make_current(db, **lock, learner, notice);
  auto current = is_current(db, learner);
  if (!current) return tl::unexpected(std::move(current).error());
  if (*current) return {};
  return error("use", "what was learned",
               "another process is learning it anew just now (from about " + with_commas(*about) +
                   " runs), as this version learns differently; it will be there soon");
}

}  // namespace jobward::profiles
