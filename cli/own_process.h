// What `jobward verify` does to its own process, which does nothing else: its memory is bounded,
// the engine is kept away from standard output, a breakdown of the engine is told.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <string>

#include "common/fd.h"

namespace jobward::cli {

// While it lives, what this process may have in private memory is bounded (RLIMIT_DATA): an
// allocation beyond the cap fails. The engine accounts for some of what it allocates only.
class MemoryCap {
 public:
  MemoryCap(std::uint64_t cap, int threads);
  MemoryCap(const MemoryCap&) = delete;
  MemoryCap& operator=(const MemoryCap&) = delete;
  ~MemoryCap();
  // Why nothing bounds it; empty: it is bounded. (Under sanitizers it never is.)
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  rlimit before_{};
  bool set_ = false;
  std::string problem_;
};

// While it lives, whatever is written to descriptor 1 goes to standard error: what a reader takes
// for the result is ours alone.
class StdoutAside {
 public:
  StdoutAside();
  StdoutAside(const StdoutAside&) = delete;
  StdoutAside& operator=(const StdoutAside&) = delete;
  ~StdoutAside();

 private:
  Fd kept_;
};

// From here on a fatal signal of a library that runs out of memory, or is wrong, ends this process
// with exit status 2 and a message: nothing is known then, which is no HARD_FAIL of the data.
void tell_of_breakdown();

}  // namespace jobward::cli
