// No cgroups at all: the job is the tree of processes below this one, which is their subreaper.
// Limits are held by polling; nothing here is as tight as a cgroup, and the enforcement says so.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "host/backends/backends.h"
#include "host/backends/drain.h"
#include "host/observe/process.h"

namespace jobward::host {
namespace {

class NoneGroup final : public JobGroup {
 public:
  NoneGroup(KernelRoots roots, std::optional<std::uint64_t> limit)
      : roots_(std::move(roots)), limit_(limit), known_(present_children(roots_)) {}
  NoneGroup(const NoneGroup&) = delete;
  NoneGroup& operator=(const NoneGroup&) = delete;
  ~NoneGroup() override {
    if (!finished_) static_cast<void>(NoneGroup::finish());
  }

  Result<MemorySample> sample() override {
    const auto pids = tree();
    auto memory = tree_memory(roots_, pids, false);
    // The fast sum counts pages shared after a fork once a process. Before it may cost a job its
    // life, or become its record, it is counted exactly.
    if ((limit_ && memory.need >= *limit_) || (memory.processes > 1 && memory.need > peak_))
      memory = tree_memory(roots_, pids, true);
    peak_ = std::max(peak_, memory.need);
    processes_peak_ = std::max(processes_peak_, memory.processes);
    MemorySample out;
    out.file = memory.file;
    out.current = memory.need + memory.file;
    out.anon = memory.anon;
    out.shmem = memory.shmem;
    out.processes = memory.processes;
    return out;
  }

  Result<int> signal_all(int signal) override {
    const auto pids = tree();
    if (auto sent = signal_each(pids, signal); !sent)
      return tl::unexpected(std::move(sent).error());
    return static_cast<int>(pids.size());
  }

  OomCounters oom_counters() const override { return {}; }

  GroupReport finish() override {
    finished_ = true;
    GroupReport report;
    drain_group(
        *this, [this]() -> Result<std::vector<int>> { return tree(); }, report);
    if (processes_peak_ > 0) {
      report.usage.set(Metric::processes_peak, processes_peak_);
      report.usage.basis["processes_basis"] = "sampled";
    }
    return report;
  }

 private:
  // Living processes only: a zombie waits for its parent, who may be us, and holds nothing.
  std::vector<int> tree() const { return descendants_but(roots_, known_); }

  KernelRoots roots_;
  std::optional<std::uint64_t> limit_;
  std::vector<KnownProcess> known_;
  std::uint64_t peak_ = 0;
  int processes_peak_ = 0;
  bool finished_ = false;
};

class NoneBackend final : public Backend {
 public:
  explicit NoneBackend(KernelRoots roots) : roots_(std::move(roots)) {}
  std::string_view name() const override { return "none"; }
  Enforcements enforcement() const override {
    Enforcements out;
    out.set(Resource::memory, Enforcement::polled);
    out.set(Resource::wall, Enforcement::polled);
    return out;
  }
  std::string parent() const override { return {}; }
  GroupPlace place(const std::string&) const override { return {}; }
  Result<std::unique_ptr<JobGroup>> create(const GroupRequest& request) override {
    std::optional<std::uint64_t> limit;
    if (const Limit* memory = request.limits.find(Resource::memory))
      limit = static_cast<std::uint64_t>(memory->value);
    return std::make_unique<NoneGroup>(roots_, limit);
  }

 private:
  KernelRoots roots_;
};

}  // namespace

std::unique_ptr<Backend> make_none_backend(const KernelRoots& roots) {
  return std::make_unique<NoneBackend>(roots);
}

}  // namespace jobward::host
