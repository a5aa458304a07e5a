#include "launcher/membership.h"

#include "host/observe/process.h"

namespace jobward::launcher {

Membership::Membership(const host::JobGroup& group, const host::KernelRoots& roots, int main_pid)
    : roots_(roots),
      main_pid_(main_pid),
      in_cgroup_(group.birth_place().v2_directory >= 0 ||
                 !group.birth_place().v1_task_files.empty()) {}

std::string Membership::left_for() {
  if (!in_cgroup_) return {};
  const auto where = host::memory_cgroup_of(roots_, main_pid_);
  if (!where) return {};
  if (born_in_.empty())
    born_in_ = where->ends_with("/main") ? where->substr(0, where->size() - 5) : *where;
  const bool inside = (*where + "/").compare(0, born_in_.size() + 1, born_in_ + "/") == 0;
  return inside ? std::string() : *where;
}

}  // namespace jobward::launcher
