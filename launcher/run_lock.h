// A supervisor is alive while it holds its run's lock: the kernel lets go when it dies.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "common/clock.h"
#include "common/fd.h"
#include "common/result.h"

namespace jobward::launcher {

// Creates DIRECTORY/RUN.lock and locks it until destroyed; then the file is removed.
class RunLock {
 public:
  // The same without writing anything into it; `access` as for open(2).
  static Result<RunLock> hold(const std::string& directory, const std::string& run_id, int access);
  static Result<RunLock> take(const std::string& directory, const std::string& run_id);
  RunLock(RunLock&& other) noexcept
      : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, {})) {}
  RunLock& operator=(RunLock&&) = delete;
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock();
  // Lets go, and leaves the file with what it says.
  void leave() { path_.clear(); }
  // Left behind for whoever has to close the run in our place; costs no sync.
  void note_spawn(UnixMillis now) const;
  // What a dead supervisor noted, where this lock was taken over.
  [[nodiscard]] std::optional<UnixMillis> spawned() const;

 private:
  RunLock(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Fd fd_;
  std::string path_;
};

// Does a living supervisor hold the lock of this run?
bool is_supervised(const std::string& directory, const std::string& run_id);

// The pid of the supervisor that holds it, as its own pid namespace counts; absent: nobody does.
std::optional<int> supervisor_of(const std::string& directory, const std::string& run_id);

// Takes the lock that a dead supervisor has left, also where its file is gone; what it says stays.
// Absent: somebody holds it.
std::optional<RunLock> take_over(const std::string& directory, const std::string& run_id);

// Removes the files of supervisors that died before their run was recorded. `open_runs`: those on
// record, whose files still say something.
void remove_abandoned(const std::string& directory, const std::set<std::string>& open_runs);

// Waits until nobody holds it any more.
Status await_end(const std::string& directory, const std::string& run_id);

}  // namespace jobward::launcher
