// What could be ended, as data.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/fixed_text.h"
#include "host/observe/process_scan.h"

namespace jobward::watchdog {

// Why a unit was chosen, or was not.
enum class Why : std::uint8_t {
  smaller,
  largest,
  beyond_estimate,  // about as large as the largest, and beyond its own p99 (prefer_over_estimate)
  holds_the_tmpfs,  // its shared memory is what fills the machine
  itself,
  ancestor,
  holds_watchdog,  // a job that the watchdog runs in
  init,
  kernel_thread,
  unkillable,  // oom_score_adj -1000
  other_user,  // an unprivileged watchdog ends only its own user's processes
  rule,
  gone,         // holds no memory any more
  untouchable,  // we may not signal it
  stuck,        // signalled already, and it has not gone
  part_of_job,  // the job is the unit
};
std::string_view to_string(Why why);
// Is it out of the question, whatever its size?
bool is_protected(Why why);

// A managed job, or a process. Bytes.
struct Unit {
  bool is_job = false;
  int pid = 0;  // of a job: its largest process
  std::uint64_t start_ticks = 0;
  uid_t uid = 0;
  std::uint64_t size =
      0;  // what it is judged by: resident + swapped; PSS + swapped; anon + shmem + swap
  std::uint64_t score = 0;  // by oom_score; else 0
  std::uint64_t shmem = 0;
  std::optional<std::uint64_t> p99;
  ino_t inode = 0;         // of a job's directory
  bool has_facts = false;  // all below, and pid's start and uid
  FixedText<64> name;
  FixedText<host::kLongestExe> exe;
  FixedText<host::kLongestCgroup> cgroup;
  FixedText<72> run;  // of a job
  Why why = Why::smaller;
  int rule = -1;  // that protects it, in Config::protect
};

// The order in which units are considered: by score, size, the youngest, the highest pid. Total.
bool goes_before(const Unit& a, const Unit& b);

}  // namespace jobward::watchdog
