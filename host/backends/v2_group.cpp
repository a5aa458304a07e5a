#include "host/backends/v2_group.h"

#include <utility>

#include "host/backends/drain.h"
#include "host/backends/memory_hold.h"
#include "host/backends/tree_sampler.h"
#include "host/observe/cgroup_tree.h"

namespace jobward::host {
namespace {

// The events of the directory itself: those of nested runs are not ours. Since Linux 5.2; before,
// the hierarchical file.
FlatKeyed own_events(const CgroupDir& dir, const char* local, const char* whole) {
  for (const auto* file : {local, whole})
    if (auto events = dir.keyed(file); events && *events) return std::move(**events);
  return {};
}

// Before Linux 6.11 a refused fork was counted where the process was, whoever refused it
// (cgroup-v2.rst, pids_localevents).
constexpr auto kMemoryEvents = std::pair("memory.events.local", "memory.events");
constexpr auto kPidsEvents = std::pair("pids.events.local", "pids.events");

FlatKeyed memory_events(const CgroupDir& dir) {
  return own_events(dir, kMemoryEvents.first, kMemoryEvents.second);
}

std::uint64_t pids_refused(const CgroupDir& dir) {
  return value_or_zero(own_events(dir, kPidsEvents.first, kPidsEvents.second), "max");
}

class V2Group final : public JobGroup {
 public:
  V2Group(KernelRoots roots, V2Leaf leaf) : roots_(std::move(roots)), leaf_(std::move(leaf)) {
    birth_.v2_directory = leaf_.main_directory();
  }
  V2Group(const V2Group&) = delete;
  V2Group& operator=(const V2Group&) = delete;
  ~V2Group() override {
    if (!finished_) static_cast<void>(V2Group::finish());
  }

  // After which finish() may be called. On failure the destructor removes the directories.
  Status prepare(const GroupRequest& request, const V2Controllers& controllers,
                 const std::string& mount_point);

  Result<MemorySample> sample() override;
  Result<int> signal_all(int signal) override { return leaf_.signal_all(signal); }
  Result<std::vector<int>> processes() override { return leaf_.processes(); }
  std::optional<double> cpu_seconds() override { return leaf_.cpu_seconds(); }
  LimitCounters counters() override;
  GroupReport finish() override;

 private:
  struct Ancestor {
    CgroupDir dir;
    std::uint64_t oom = 0;  // when the run began
    bool is_parent = false;
  };

  void hold_memory(const GroupRequest& request);
  void set_aggregate(const GroupRequest& request);
  void remember_ancestors(const std::string& mount_point);
  void read_final(GroupReport& report);

  KernelRoots roots_;
  V2Leaf leaf_;
  CgroupFile current_;
  CgroupFile peak_;  // since Linux 5.19
  CgroupFile stat_;
  std::vector<Ancestor> ancestors_;
  std::optional<TreeSampler> polled_;
  bool counts_processes_ = false;  // the limit of processes is polled
  bool finished_ = false;
};

bool belongs_to(const std::string& file, const V2Controllers& controllers) {
  return controllers.has(file.substr(0, file.find('.')));
}

Status V2Group::prepare(const GroupRequest& request, const V2Controllers& controllers,
                        const std::string& mount_point) {
  for (const auto& [file, text] : v2_values(request.limits, request.oom_kills_job)) {
    if (!belongs_to(file, controllers)) continue;
    auto written = leaf_.job().write(file, text);
    // Jobward's own default where the kernel counts no swap; one that was asked for has been
    // refused.
    const Limit* swap = request.limits.find(Resource::swap);
    const bool may_lack = file == "memory.swap.max" && swap->origin == LimitOrigin::automatic;
    if (!written && !(may_lack && written.error().errnum == ENOENT)) return written;
  }
  if (controllers.has("memory")) {
    set_aggregate(request);
    const auto open = [&](const char* file, CgroupFile& target) -> Status {
      auto opened = CgroupFile::open(leaf_.job(), file);
      if (!opened) return tl::unexpected(std::move(opened).error());
      target = std::move(*opened);
      return {};
    };
    JOBWARD_RETURN_IF_ERROR(open("memory.current", current_));
    JOBWARD_RETURN_IF_ERROR(open("memory.stat", stat_));
    static_cast<void>(open("memory.peak", peak_));
    hold_memory(request);
  } else {
    const Limit* limit = request.limits.find(Resource::memory);
    polled_.emplace(roots_, limit == nullptr
                                ? std::nullopt
                                : std::optional(static_cast<std::uint64_t>(limit->value)));
  }
  counts_processes_ = !controllers.has("pids") && request.limits.contains(Resource::processes);
  remember_ancestors(mount_point);
  return {};
}

void V2Group::hold_memory(const GroupRequest& request) {
  const Limit* limit = request.limits.find(Resource::memory);
  if (!request.elastic || limit == nullptr) return;
  auto hold =
      MemoryHold::on_v2(leaf_.job(), static_cast<std::uint64_t>(limit->value), request.attribute);
  if (hold)
    hold_ = std::make_unique<MemoryHold>(std::move(*hold));
  else
    remark(not_elastic(hold.error()));
}

// Written only when it is another: every run comes by here.
void V2Group::set_aggregate(const GroupRequest& request) {
  if (!leaf_.owns_parent() || !leaf_.parent().valid()) return;
  const auto& bytes = request.aggregate_bytes;
  const auto now = leaf_.parent().counter("memory.max");
  if (now && now->has_value() == bytes.has_value() && (!bytes || **now / 4096 == *bytes / 4096))
    return;
  const auto used = memory_in_use(leaf_.parent().path());
  auto set = bytes && used && *used > *bytes
                 ? Status(error(
                       "set", leaf_.parent().path(),
                       "the jobs there use more than " + std::to_string(*bytes) + " bytes already"))
                 : leaf_.parent().write("memory.max", bytes ? std::to_string(*bytes) : "max");
  if (!set) remarks_.push_back("the aggregate cap could not be set: " + set.error().message());
}

void V2Group::remember_ancestors(const std::string& mount_point) {
  const std::string& job = leaf_.job().path();
  std::string path = job.substr(0, job.rfind('/'));  // P/ID
  // Of a nested run the directory above is the job that encloses it.
  bool is_parent = leaf_.owns_parent() || !leaf_.parent().valid();
  while (path.size() > mount_point.size()) {
    path = path.substr(0, path.rfind('/'));
    auto dir = CgroupDir::open(path);
    if (!dir) return;
    const auto oom = value_or_zero(memory_events(*dir), "oom");
    ancestors_.push_back({std::move(*dir), oom, is_parent});
    is_parent = false;
  }
}

Result<MemorySample> V2Group::sample() {
  if (polled_) {  // without the memory controller, as the backend without cgroups does it
    auto pids = leaf_.processes();
    if (!pids) return tl::unexpected(std::move(pids).error());
    return polled_->sample(*pids);
  }
  auto current = current_.counter();
  if (!current) return tl::unexpected(std::move(current).error());
  auto stat = stat_.keyed();
  if (!stat) return tl::unexpected(std::move(stat).error());
  MemorySample out;
  out.current = *current;
  if (peak_.valid())
    if (const auto peak = peak_.counter()) out.peak = *peak;
  // "file" includes shmem, which cannot be reclaimed without swap (cgroup-v2.rst, memory.stat).
  const auto file = value_or_zero(*stat, "file");
  out.shmem = value_or_zero(*stat, "shmem");
  out.file = file > out.shmem ? file - out.shmem : 0;
  out.anon = value_or_zero(*stat, "anon");
  if (counts_processes_)
    if (const auto pids = leaf_.processes()) out.processes = static_cast<int>(pids->size());
  return out;
}

LimitCounters V2Group::counters() {
  LimitCounters out;
  const auto job = memory_events(leaf_.job());
  out.own_limit_hits = value_or_zero(job, "oom");
  out.kills = value_or_zero(job, "oom_kill");
  // A nested run has enabled the controller below `job`: our processes are counted in `main` now.
  if (leaf_.main().has("memory.events.local"))
    out.kills += value_or_zero(memory_events(leaf_.main()), "oom_kill");
  out.refused_forks = pids_refused(leaf_.job());
  if (leaf_.main().has("pids.events")) out.refused_forks += pids_refused(leaf_.main());
  for (const auto& ancestor : ancestors_) {
    if (value_or_zero(memory_events(ancestor.dir), "oom") <= ancestor.oom) continue;
    out.ancestor = ancestor.dir.path();
    out.ancestor_limit = ancestor.dir.counter("memory.max").value_or(std::nullopt);
    out.aggregate = ancestor.is_parent;
    break;
  }
  return out;
}

void V2Group::read_final(GroupReport& report) {
  report.problems.insert(report.problems.end(), remarks_.begin(), remarks_.end());
  if (peak_.valid()) {
    if (auto peak = peak_.counter())
      report.usage.set(Metric::memory_peak, static_cast<double>(*peak));
    else
      report.problems.push_back(peak.error().message());
  }
  auto tasks = leaf_.job().counter("pids.peak");  // since Linux 6.1
  if (tasks && *tasks) {
    report.usage.set(Metric::processes_peak, static_cast<double>(**tasks));
    report.usage.basis["processes_basis"] = "kernel, threads counted";
  }
  leaf_.read_final(report);
  note_kill_mark(leaf_.job(), report);
  report.counters = counters();
}

GroupReport V2Group::finish() {
  finished_ = true;
  GroupReport report;
  drain_group(
      *this, [this] { return leaf_.processes(); }, report);
  read_final(report);
  leaf_.remove(report.problems);
  return report;
}

}  // namespace

Result<std::unique_ptr<JobGroup>> make_v2_group(KernelRoots roots, V2Leaf leaf,
                                                const GroupRequest& request,
                                                const V2Controllers& controllers,
                                                const std::string& mount_point) {
  auto group = std::make_unique<V2Group>(std::move(roots), std::move(leaf));
  if (auto ready = group->prepare(request, controllers, mount_point); !ready)
    return tl::unexpected(std::move(ready).error());
  return group;
}

}  // namespace jobward::host
