// Runs that the user names on the command line.
#pragma once

#include <functional>
#include <memory>
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

// The same without a word: what went wrong is the error, lines about closed runs go to `tell`.
Result<std::unique_ptr<RunDesk>> open_run_desk(const std::function<void(const std::string&)>& tell);
// The one run that is meant.
Result<profiles::RunRecord> look_up_run(const RunDesk& desk, const std::string& reference);
// For a run whose supervisor was found gone: its record as it is now, for the run may have ended
// since it was read. As it was where it had ended, or cannot be read.
profiles::RunRecord read_again(const RunDesk& desk, profiles::RunRecord run);
// As look_up_run(); absent: a message is on stderr.
std::optional<profiles::RunRecord> find_run(const std::string& command, const RunDesk& desk,
                                            const std::string& reference);

}  // namespace jobward::cli
