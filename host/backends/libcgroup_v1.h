// The one place that uses libcgroup: discovery of v1 controllers, creation of v1 directories, and
// writing their values. It cannot do v2 (see ARCHITECTURE.md), and birth, measuring, killing and
// removal go through our own directory descriptors, because of how it attaches (one thread) and
// deletes (moves to the parent).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/result.h"

namespace jobward::host::libcgroup {

// Where the library finds the controller mounted; an error if it does not.
Result<std::string> mount_point(const std::string& controller);

using Values =
    std::vector<std::pair<std::string, std::string>>;  // file name, text; written in order

// Creates PATH (from the mount's root, with its parents) for one controller and writes the values.
// If that fails nothing of the last directory is left behind.
Status create(const std::string& controller, const std::string& path, const Values& values);

}  // namespace jobward::host::libcgroup
