// Going on in the background: a child in a session of its own does the work, and the parent waits
// only until the run is under way.
#pragma once

#include <functional>
#include <string>

#include "common/fd.h"

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

// Opens DIRECTORY/stdout and DIRECTORY/stderr for appending (the directory is made, 0700) and puts
// them on the standard streams. False, and a message in `problem`, if that fails.
bool redirect_to_logs(const std::string& directory, std::string& problem);

}  // namespace jobward::cli
