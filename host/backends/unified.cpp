// cgroup v2 alone, as root or in a subtree that was delegated to us: P/ID/job/main.
#include <unistd.h>

#include <utility>

#include "host/backends/backends.h"
#include "host/backends/v2_group.h"

namespace jobward::host {
namespace {

// What P is in, or P itself inside another run.
std::string directory_above(const Hierarchy& v2, const Placement& where) {
  const std::string path = where.nested ? where.path : where.path.substr(0, where.path.rfind('/'));
  return v2.mount_point + path;
}

class UnifiedBackend final : public Backend {
 public:
  UnifiedBackend(KernelRoots roots, Hierarchy v2, Placement place, V2Controllers controllers)
      : roots_(std::move(roots)),
        v2_(std::move(v2)),
        place_(std::move(place)),
        controllers_(std::move(controllers)),
        support_(v2_support(controllers_, counts_swap(v2_))) {}

  std::string_view name() const override { return "unified"; }
  const Support& support() const override { return support_; }
  std::string parent() const override { return v2_.mount_point + place_.path; }
  std::string reason() const override { return place_.reason; }
  GroupPlace place(const std::string& run_id) const override {
    const std::string job = parent() + "/" + run_id + "/job";
    return {job, job};
  }
  bool shelter(const std::string&) override { return move_to_super(v2_, place_); }
  Result<std::unique_ptr<JobGroup>> create(const GroupRequest& request) override {
    std::vector<std::string> wanted;
    for (auto& controller : v2_needs(request.limits))
      if (controllers_.has(controller)) wanted.push_back(std::move(controller));
    auto leaf = V2Leaf::create(v2_, place_, request, wanted);
    if (!leaf) return tl::unexpected(std::move(leaf).error());
    return make_v2_group(roots_, std::move(*leaf), request, controllers_, v2_.mount_point);
  }

 private:
  KernelRoots roots_;
  Hierarchy v2_;
  Placement place_;
  V2Controllers controllers_;
  Support support_;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_unified_backend(const KernelRoots& roots, const Hierarchy& v2,
                                                      Placement where) {
  auto above = CgroupDir::open(directory_above(v2, where));
  if (!above) return tl::unexpected(std::move(above).error());
  return std::make_unique<UnifiedBackend>(roots, v2, std::move(where), probe_controllers(*above));
}

}  // namespace jobward::host
