// The project a job belongs to: the nearest enclosing git root.
#pragma once

#include <string>

#include "profiles/file_probe.h"

namespace jobward::profiles {

// The absolute path of the project that encloses `directory` (absolute), or `directory` itself if
// none does. Linked worktrees of one repository (a `.git` file that points into
// MAIN/.git/worktrees/NAME) are one project: agents that work in parallel worktrees share their
// history. `root` is where the checkout lies, `identity` what it counts as; they differ only for
// linked worktrees.
struct Project {
  std::string root;
  std::string identity;
};
Project find_project(const std::string& directory, const FileProbe& files);

}  // namespace jobward::profiles
