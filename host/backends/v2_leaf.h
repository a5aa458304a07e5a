// A job's directories on the v2 tree: birth, kill, CPU and pressure; on a hybrid host without any
// controller.
#pragma once

#include <optional>
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
  // Makes P where it is missing. `controllers` are enabled for P, P/ID and P/ID/job, as far as they
  // are available.
  static Result<V2Leaf> create(const Hierarchy& hierarchy, const Placement& placement,
                               const GroupRequest& request,
                               const std::vector<std::string>& controllers);
  // Below a run directory that somebody else made and removes: a systemd scope.
  static Result<V2Leaf> create_in(CgroupDir run, const GroupRequest& request,
                                  const std::vector<std::string>& controllers);

  [[nodiscard]] int main_directory() const { return main_.fd(); }
  [[nodiscard]] const CgroupDir& job() const { return job_; }
  [[nodiscard]] const CgroupDir& main() const { return main_; }
  [[nodiscard]] const CgroupDir& parent() const { return parent_; }  // P; invalid in a scope
  [[nodiscard]] bool owns_parent() const { return own_parent_; }
  [[nodiscard]] std::optional<double> cpu_seconds() const;

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
  Result<CgroupDir> open_parent(const Hierarchy& hierarchy, const Placement& placement,
                                const std::vector<std::string>& controllers);
  Status make_run(const Hierarchy& hierarchy, const Placement& placement,
                  const std::vector<std::string>& controllers);
  Status make_job(const GroupRequest& request, const std::vector<std::string>& controllers);
  CgroupDir parent_;
  bool own_parent_ = false;
  bool has_controllers_ = false;
  std::string id_;
  CgroupDir run_;
  CgroupDir job_;
  CgroupDir main_;
  CgroupDir left_;  // the directory that we left to make room, to go back to
};

}  // namespace jobward::host
