// Taking the watchdog's journal into the records, as every command does by the way.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "profiles/database_file.h"
#include "profiles/watchdog_store.h"

namespace jobward::profiles {

struct IntakePlace {
  const std::string& state_directory;    // of the database
  const std::string& journal_directory;  // of the watchdog
  unsigned uid;
};

struct Intake {
  std::size_t events = 0;             // new ones
  std::vector<NotedLine> broken;      // lines that could not be used
  std::vector<std::string> problems;  // files that are not believed
};

// `at_once`: somebody waits for the end of this process: little is taken, and no lock waited for.
enum class Haste { none, at_once };

// A file of ours beside the database remembers where the journal ended: nothing new costs a few
// system calls and no look into the database, no watchdog costs one. What is left, by haste or
// after an error, is taken by the next call.
Result<Intake> take_in_journal(const IntakePlace& place, const Clock& clock, const Notice& notice,
                               Haste haste);

}  // namespace jobward::profiles
