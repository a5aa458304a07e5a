#include "host/backends/v2_leaf.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/fault.h"
#include "host/backends/drain.h"
#include "host/backends/v2_controllers.h"

namespace jobward::host {
namespace {

constexpr int kCreateTries =
    20;  // as in v1_controllers.cpp: the shared parent may vanish between two mkdirs
constexpr double kMicro = 1e-6;

void set_pressure(const CgroupDir& job, const char* file, Metric some, std::optional<Metric> full,
                  GroupReport& report) {
  auto pressure = job.pressure(file);
  if (!pressure) report.problems.push_back(pressure.error().message());
  if (!pressure || !*pressure) return;
  report.usage.set(some, static_cast<double>((*pressure)->some.total_us) * kMicro);
  if (full && (*pressure)->full)
    report.usage.set(*full, static_cast<double>((*pressure)->full->total_us) * kMicro);
}

}  // namespace

// P, made where it is missing.
Result<CgroupDir> V2Leaf::open_parent(const Hierarchy& hierarchy, const Placement& placement,
                                      const std::vector<std::string>& controllers) {
  if (placement.nested) return CgroupDir::open(hierarchy.mount_point + placement.path);
  const auto slash = placement.path.rfind('/');
  auto above = CgroupDir::open(hierarchy.mount_point + placement.path.substr(0, slash));
  if (!above) return above;
  if (!controllers.empty()) {
    auto aside = enable_controllers(*above, controllers);
    if (!aside) return tl::unexpected(std::move(aside).error());
    if (*aside)
      if (auto left = CgroupDir::open(above->path())) left_ = std::move(*left);
  }
  return above->child(placement.path.substr(slash + 1), true);
}

// P and P/ID. Each level hands the controllers on to the next before there is anything in it.
Status V2Leaf::make_run(const Hierarchy& hierarchy, const Placement& placement,
                        const std::vector<std::string>& controllers) {
  for (int attempt = 0;; ++attempt) {
    auto parent = open_parent(hierarchy, placement, controllers);
    // Another run, the last one in P, removed it between our making and our opening it.
    if (!parent && parent.error().errnum == ENOENT && attempt < kCreateTries) continue;
    if (!parent) return tl::unexpected(std::move(parent).error());
    parent_ = std::move(*parent);
    if (!controllers.empty()) JOBWARD_RETURN_IF_ERROR(enable_controllers(parent_, controllers));
    auto run = parent_.child(id_, true);
    if (run) {
      run_ = std::move(*run);
      return {};
    }
    if (run.error().errnum != ENOENT || attempt >= kCreateTries)
      return tl::unexpected(std::move(run).error());
  }
}

Status V2Leaf::make_job(const GroupRequest& request, const std::vector<std::string>& controllers) {
  JOBWARD_FAULT(half_made);
  if (!controllers.empty()) JOBWARD_RETURN_IF_ERROR(enable_controllers(run_, controllers));
  auto job = run_.child("job", true);
  if (!job) return tl::unexpected(std::move(job).error());
  job_ = std::move(*job);
  auto main = job_.child("main", true);
  if (!main) return tl::unexpected(std::move(main).error());
  main_ = std::move(*main);
  return write_job_attribute(job_.fd(), job_.path(), request.attribute);
}

Result<V2Leaf> V2Leaf::create(const Hierarchy& hierarchy, const Placement& placement,
                              const GroupRequest& request,
                              const std::vector<std::string>& controllers) {
  V2Leaf leaf;
  leaf.id_ = request.run_id;
  leaf.own_parent_ = !placement.nested;
  leaf.has_controllers_ = !controllers.empty();
  auto made = leaf.make_run(hierarchy, placement, controllers);
  if (made) made = leaf.make_job(request, controllers);
  if (made) return leaf;
  std::vector<std::string> ignored;
  leaf.remove(ignored);
  return tl::unexpected(std::move(made).error());
}

Result<V2Leaf> V2Leaf::create_in(CgroupDir run, const GroupRequest& request,
                                 const std::vector<std::string>& controllers) {
  V2Leaf leaf;
  leaf.run_ = std::move(run);
  if (auto made = leaf.make_job(request, controllers); !made) {
    std::vector<std::string> ignored;
    leaf.remove(ignored);
    return tl::unexpected(std::move(made).error());
  }
  return leaf;
}

std::optional<double> V2Leaf::cpu_seconds() const {
  const auto stat = job_.keyed("cpu.stat");
  if (!stat || !*stat) return std::nullopt;
  const auto used = (*stat)->find("usage_usec");
  if (used == (*stat)->end()) return std::nullopt;
  return static_cast<double>(used->second) * kMicro;
}

Result<std::vector<int>> V2Leaf::processes() const {
  auto events = job_.keyed("cgroup.events");
  if (events && *events) {
    const auto populated = (*events)->find("populated");
    if (populated != (*events)->end() && populated->second == 0) return std::vector<int>{};
  }
  return job_.processes_below(true);
}

Status V2Leaf::kill() const {
  auto killed = job_.write("cgroup.kill", "1");
  if (!killed && killed.error().errnum == EACCES) {  // a job of the same user can lock the file
    job_.unlock("cgroup.kill");
    killed = job_.write("cgroup.kill", "1");
  }
  if (killed || killed.error().errnum != ENOENT) return killed;
  auto sent = signal_members([this] { return processes(); }, SIGKILL);
  if (!sent) return tl::unexpected(std::move(sent).error());
  return {};
}

Result<int> V2Leaf::signal_all(int signal) const {
  if (signal != SIGKILL) return signal_members([this] { return processes(); }, signal);
  auto pids = processes();
  // Also when the processes could not be listed.
  if (auto killed = kill(); !killed) return tl::unexpected(std::move(killed).error());
  if (!pids) return tl::unexpected(std::move(pids).error());
  return static_cast<int>(pids->size());
}

void V2Leaf::read_final(GroupReport& report) const {
  auto cpu = job_.keyed("cpu.stat");
  if (!cpu) report.problems.push_back(cpu.error().message());
  if (cpu && *cpu) {
    const auto user = (*cpu)->find("user_usec");
    const auto system = (*cpu)->find("system_usec");
    if (user != (*cpu)->end())
      report.usage.set(Metric::cpu_user, static_cast<double>(user->second) * kMicro);
    if (system != (*cpu)->end())
      report.usage.set(Metric::cpu_system, static_cast<double>(system->second) * kMicro);
  }
  set_pressure(job_, "memory.pressure", Metric::pressure_memory_some, Metric::pressure_memory_full,
               report);
  set_pressure(job_, "cpu.pressure", Metric::pressure_cpu_some, std::nullopt, report);
  set_pressure(job_, "io.pressure", Metric::pressure_io_some, std::nullopt, report);
}

void V2Leaf::remove(std::vector<std::string>& problems) {
  const auto note = [&](const Status& removed) {
    if (!removed) problems.push_back(removed.error().message());
  };
  if (!parent_.valid()) {
    if (run_.valid()) note(remove_drained(run_, "job", {"main"}));
    run_ = CgroupDir();
    return;
  }
  note(remove_drained(parent_, id_, {"job/main", "job"}));
  // With controllers P stays: it carries the aggregate cap, and to make it anew costs each run as
  // much as its own directories do. EBUSY: other runs are alive.
  if (own_parent_ && (!has_controllers_ || left_.valid())) remove_parent(parent_.path());
  parent_ = CgroupDir();
  if (left_.valid()) step_back(left_);
  left_ = CgroupDir();
}

}  // namespace jobward::host
