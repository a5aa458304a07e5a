// A supervisor is alive while it holds its run's lock: the kernel lets go when it dies.
#pragma once

#include <string>

#include "common/fd.h"
#include "common/result.h"

namespace jobward::launcher {

// Creates DIRECTORY/RUN.lock and locks it until destroyed; then the file is removed.
class RunLock {
 public:
  static Result<RunLock> take(const std::string& directory, const std::string& run_id);
  RunLock(RunLock&& other) noexcept
      : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, {})) {}
  RunLock& operator=(RunLock&&) = delete;
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock();

 private:
  RunLock(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Fd fd_;
  std::string path_;
};

// Does a living supervisor hold the lock of this run?
bool is_supervised(const std::string& directory, const std::string& run_id);

}  // namespace jobward::launcher
