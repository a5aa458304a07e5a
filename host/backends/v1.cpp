// Pure v1 hosts: limits and measures as on hybrid ones, but birth by a move before exec, and
// killing one by one.
#include <signal.h>

#include <utility>

#include "host/backends/backends.h"
#include "host/backends/drain.h"
#include "host/backends/memory_hold.h"
#include "host/backends/v1_controllers.h"
#include "host/observe/process.h"

namespace jobward::host {
namespace {

class V1Group final : public JobGroup {
 public:
  V1Group(KernelRoots roots, V1Controllers v1, std::unique_ptr<MemoryHold> hold)
      : roots_(std::move(roots)),
        v1_(std::move(v1)),
        waited_before_(waited_children_cpu_seconds()) {
    hold_ = std::move(hold);
    birth_ = {-1, v1_.task_files()};
    oom_event_ = v1_.oom_event();
  }
  V1Group(const V1Group&) = delete;
  V1Group& operator=(const V1Group&) = delete;
  ~V1Group() override {
    if (!finished_) static_cast<void>(V1Group::finish());
  }

  Result<MemorySample> sample() override { return v1_.sample(); }

  Result<int> signal_all(int signal) override {
    const auto list = [this] { return V1Group::processes(); };
    if (signal == SIGKILL) v1_.prepare_kill();
    return signal_members(list, signal);
  }

  Result<std::vector<int>> processes() override { return v1_.memory().processes_below(true); }
  std::optional<double> cpu_seconds() override {
    if (const auto counted = v1_.cpu_seconds()) return counted;
    const auto pids = V1Group::processes();
    if (!pids) return std::nullopt;
    return tree_cpu_seconds(roots_, *pids) + waited_children_cpu_seconds() - waited_before_;
  }
  LimitCounters counters() override { return v1_.counters(); }

  GroupReport finish() override {
    finished_ = true;
    GroupReport report;
    drain_group(
        *this, [this] { return V1Group::processes(); }, report);
    v1_.read_final(report);
    note_kill_mark(v1_.memory(), report);
    v1_.remove(report.problems);
    return report;
  }

 private:
  KernelRoots roots_;
  V1Controllers v1_;
  double waited_before_ = 0;
  bool finished_ = false;
};

class V1Backend final : public Backend {
 public:
  V1Backend(KernelRoots roots, V1Places places)
      : roots_(std::move(roots)),
        places_(std::move(places)),
        memory_(*places_.of("memory")),
        support_(v1_support(places_)) {}
  std::string_view name() const override { return "v1"; }
  const Support& support() const override { return support_; }
  std::string parent() const override {
    return memory_.hierarchy.mount_point + memory_.placement.path;
  }
  std::string reason() const override { return memory_.placement.reason; }
  GroupPlace place(const std::string& run_id) const override {
    const std::string job = parent() + "/" + run_id + "/job";
    return {job, job};
  }
  bool shelter(const std::string&) override { return shelter_v1(places_); }
  Result<std::unique_ptr<JobGroup>> create(const GroupRequest& request) override {
    auto v1 = V1Controllers::create(places_, request, true);
    if (!v1) return tl::unexpected(std::move(v1).error());
    auto hold = v1->hold(request);
    auto group =
        std::make_unique<V1Group>(roots_, std::move(*v1), hold ? std::move(*hold) : nullptr);
    if (!hold) group->remark(not_elastic(hold.error()));
    return group;
  }

 private:
  KernelRoots roots_;
  V1Places places_;
  V1Place memory_;
  Support support_;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_v1_backend(const KernelRoots& roots, const CgroupTree& tree,
                                                 unsigned uid) {
  auto places = place_v1(tree, uid);
  if (!places) return tl::unexpected(std::move(places).error());
  return std::make_unique<V1Backend>(roots, std::move(*places));
}

}  // namespace jobward::host
