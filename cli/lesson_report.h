// What `import` and `profiles import` tell of what they have read.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "common/result.h"
#include "profiles/lesson_store.h"

namespace jobward::cli {

struct LessonReport {
  struct Kind {
    std::size_t runs = 0;
    std::size_t fresh = 0;
    bool by_name = true;  // found again by its name (--kind); else by its command
  };
  std::string source;
  std::string file;
  bool dry_run = false;
  std::size_t read = 0;
  std::size_t fresh = 0;  // learned, or in a dry run: would be
  std::size_t known = 0;
  std::size_t skipped = 0;
  std::vector<std::string> complaints;
  std::vector<std::string> remarks;
  std::map<std::string, Kind> kinds;

  // Stages a lesson that was read, and counts it.
  Status stage(profiles::LessonStore& store, profiles::Lesson lesson,
               profiles::LessonStore::Same same, bool by_name);
};

// Learns what was staged, unless it is a dry run.
Status learn_staged(profiles::LessonStore& store, const LessonReport& report);

// Prints the report; the exit status: 0, or 1 where nothing in it could be used.
int tell(const LessonReport& report, bool json);

std::string report_text(const LessonReport& report);
std::string report_json(const LessonReport& report);

}  // namespace jobward::cli
