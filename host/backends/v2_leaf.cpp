#include "host/backends/v2_leaf.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "host/backends/drain.h"

namespace jobward::host {
namespace {

constexpr int kCreateTries =
    20;  // as in v1_controllers.cpp: the shared parent may vanish between two mkdirs
constexpr double kMicro = 1e-6;

Result<CgroupDir> open_parent(const Hierarchy& hierarchy, const Placement& placement) {
  if (placement.nested) return CgroupDir::open(hierarchy.mount_point + placement.path);
  const auto slash = placement.path.rfind('/');
  auto above = CgroupDir::open(hierarchy.mount_point + placement.path.substr(0, slash));
  if (!above) return above;
  return above->child(placement.path.substr(slash + 1), true);
}

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

Result<V2Leaf> V2Leaf::create(const Hierarchy& hierarchy, const Placement& placement,
                              const GroupRequest& request) {
  V2Leaf leaf;
  leaf.id_ = request.run_id;
  leaf.own_parent_ = !placement.nested;
  for (int attempt = 0;; ++attempt) {
    auto parent = open_parent(hierarchy, placement);
    if (!parent) return tl::unexpected(std::move(parent).error());
    leaf.parent_ = std::move(*parent);
    auto run = leaf.parent_.child(leaf.id_, true);
    if (run) {
      leaf.run_ = std::move(*run);
      break;
    }
    if (run.error().errnum != ENOENT || attempt >= kCreateTries)
      return tl::unexpected(std::move(run).error());
  }
  const auto undo = [&](Error failure) -> tl::unexpected<Error> {
    std::vector<std::string> ignored;
    leaf.remove(ignored);
    return tl::unexpected(std::move(failure));
  };
  auto job = leaf.run_.child("job", true);
  if (!job) return undo(std::move(job).error());
  leaf.job_ = std::move(*job);
  auto main = leaf.job_.child("main", true);
  if (!main) return undo(std::move(main).error());
  leaf.main_ = std::move(*main);
  if (auto named = write_job_attribute(leaf.job_.fd(), leaf.job_.path(), request.attribute); !named)
    return undo(std::move(named).error());
  return leaf;
}

Result<std::vector<int>> V2Leaf::processes() const {
  auto events = job_.keyed("cgroup.events");
  if (!events) return tl::unexpected(std::move(events).error());
  if (*events) {
    const auto populated = (*events)->find("populated");
    if (populated != (*events)->end() && populated->second == 0) return std::vector<int>{};
  }
  return job_.processes_below();
}

Status V2Leaf::kill() const {
  auto killed = job_.write("cgroup.kill", "1");
  if (killed || killed.error().errnum != ENOENT) return killed;
  auto pids = processes();
  if (!pids) return tl::unexpected(std::move(pids).error());
  return signal_each(*pids, SIGKILL);
}

Result<int> V2Leaf::signal_all(int signal) const {
  auto pids = processes();
  if (signal == SIGKILL) {  // also when the processes could not be listed
    if (auto killed = kill(); !killed) return tl::unexpected(std::move(killed).error());
  }
  if (!pids) return tl::unexpected(std::move(pids).error());
  if (signal != SIGKILL)
    if (auto sent = signal_each(*pids, signal); !sent)
      return tl::unexpected(std::move(sent).error());
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
  if (!parent_.valid()) return;
  if (auto removed = remove_drained(parent_, id_, {"job/main", "job"}); !removed)
    problems.push_back(removed.error().message());
  if (own_parent_)
    static_cast<void>(::rmdir(parent_.path().c_str()));  // EBUSY: other runs are alive
  parent_ = CgroupDir();
}

}  // namespace jobward::host
