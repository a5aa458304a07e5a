// Runs that the user names on the command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"

namespace jobward::cli {

// What the commands about runs work with.
struct RunDesk {
  host::KernelRoots roots;
  host::CgroupTree tree;
  host::MachineIdentity identity;
  SystemClock clock;
  Records records;
  [[nodiscard]] launcher::Reaping reaping() const;
  [[nodiscard]] bool is_alive(const std::string& run) const;
};
// Opens the records, closes the runs whose supervisor is gone, with a line about each, and takes in
// what the watchdog has done. Null: a message is on stderr.
std::unique_ptr<RunDesk> open_desk(const std::string& command);

// The one run that is meant; absent: a message is on stderr.
std::optional<profiles::RunRecord> find_run(const std::string& command, const RunDesk& desk,
                                            const std::string& reference);

}  // namespace jobward::cli
