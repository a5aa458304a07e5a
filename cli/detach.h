// Going on in the background: a child in a session of its own does the work, and the parent waits
// only until the run is under way.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/fd.h"
#include "common/result.h"

namespace jobward::cli {

// The child's way to tell its parent how it went. Once.
class Report {
 public:
  Report() = default;
  explicit Report(Fd pipe) : pipe_(std::move(pipe)) {}
  // The parent prints the run's id and ends with 0.
  void under_way(const std::string& run_id);
  // The parent prints the message to stderr and ends with this status.
  void failed(int status, const std::string& message);
  [[nodiscard]] bool pending() const { return static_cast<bool>(pipe_); }

 private:
  void send(const std::string& text);
  Fd pipe_;
};

// Forks. In the child: begins a session, puts /dev/null on stdin, calls `work`, and exits with what
// it returns. In the parent: returns the exit status once the child has reported, or has ended
// without. Call while there is one thread and nothing is open.
int in_background(const std::function<int(Report&)>& work);

// The log files of a detached run: DIRECTORY/stdout and DIRECTORY/stderr, and DIRECTORY/jobward for
// what we have to say ourselves. Opened for appending; the directory is made, 0700.
class LogFiles {
 public:
  static Result<LogFiles> open(const std::string& directory);
  // Before the job is spawned: on the standard streams, from which it gets them.
  [[nodiscard]] Status give_to_job() const;
  // After that: our own words go to the third.
  [[nodiscard]] Status keep_apart() const;
  // Those of the job.
  [[nodiscard]] std::vector<int> descriptors() const { return {out_.get(), err_.get()}; }

 private:
  Fd out_;
  Fd err_;
  Fd own_;
};

}  // namespace jobward::cli
