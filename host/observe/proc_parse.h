// Parsers for the text of /proc and cgroup files. Pure: text in, value out. The text comes from
// outside (a process chooses its own name): every parser takes any bytes and returns an error,
// never a guess.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace jobward::host {

// /proc/meminfo, in bytes.
struct MemInfo {
  std::uint64_t total = 0;
  std::uint64_t available = 0;
  std::uint64_t swap_total = 0;
  std::uint64_t swap_free = 0;
};
Result<MemInfo> parse_meminfo(std::string_view text);

// /proc/pressure/* and cgroup *.pressure. `full` is absent for cpu on older kernels.
struct PressureLine {
  double avg10 = 0;  // percent
  double avg60 = 0;
  double avg300 = 0;
  std::uint64_t total_us = 0;
};
struct Pressure {
  PressureLine some;
  std::optional<PressureLine> full;
};
Result<Pressure> parse_pressure(std::string_view text);

// /proc/PID/stat. The name may hold anything, also ") Z ": it ends at the last ')'.
struct ProcessStat {
  int pid = 0;
  std::string name;
  char state = '?';
  int parent = 0;
  int process_group = 0;
  int session = 0;
  std::uint64_t user_ticks = 0;
  std::uint64_t system_ticks = 0;
  std::uint64_t waited_ticks = 0;  // user and system, of children that were waited for
  long threads = 0;
  std::uint64_t start_ticks = 0;  // since boot
};
Result<ProcessStat> parse_stat(std::string_view text);

// /proc/PID/io, in bytes. Includes threads and children that were waited for (proc(5),
// kernel/exit.c).
struct ProcessIo {
  std::uint64_t read_bytes = 0;   // from storage
  std::uint64_t write_bytes = 0;  // to storage
  std::uint64_t transferred = 0;  // by all reads and writes, also of pipes and terminals
};
Result<ProcessIo> parse_io(std::string_view text);

// The memory lines of /proc/PID/status, in bytes. A kernel thread has none: absent.
struct ProcessMemory {
  std::uint64_t anon = 0;
  std::uint64_t file = 0;
  std::uint64_t shmem = 0;
  std::uint64_t swap = 0;
};
Result<std::optional<ProcessMemory>> parse_status_memory(std::string_view text);

// /proc/PID/statm, in bytes (proc(5)): what is in memory, and private mappings with the stack.
struct ProcessSizes {
  std::uint64_t resident = 0;
  std::uint64_t data = 0;
};
Result<ProcessSizes> parse_statm(std::string_view text, std::uint64_t page_bytes);

// Proportional set size of what cannot be reclaimed, from /proc/PID/smaps_rollup: Pss_Anon +
// Pss_Shmem + SwapPss, in bytes (proc(5); split since 5.14, without it Pss is taken).
Result<std::uint64_t> parse_smaps_rollup(std::string_view text);

// "key value" lines: memory.stat, cpu.stat, cgroup.events, memory.oom_control, memory.events.
using FlatKeyed = std::map<std::string, std::uint64_t, std::less<>>;
Result<FlatKeyed> parse_flat_keyed(std::string_view text);

// A file that holds one number; "max" is absent (no bound).
Result<std::optional<std::uint64_t>> parse_counter(std::string_view text);

// A list of CPUs or memory nodes: "0-3,8". Ascending, without repetition; empty text is an empty
// list.
Result<std::vector<int>> parse_cpu_list(std::string_view text);

// One process id a line: cgroup.procs, and (separated by spaces) /proc/PID/task/TID/children.
Result<std::vector<int>> parse_pids(std::string_view text);

// /proc/PID/cgroup: one entry a hierarchy. v2 has no controllers.
struct Membership {
  std::vector<std::string> controllers;  // empty: the v2 hierarchy; "name=x" for a named one
  std::string path;  // as the process sees it, "/" for the root of its namespace
};
Result<std::vector<Membership>> parse_membership(std::string_view text);

// The cgroup mounts of /proc/PID/mountinfo, in the order of mounting.
struct CgroupMount {
  bool v2 = false;
  std::string root;                      // the part of the hierarchy that is mounted, usually "/"
  std::string point;                     // where
  std::vector<std::string> controllers;  // v1 only
  bool read_only = false;
};
Result<std::vector<CgroupMount>> parse_cgroup_mounts(std::string_view mountinfo);

}  // namespace jobward::host
