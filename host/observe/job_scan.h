// Managed jobs and the processes in cgroups, looked at without allocation: for the watchdog. Others
// use managed_jobs.h.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/fd.h"
#include "common/fixed_text.h"
#include "host/observe/process_scan.h"

namespace jobward::host {

struct JobFacts {
  FixedText<kLongestCgroup> path;  // below the mount point of the hierarchy that counts memory
  FixedText<72> run;
  uid_t owner = 0;                   // as the attribute says
  std::optional<std::uint64_t> p99;  // bytes
  ino_t inode = 0;                   // a directory made anew is another cgroup
  std::uint64_t anon = 0;            // bytes, with all cgroups below
  std::uint64_t shmem = 0;
  std::uint64_t swap = 0;
  int largest = 0;  // the process with the most resident memory, and that; 0: none was seen
  std::uint64_t largest_rss = 0;
  int oldest = 0;  // the process that started first: the job's main one, as long as it lives
  std::uint64_t oldest_start = 0;  // ticks
  [[nodiscard]] std::uint64_t size() const { return anon + shmem + swap; }
};

// A hierarchy that counts memory.
struct MemoryTree {
  std::string mount_point;
  bool v2 = true;
};

// Is this job to be taken as one? Else what is in it is looked through for jobs instead.
using IsWhole = bool (*)(void* context, const JobFacts& job);

// The largest jobs below `below` (a path in the tree, "" for all), largest first, at most as many
// as `out` holds; how many were written. `is_whole` null: all are. A job is a directory named `job`
// with a believable `user.jobward` (the owner is root, or the user of a process in it), processes,
// and memory of its own. Jobs within jobs that are whole are left out.
std::size_t find_jobs(const MemoryTree& tree, std::string_view below, ProcessScan& processes,
                      std::span<JobFacts> out, IsWhole is_whole = nullptr, void* context = nullptr);

// The attribute of one directory: absent, or not to be believed, or no id of a run.
bool read_job_facts(int directory, JobFacts& out);

// Opens a directory below the tree's mount point; not valid: it is gone.
Fd open_cgroup(const MemoryTree& tree, std::string_view path);

// f(pid) for each process in the cgroup and in all below it.
using OnProcess = void (*)(void* context, int pid);
void each_process(int directory, OnProcess on_process, void* context);

// What of a cgroup's memory is not page cache that can be had back, and its limit ("max": absent).
struct CgroupRoom {
  std::optional<std::uint64_t> limit;
  std::uint64_t unreclaimable = 0;
  std::uint64_t swap = 0;
  std::uint64_t shmem = 0;
};
std::optional<CgroupRoom> read_room(int directory, bool v2);

}  // namespace jobward::host
