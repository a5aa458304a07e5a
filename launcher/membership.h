// Whether a job's main process is still in the cgroup it was born in.
#pragma once

#include <string>

#include "host/backends/backend.h"
#include "host/observe/kernel_roots.h"

namespace jobward::launcher {

// A job that may (root's, or a user's in a tree of his own) can move itself out of its cgroup: then
// nothing holds it, and the run says so.
class Membership {
 public:
  Membership(const host::JobGroup& group, const host::KernelRoots& roots, int main_pid);
  // Where the main process is now; empty: where it was born (at the first call), or below.
  [[nodiscard]] std::string left_for();

 private:
  const host::KernelRoots& roots_;
  int main_pid_;
  bool in_cgroup_;
  std::string born_in_;
};

}  // namespace jobward::launcher
