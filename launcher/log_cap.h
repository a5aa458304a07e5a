// Keeping the log files of a detached run small: of each the first and the last half of what may be
// kept stay, the middle is given back to the file system. The job writes to the files itself, so
// nothing is lost with the supervisor, and no byte passes through it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace jobward::launcher {

class LogCap {
 public:
  // Descriptors open for writing, borrowed; `keep` bytes of each.
  LogCap(const std::vector<int>& files, std::uint64_t keep);
  // Cuts what is too long. Returns in how many seconds to look again.
  double look(double seconds);
  // What could not be done; empty: nothing.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  struct File {
    int fd;
    off_t seen = 0;  // size at the last look
    off_t cut = 0;   // up to here the middle is gone
  };
  void cut(File& file, off_t size);

  std::vector<File> files_;
  off_t half_;
  double last_look_ = 0;
  std::string problem_;
};

}  // namespace jobward::launcher
