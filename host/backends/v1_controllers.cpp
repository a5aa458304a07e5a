#include "host/backends/v1_controllers.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "common/fault.h"
#include "common/files.h"
#include "common/text.h"
#include "host/backends/limit_support.h"
#include "host/backends/memory_hold.h"
#include "host/backends/v1_limits.h"

namespace jobward::host {
namespace {

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// Written only when it is another: every run comes by here. Absent: no cap.
Status set_aggregate(const CgroupDir& parent, const std::optional<std::uint64_t>& bytes) {
  auto now = own_memory_limit(parent.path(), false);
  if (now && now->has_value() == bytes.has_value() && (!bytes || **now / 4096 == *bytes / 4096))
    return {};
  const auto used = memory_in_use(parent.path());
  if (bytes && used && *used > *bytes)
    return error("set", parent.path(),
                 "the jobs there use more than " + std::to_string(*bytes) + " bytes already");
  return parent.write("memory.limit_in_bytes", bytes ? std::to_string(*bytes) : "-1");
}

}  // namespace

const V1Place* V1Places::of(std::string_view controller) const {
  for (const auto& entry : places)
    if (entry.controller == controller) return &entry;
  return nullptr;
}

Result<V1Places> place_v1(const CgroupTree& tree, unsigned uid) {
  V1Places out;
  if (const Hierarchy* freezer = tree.of("freezer"); freezer != nullptr && !freezer->v2)
    out.freezer = *freezer;
  for (const auto* controller : {"memory", "pids", "cpu", "cpuset", "blkio", "cpuacct"}) {
    const Hierarchy* hierarchy = tree.of(controller);
    const bool there = hierarchy != nullptr && !hierarchy->v2;
    auto where = there ? place(*hierarchy, uid)
                       : Result<Placement>(error("use", std::string("controller ") + controller,
                                                 "it is not mounted as a v1 hierarchy"));
    if (where)
      out.places.push_back({controller, *hierarchy, std::move(*where)});
    else if (std::string_view(controller) == "memory")
      return rethrow(std::move(where).error(), "use cgroup v1");
    else
      out.gaps.emplace_back(controller, where.error().message());
  }
  return out;
}

bool shelter_v1(const V1Places& places) {
  if (const auto* pids = places.of("pids"))
    static_cast<void>(move_to_super(pids->hierarchy, pids->placement));
  const auto* memory = places.of("memory");
  return memory != nullptr && move_to_super(memory->hierarchy, memory->placement);
}

Support v1_support(const V1Places& places) {
  Support out = common_support();
  const auto set = [&](Resource resource, std::string_view controller) {
    if (places.of(controller) != nullptr) return out.set(resource, held_by_kernel());
    for (const auto& [name, why] : places.gaps)
      if (name == controller)
        out.set(resource,
                not_held(why, "mount -t cgroup -o " + name + " cgroup /sys/fs/cgroup/" + name));
  };
  out.set(Resource::memory, held_by_kernel());
  set(Resource::processes, "pids");
  set(Resource::cpus, "cpu");
  set(Resource::cpu_weight, "cpu");
  set(Resource::cpuset, "cpuset");
  set(Resource::io_read_rate, "blkio");
  out.set(
      Resource::io_write_rate,
      not_held("cgroup v1 holds back direct writes only: buffered ones run at full speed; cgroup "
               "v2 would hold them (kernel option systemd.unified_cgroup_hierarchy=1)"));
  const auto& memory = places.of("memory")->hierarchy;
  if (::access((memory.own_directory() + "/memory.memsw.limit_in_bytes").c_str(), F_OK) == 0)
    out.set(Resource::swap, held_by_kernel());
  else
    out.set(Resource::swap,
            not_held("the kernel counts no swap for v1 cgroups", "boot with swapaccount=1"));
  return out;
}

const V1Directory* V1Controllers::of(std::string_view controller) const {
  for (const auto& entry : directories_)
    if (entry.controller() == controller) return &entry;
  return nullptr;
}

Result<V1Controllers> V1Controllers::create(const V1Places& places, const GroupRequest& request,
                                            bool count_cpu) {
  V1Controllers made;
  made.freezer_ = places.freezer;
  const auto undo = [&](Error failure) -> tl::unexpected<Error> {
    std::vector<std::string> ignored;
    made.remove(ignored);
    return tl::unexpected(std::move(failure));
  };
  for (const auto& place : places.places) {
    if (!v1_needs(place.controller, request.limits)) continue;
    if (place.controller == "cpuacct" && !count_cpu) continue;
    auto directory = V1Directory::create(place, request);
    if (!directory) return undo(std::move(directory).error());
    made.directories_.push_back(std::move(*directory));
    JOBWARD_FAULT(half_made);
  }
  const auto* memory = made.of("memory");
  if (memory->owns_parent())
    if (auto set = set_aggregate(memory->parent(), request.aggregate_bytes); !set)
      made.remarks_.push_back("the aggregate cap could not be set: " + set.error().message());
  if (auto watched = made.watch_memory(); !watched) return undo(std::move(watched).error());
  if (auto seen = made.remember_ancestors(*places.of("memory")); !seen)
    return undo(std::move(seen).error());
  return made;
}

Status V1Controllers::watch_memory() {
  const auto open = [&](const char* file, CgroupFile& target) -> Status {
    auto opened = CgroupFile::open(memory(), file);
    if (!opened) return tl::unexpected(std::move(opened).error());
    target = std::move(*opened);
    return {};
  };
  // Inherited from a job around us that is held at its limit: nobody would wake ours.
  if (const auto control = memory().keyed("memory.oom_control");
      control && *control && value_or_zero(**control, "oom_kill_disable") != 0)
    JOBWARD_RETURN_IF_ERROR(memory().write("memory.oom_control", "0"));
  JOBWARD_RETURN_IF_ERROR(open("memory.usage_in_bytes", usage_file_));
  JOBWARD_RETURN_IF_ERROR(open("memory.max_usage_in_bytes", peak_file_));
  JOBWARD_RETURN_IF_ERROR(open("memory.stat", stat_file_));
  for (auto* watch : {&oom_event_, &oom_}) {
    auto started = OomWatch::start(memory());
    if (!started) return tl::unexpected(std::move(started).error());
    *watch = std::move(*started);
  }
  return {};
}

// v1 tells of an OOM through an eventfd registered in cgroup.event_control (cgroup-v1/memory.rst, 9
// and 10): the cgroup that ran out and all below it are told, before anybody is killed.
Result<OomWatch> OomWatch::start(const CgroupDir& dir) {
  auto control = dir.open_file("memory.oom_control", O_RDONLY);
  if (!control) return tl::unexpected(std::move(control).error());
  OomWatch watch;
  watch.event_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!watch.event_) return errno_error("create", "an eventfd");
  JOBWARD_RETURN_IF_ERROR(
      dir.write("cgroup.event_control",
                std::to_string(watch.event_.get()) + " " + std::to_string(control->get())));
  return watch;
}

bool OomWatch::has_fired() {
  std::uint64_t count = 0;
  if (event_ && ::read(event_.get(), &count, sizeof count) == sizeof count) fired_ = true;
  return fired_;
}

Status V1Controllers::remember_ancestors(const V1Place& memory) {
  for (std::string path = memory.placement.path;; path = parent_of(path)) {
    const std::string directory = memory.hierarchy.mount_point + path;
    auto limit = own_memory_limit(directory, false);
    if (!limit) return tl::unexpected(std::move(limit).error());
    if (*limit) {
      auto dir = CgroupDir::open(directory);
      if (!dir) return tl::unexpected(std::move(dir).error());
      // Not ours to watch: an OOM there then counts as the system's.
      auto oom = OomWatch::start(*dir);
      if (oom)
        ancestors_.push_back({std::move(*dir), std::move(*oom),
                              !memory.placement.nested && path == memory.placement.path});
    }
    if (path.empty()) return {};
  }
}

std::vector<int> V1Controllers::task_files() const {
  std::vector<int> out;
  out.reserve(directories_.size());
  for (const auto& entry : directories_)
    out.push_back(entry.tasks());
  return out;
}

Result<std::unique_ptr<MemoryHold>> V1Controllers::hold(const GroupRequest& request) const {
  const Limit* limit = request.limits.find(Resource::memory);
  if (!request.elastic || limit == nullptr) return nullptr;
  auto held =
      MemoryHold::on_v1(memory(), static_cast<std::uint64_t>(limit->value), request.attribute);
  if (!held) return tl::unexpected(std::move(held).error());
  return std::make_unique<MemoryHold>(std::move(*held));
}

std::optional<double> V1Controllers::cpu_seconds() const {
  const auto* cpuacct = of("cpuacct");
  if (cpuacct == nullptr) return std::nullopt;
  const auto used = cpuacct->job().counter("cpuacct.usage");
  if (!used || !*used) return std::nullopt;
  return static_cast<double>(**used) * 1e-9;
}

std::uint64_t V1Controllers::refused_forks() const {
  if (refused_before_kill_) return *refused_before_kill_;
  const auto* pids = of("pids");
  if (pids == nullptr) return 0;
  const auto events = pids->job().keyed("pids.events");
  return events && *events ? value_or_zero(**events, "max") : 0;
}

void V1Controllers::prepare_kill() {
  stop_forks();
  thaw();
}

void V1Controllers::stop_forks() {
  const auto* pids = of("pids");
  if (pids == nullptr) return;
  if (!refused_before_kill_) refused_before_kill_ = refused_forks();
  static_cast<void>(pids->job().write("pids.max", "0"));
}

// The freezer's directory of each process of the job; most have none but the caller's.
void V1Controllers::thaw() const {
  if (!freezer_) return;
  const auto pids = memory().processes_below(true);
  if (!pids) return;
  std::set<std::string> paths;
  for (const int pid : *pids) {
    const auto text = read_file("/proc/" + std::to_string(pid) + "/cgroup");
    const auto memberships = text ? parse_membership(*text) : Result<std::vector<Membership>>();
    if (!memberships) continue;
    for (const auto& membership : *memberships) {
      const auto& names = membership.controllers;
      if (std::find(names.begin(), names.end(), "freezer") == names.end()) continue;
      paths.insert(membership.path == "/" ? "" : membership.path);
    }
  }
  paths.erase(freezer_->own_path);
  for (const auto& path : paths)
    thaw(path, *pids);
}

void V1Controllers::thaw(const std::string& path, const std::vector<int>& pids) const {
  const auto dir = CgroupDir::open(freezer_->mount_point + path);
  const auto state =
      dir ? dir->read("freezer.state") : Result<std::optional<std::string>>(std::nullopt);
  if (!state || !*state || trim(**state) == "THAWED") return;
  const auto inside = dir->processes_below();
  const auto is_ours = [&](int pid) {
    return std::find(pids.begin(), pids.end(), pid) != pids.end();
  };
  if (inside && std::all_of(inside->begin(), inside->end(), is_ours))
    static_cast<void>(dir->write("freezer.state", "THAWED"));
}

Result<MemorySample> V1Controllers::sample() const {
  MemorySample out;
  auto current = usage_file_.counter();
  if (!current) return tl::unexpected(std::move(current).error());
  auto peak = peak_file_.counter();
  if (!peak) return tl::unexpected(std::move(peak).error());
  auto stat = stat_file_.keyed();
  if (!stat) return tl::unexpected(std::move(stat).error());
  out.current = *current;
  out.peak = *peak;
  // v1's "cache" includes shmem, which cannot be reclaimed without swap; total_* includes nested
  // runs.
  const auto cache = value_or_zero(*stat, "total_cache");
  out.shmem = value_or_zero(*stat, "total_shmem");
  out.file = cache > out.shmem ? cache - out.shmem : 0;
  out.anon = value_or_zero(*stat, "total_rss");
  return out;
}

void V1Controllers::read_final(GroupReport& report) {
  const auto note = [&](const Error& failure) { report.problems.push_back(failure.message()); };
  report.problems.insert(report.problems.end(), remarks_.begin(), remarks_.end());
  if (auto peak = peak_file_.counter())
    report.usage.set(Metric::memory_peak, static_cast<double>(*peak));
  else
    note(peak.error());
  if (const auto* pids = of("pids")) {
    auto tasks = pids->job().counter("pids.peak");  // since Linux 6.1
    if (!tasks) note(tasks.error());
    if (tasks && *tasks) {
      report.usage.set(Metric::processes_peak, static_cast<double>(**tasks));
      report.usage.basis["processes_basis"] = "kernel, threads counted";
    }
  }
  if (auto text = memory().read("memory.oom_control"); !text) note(text.error());
  report.counters = counters();
}

// Who ran out of memory: the highest that was told. Counters alone do not say: page cache that was
// given back counts as failures too.
LimitCounters V1Controllers::counters() {
  LimitCounters out;
  const auto control = memory().keyed("memory.oom_control");
  if (control && *control) out.kills = value_or_zero(**control, "oom_kill");
  out.refused_forks = refused_forks();
  for (auto& ancestor : ancestors_) {
    if (!ancestor.oom.has_fired()) continue;
    out.ancestor = ancestor.dir.path();
    out.ancestor_limit = own_memory_limit(ancestor.dir.path(), false).value_or(std::nullopt);
    out.aggregate = ancestor.is_parent;
  }
  if (oom_.has_fired() && out.ancestor.empty()) out.own_limit_hits = 1;
  return out;
}

void V1Controllers::remove(std::vector<std::string>& problems) {
  for (auto& entry : directories_)
    entry.remove(problems);
}

}  // namespace jobward::host
