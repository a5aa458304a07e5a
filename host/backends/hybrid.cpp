// Hybrid hosts: each job in a v2 leaf (atomic birth, cgroup.kill, pressure) and in v1 directories
// (limits).
#include <signal.h>

#include <algorithm>
#include <utility>

#include "host/backends/backends.h"
#include "host/backends/drain.h"
#include "host/backends/memory_hold.h"
#include "host/backends/v1_controllers.h"
#include "host/backends/v2_leaf.h"

namespace jobward::host {
namespace {

class HybridGroup final : public JobGroup {
 public:
  HybridGroup(V2Leaf leaf, V1Controllers v1, std::unique_ptr<MemoryHold> hold)
      : leaf_(std::move(leaf)), v1_(std::move(v1)) {
    hold_ = std::move(hold);
    birth_ = {leaf_.main_directory(), v1_.task_files()};
    oom_event_ = v1_.oom_event();
  }
  HybridGroup(const HybridGroup&) = delete;
  HybridGroup& operator=(const HybridGroup&) = delete;
  ~HybridGroup() override {
    if (!finished_) static_cast<void>(HybridGroup::finish());
  }

  Result<MemorySample> sample() override { return v1_.sample(); }
  Result<int> signal_all(int signal) override {
    if (signal == SIGKILL) v1_.prepare_kill();
    auto in_leaf = leaf_.signal_all(signal);
    if (in_leaf && *in_leaf > 0 && signal != SIGKILL) return in_leaf;
    // A job of root's may have moved a process to another v2 cgroup; its memory is still counted
    // here. Also tried when the leaf could not be killed.
    auto outside = signal_members([this] { return v1_.memory().processes_below(true); }, signal);
    if (!in_leaf || !outside) return in_leaf ? outside : in_leaf;
    return std::max(*in_leaf, *outside);
  }

  Result<std::vector<int>> processes() override {
    auto in_leaf = leaf_.processes();
    if (!in_leaf || !in_leaf->empty()) return in_leaf;
    return v1_.memory().processes_below(true);
  }
  std::optional<double> cpu_seconds() override { return leaf_.cpu_seconds(); }
  LimitCounters counters() override { return v1_.counters(); }

  GroupReport finish() override {
    finished_ = true;
    GroupReport report;
    drain_group(
        *this, [this] { return HybridGroup::processes(); }, report);
    v1_.read_final(report);
    leaf_.read_final(report);
    for (const auto* directory : {&v1_.memory(), &leaf_.job()})
      note_kill_mark(*directory, report);
    v1_.remove(report.problems);
    leaf_.remove(report.problems);
    return report;
  }

 private:
  V2Leaf leaf_;
  V1Controllers v1_;
  bool finished_ = false;
};

class HybridBackend final : public Backend {
 public:
  HybridBackend(V1Places v1, Hierarchy v2, Placement v2_place)
      : v1_(std::move(v1)),
        memory_(*v1_.of("memory")),
        v2_(std::move(v2)),
        v2_place_(std::move(v2_place)),
        support_(v1_support(v1_)) {}

  std::string_view name() const override { return "hybrid"; }
  const Support& support() const override { return support_; }
  std::string parent() const override {
    return memory_.hierarchy.mount_point + memory_.placement.path;
  }
  std::string reason() const override { return memory_.placement.reason; }
  GroupPlace place(const std::string& run_id) const override {
    const std::string job = "/" + run_id + "/job";
    return {v2_.mount_point + v2_place_.path + job, parent() + job};
  }
  bool shelter(const std::string&) override {
    const bool left = move_to_super(v2_, v2_place_);
    return shelter_v1(v1_) && left;
  }
  Result<std::unique_ptr<JobGroup>> create(const GroupRequest& request) override {
    auto leaf = V2Leaf::create(v2_, v2_place_, request, {});
    if (!leaf) return tl::unexpected(std::move(leaf).error());
    auto v1 = V1Controllers::create(v1_, request, false);
    if (!v1) {
      std::vector<std::string> ignored;
      leaf->remove(ignored);
      return tl::unexpected(std::move(v1).error());
    }
    auto hold = v1->hold(request);
    auto group = std::make_unique<HybridGroup>(std::move(*leaf), std::move(*v1),
                                               hold ? std::move(*hold) : nullptr);
    if (!hold) group->remark(not_elastic(hold.error()));
    return group;
  }

 private:
  V1Places v1_;
  V1Place memory_;
  Hierarchy v2_;
  Placement v2_place_;
  Support support_;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_hybrid_backend(const CgroupTree& tree, unsigned uid) {
  auto v1 = place_v1(tree, uid);
  if (!v1) return tl::unexpected(std::move(v1).error());
  const Hierarchy* v2 = tree.v2();
  if (v2 == nullptr) return error("use", "the hybrid backend", "no cgroup v2 tree is mounted");
  auto v2_place = place(*v2, uid);
  if (!v2_place) return tl::unexpected(std::move(v2_place).error());
  return std::make_unique<HybridBackend>(std::move(*v1), *v2, std::move(*v2_place));
}

}  // namespace jobward::host
