// Where the kernel shows itself. Passed in everywhere, so that tests can show a tree of their own.
#pragma once

#include <string>

namespace jobward::host {

struct KernelRoots {
  std::string proc = "/proc";
  // Prefixed to the mount points that mountinfo names; empty in production.
  std::string mount_prefix;
};

}  // namespace jobward::host
