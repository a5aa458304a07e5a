// The v2 half of a job on a hybrid host: birth, kill, CPU and pressure on the controller-less v2
// tree.
#pragma once

#include <string>
#include <vector>

#include "host/backends/backend.h"
#include "host/backends/placement.h"
#include "host/observe/cgroup_dir.h"

namespace jobward::host {

// Owns P/ID/job/main until remove(). The processes are in `main`, so that a nested run can make its
// own cgroups below `job`: v2 forbids processes beside children.
class V2Leaf {
 public:
  static Result<V2Leaf> create(const Hierarchy& hierarchy, const Placement& placement,
                               const GroupRequest& request);

  [[nodiscard]] int main_directory() const { return main_.fd(); }
  [[nodiscard]] const CgroupDir& job() const { return job_; }

  [[nodiscard]] Result<int> signal_all(int signal) const;
  // All processes of the job, nested runs included; without a look at each directory when there are
  // none.
  [[nodiscard]] Result<std::vector<int>> processes() const;
  // cgroup.kill where the kernel has it (5.14): no fork can outrun it. Else one by one.
  [[nodiscard]] Status kill() const;
  // CPU time and pressure; what cannot be read goes to report.problems.
  void read_final(GroupReport& report) const;
  void remove(std::vector<std::string>& problems);

 private:
  V2Leaf() = default;
  CgroupDir parent_;
  bool own_parent_ = false;
  std::string id_;
  CgroupDir run_;
  CgroupDir job_;
  CgroupDir main_;
};

}  // namespace jobward::host
