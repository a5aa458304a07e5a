// The v1 half of a job: its memory and pids directories. Used by the hybrid and the v1 backend.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/fd.h"
#include "host/backends/backend.h"
#include "host/backends/placement.h"
#include "host/observe/cgroup_dir.h"

namespace jobward::host {

// Where the v1 controllers' jobs go. pids is optional: without it the peak of processes is not
// measured.
struct V1Places {
  Hierarchy memory;
  Placement memory_place;
  std::optional<Hierarchy> pids;
  std::optional<Placement> pids_place;
};
Result<V1Places> place_v1(const CgroupTree& tree, unsigned uid);

// Owns P/ID/job in each hierarchy until remove(). Limits are set before any process can be in it.
class V1Controllers {
 public:
  static Result<V1Controllers> create(const V1Places& places, const GroupRequest& request);

  [[nodiscard]] std::vector<int> task_files() const;
  [[nodiscard]] int oom_event() const { return oom_event_.get(); }
  [[nodiscard]] const CgroupDir& memory() const { return memory_.job; }

  [[nodiscard]] Result<MemorySample> sample() const;
  // A counter that cannot be read counts as 0 here: the final report tells the problem.
  [[nodiscard]] OomCounters oom_counters() const;
  // Peak, processes and the OOM counters; what cannot be read goes to report.problems.
  void read_final(GroupReport& report) const;
  // Removes the directories, and P too when it is ours and empty.
  void remove(std::vector<std::string>& problems);

 private:
  struct Place {
    CgroupDir parent;  // P
    bool own_parent = false;
    std::string id;
    CgroupDir job;
    Fd tasks;
  };
  struct Ancestor {
    CgroupDir dir;
    std::uint64_t hits = 0;  // failcnt when the run began
  };

  V1Controllers() = default;
  static Result<Place> make_place(const Hierarchy& hierarchy, const Placement& placement,
                                  const std::string& controller, const GroupRequest& request);
  Status watch_memory();
  Status remember_ancestors(const Hierarchy& hierarchy, const Placement& placement);
  static void remove_place(Place& place, std::vector<std::string>& problems);

  Place memory_;
  std::optional<Place> pids_;
  Fd usage_file_;
  Fd peak_file_;
  Fd stat_file_;
  Fd oom_event_;
  std::vector<Ancestor> ancestors_;  // with a finite limit, nearest first
};

}  // namespace jobward::host
