// One job's directory in one v1 hierarchy: P/ID/job.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/fd.h"
#include "host/backends/backend.h"
#include "host/backends/placement.h"
#include "host/observe/cgroup_dir.h"

namespace jobward::host {

// Where the jobs of one controller go.
struct V1Place {
  std::string controller;
  Hierarchy hierarchy;
  Placement placement;
};

// Owns P/ID/job until remove(). Its limits are set before any process can be in it. Move-only.
class V1Directory {
 public:
  static Result<V1Directory> create(const V1Place& place, const GroupRequest& request);

  [[nodiscard]] const std::string& controller() const { return controller_; }
  [[nodiscard]] const CgroupDir& job() const { return job_; }
  [[nodiscard]] const CgroupDir& parent() const { return parent_; }
  [[nodiscard]] bool owns_parent() const { return own_parent_; }
  [[nodiscard]] int tasks() const { return tasks_.get(); }
  // Removes the directories, and P too when it is ours and empty.
  void remove(std::vector<std::string>& problems);

 private:
  V1Directory() = default;
  std::string controller_;
  CgroupDir parent_;  // P
  bool own_parent_ = false;
  std::string id_;
  CgroupDir job_;
  Fd tasks_;
};

}  // namespace jobward::host
