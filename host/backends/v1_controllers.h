// The v1 half of a job: its directories in the hierarchies of the v1 controllers, and what they
// count. Used by the hybrid and the v1 backend.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/fd.h"
#include "host/backends/backend.h"
#include "host/backends/v1_directory.h"
#include "host/observe/cgroup_file.h"

namespace jobward::host {

// Where the v1 controllers' jobs go; memory is always among them. `gaps` says of the others why
// they cannot be used.
struct V1Places {
  std::vector<V1Place> places;
  std::optional<Hierarchy> freezer;
  std::vector<std::pair<std::string, std::string>> gaps;  // controller, why
  [[nodiscard]] const V1Place* of(std::string_view controller) const;
};
Result<V1Places> place_v1(const CgroupTree& tree, unsigned uid);

// Takes this process to P/super where a caller's cgroup is likely to be torn down by (memory,
// pids); a new cpuset would be empty. True: it has left that of memory.
bool shelter_v1(const V1Places& places);

// What the v1 controllers hold, the rest as for every backend.
Support v1_support(const V1Places& places);

// Whether a v1 cgroup, or one above it, has run out of memory since this was made.
class OomWatch {
 public:
  OomWatch() = default;
  // Fails where we may not write cgroup.event_control.
  static Result<OomWatch> start(const CgroupDir& dir);
  [[nodiscard]] int fd() const { return event_.get(); }
  [[nodiscard]] bool valid() const { return static_cast<bool>(event_); }
  // Remembers: what was announced once stays so.
  bool has_fired();

 private:
  Fd event_;
  bool fired_ = false;
};

// Owns the job's v1 directories until remove().
class V1Controllers {
 public:
  // `count_cpu`: also in cpuacct, where there is no v2 tree that counts it.
  static Result<V1Controllers> create(const V1Places& places, const GroupRequest& request,
                                      bool count_cpu);

  [[nodiscard]] std::vector<int> task_files() const;
  // Holds the job at its memory limit if the request says so; null: it does not. Borrows the
  // directory of memory, which stays where it is when this moves.
  [[nodiscard]] Result<std::unique_ptr<MemoryHold>> hold(const GroupRequest& request) const;
  [[nodiscard]] int oom_event() const { return oom_event_.fd(); }
  [[nodiscard]] const CgroupDir& memory() const { return of("memory")->job(); }

  [[nodiscard]] Result<MemorySample> sample() const;
  [[nodiscard]] std::optional<double> cpu_seconds() const;
  // A counter that cannot be read counts as 0 here: the final report tells the problem.
  [[nodiscard]] LimitCounters counters();
  // Before the processes are killed one by one: none can start another from now on (where there is
  // a pids controller), and none is frozen. A process in a frozen v1 cgroup cannot be killed, and a
  // job that may make cgroups can freeze itself; only a cgroup that holds nobody else is thawed.
  void prepare_kill();
  // Peak, processes and the counters; what cannot be read goes to report.problems.
  void read_final(GroupReport& report);
  // Removes the directories, and P too when it is ours and empty.
  void remove(std::vector<std::string>& problems);

 private:
  struct Ancestor {
    CgroupDir dir;
    OomWatch oom;
    bool is_parent = false;  // it is P
  };

  V1Controllers() = default;
  void stop_forks();
  void thaw() const;
  void thaw(const std::string& path, const std::vector<int>& pids) const;
  [[nodiscard]] std::uint64_t refused_forks() const;
  [[nodiscard]] const V1Directory* of(std::string_view controller) const;
  Status watch_memory();
  Status remember_ancestors(const V1Place& memory);

  std::vector<V1Directory> directories_;
  std::optional<Hierarchy> freezer_;
  // Before we forbade all forks ourselves.
  std::optional<std::uint64_t> refused_before_kill_;
  CgroupFile usage_file_;
  CgroupFile peak_file_;
  CgroupFile stat_file_;
  OomWatch oom_event_;  // the supervisor's, who consumes it
  OomWatch oom_;
  std::vector<Ancestor> ancestors_;  // with a finite limit, nearest first
  std::vector<std::string> remarks_;
};

}  // namespace jobward::host
