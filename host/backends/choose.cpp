#include <unistd.h>

#include "host/backends/backends.h"

namespace jobward::host {

BackendChoice choose_backend(const KernelRoots& roots, const CgroupTree& tree) {
  BackendChoice choice;
  const auto take = [&](Result<std::unique_ptr<Backend>> made, std::string reason) {
    if (!made) {
      choice.obstacles.push_back(made.error().message());
      return false;
    }
    choice.backend = std::move(*made);
    choice.reason = std::move(reason);
    return true;
  };
  const unsigned uid = ::geteuid();
  switch (tree.mode) {
    case CgroupMode::hybrid:
      if (take(make_hybrid_backend(tree, uid),
               "v1 controllers hold the limits, a v2 leaf the processes"))
        return choice;
      if (take(make_v1_backend(tree, uid), "v1 controllers; the v2 tree cannot be used"))
        return choice;
      break;
    case CgroupMode::v1:
      if (take(make_v1_backend(tree, uid), "v1 controllers")) return choice;
      break;
    case CgroupMode::unified:
      choice.obstacles.emplace_back(
          "cgroup v2 alone is mounted: this version has no backend for it yet");
      break;
    case CgroupMode::none:
      choice.obstacles.emplace_back(
          "no cgroup hierarchy is mounted, or none that shows this process");
      break;
  }
  choice.backend = make_none_backend(roots);
  choice.reason = "no cgroup can be used: the process tree is polled";
  return choice;
}

}  // namespace jobward::host
