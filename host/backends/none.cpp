// No cgroups at all: the job is the tree of processes below this one, which is their subreaper.
// Limits are held by polling; nothing here is as tight as a cgroup, and the enforcement says so.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "host/backends/backends.h"
#include "host/backends/drain.h"
#include "host/backends/limit_support.h"
#include "host/backends/tree_sampler.h"
#include "host/observe/process.h"

namespace jobward::host {
namespace {

class NoneGroup final : public JobGroup {
 public:
  NoneGroup(KernelRoots roots, std::string run_id, std::optional<std::uint64_t> limit)
      : roots_(std::move(roots)),
        run_id_(std::move(run_id)),
        sampler_(roots_, limit),
        known_(present_descendants(roots_)),
        reaped_before_(waited_children_cpu_seconds()) {}
  NoneGroup(const NoneGroup&) = delete;
  NoneGroup& operator=(const NoneGroup&) = delete;
  ~NoneGroup() override {
    if (!finished_) static_cast<void>(NoneGroup::finish());
  }

  Result<MemorySample> sample() override { return sampler_.sample(tree()); }

  Result<int> signal_all(int signal) override {
    const auto list = [this]() -> Result<std::vector<int>> { return tree(); };
    if (signal == SIGKILL) {
      // Nothing here outruns forks at a stroke: all are stopped before the first is killed, as long
      // as new ones turn up.
      for (int seen = -1, now = 0; now > seen;) {
        seen = now;
        const auto stopped = signal_members(list, SIGSTOP);
        if (!stopped) break;
        now = *stopped;
      }
    }
    return signal_members(list, signal);
  }
  Result<std::vector<int>> processes() override { return tree(); }
  std::optional<double> cpu_seconds() override {
    return tree_cpu_seconds(roots_, tree()) + waited_children_cpu_seconds() - reaped_before_;
  }
  LimitCounters counters() override { return {}; }

  GroupReport finish() override {
    finished_ = true;
    GroupReport report;
    drain_group(
        *this, [this]() -> Result<std::vector<int>> { return tree(); }, report);
    end_escaped(report);
    if (const auto processes = sampler_.processes_peak()) {
      report.usage.set(Metric::processes_peak, *processes);
      report.usage.basis["processes_basis"] = "sampled";
    }
    return report;
  }

 private:
  // Living processes only: a zombie waits for its parent, who may be us, and holds nothing.
  std::vector<int> tree() const {
    return descendants_but(roots_, known_, {main_pid_, "JOBWARD_RUN_ID=" + run_id_});
  }

  // What is no descendant of ours any more (it was adopted elsewhere, or a server of the job's user
  // started it) still carries the run's id in its environment.
  void end_escaped(GroupReport& report) const {
    const auto list = [this]() -> Result<std::vector<int>> {
      std::vector<int> out;
      for (const int pid : processes_with_environment(roots_, "JOBWARD_RUN_ID=" + run_id_))
        if (is_alive(roots_, pid)) out.push_back(pid);
      return out;
    };
    const auto ended = drain(list, [&]() -> Status {
      auto killed = signal_members(list, SIGKILL);
      if (!killed) return tl::unexpected(std::move(killed).error());
      return {};
    });
    if (!ended)
      report.problems.push_back(ended.error().message());
    else
      report.killed_leftovers += *ended;
  }

  KernelRoots roots_;
  std::string run_id_;
  TreeSampler sampler_;
  std::vector<KnownProcess> known_;
  double reaped_before_ = 0;
  bool finished_ = false;
};

class NoneBackend final : public Backend {
 public:
  NoneBackend(KernelRoots roots, const std::string& mend)
      : roots_(std::move(roots)), support_(supported(mend)) {}
  std::string_view name() const override { return "none"; }
  const Support& support() const override { return support_; }
  std::string parent() const override { return {}; }
  GroupPlace place(const std::string&) const override { return {}; }
  Result<std::unique_ptr<JobGroup>> create(const GroupRequest& request) override {
    std::optional<std::uint64_t> limit;
    if (const Limit* memory = request.limits.find(Resource::memory))
      limit = static_cast<std::uint64_t>(memory->value);
    return std::make_unique<NoneGroup>(roots_, request.run_id, limit);
  }

 private:
  static Support supported(const std::string& mend) {
    Support out = common_support();
    out.set(Resource::memory,
            held_by_polling("without a cgroup the process tree is summed up again "
                            "and again; a fast job may overshoot",
                            mend));
    out.set(Resource::processes, held_by_polling("without a cgroup processes are counted again and "
                                                 "again (RLIMIT_NPROC counts all of a user's)",
                                                 mend));
    for (const Resource resource : {Resource::swap, Resource::cpus, Resource::cpu_weight,
                                    Resource::io_read_rate, Resource::io_write_rate})
      out.set(resource, not_held("it needs a cgroup", mend));
    out.set(Resource::cpuset,
            not_held("it needs a cgroup: a job could widen its own affinity again", mend));
    return out;
  }

  KernelRoots roots_;
  Support support_;
};

}  // namespace

std::unique_ptr<Backend> make_none_backend(const KernelRoots& roots, const std::string& mend) {
  return std::make_unique<NoneBackend>(roots, mend);
}

}  // namespace jobward::host
