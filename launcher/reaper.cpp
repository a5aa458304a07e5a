#include "launcher/reaper.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "common/exit_codes.h"
#include "common/fault.h"
#include "common/units.h"
#include "host/backends/drain.h"
#include "host/backends/placement.h"
#include "host/backends/systemd_bus.h"
#include "host/observe/cgroup_dir.h"
#include "host/observe/kill_mark.h"
#include "host/observe/process.h"
#include "launcher/classify.h"
#include "launcher/run_lock.h"

namespace jobward::launcher {
namespace {

// The directories of one run: P/ID in each hierarchy.
struct RunDirectory {
  host::CgroupDir parent;
  std::string id;  // or the name of the scope, which systemd removes by itself
  std::string job() const { return parent.path() + "/" + id + "/job"; }
};

class Reaper {
 public:
  Reaper(const Reaping& reaping, const profiles::RunRecord& run, Kept kept)
      : reaping_(reaping), run_(run), kept_(kept) {
    ending_.outcome = Outcome::supervisor_lost;
  }

  // What became of it, in words; empty: it is left alone.
  std::string reap() {
    const auto& where = run_.request.where;
    const auto& here = reaping_.identity;
    if (where.machine_id != here.machine_id) return {};
    const bool rebooted = where.boot_id != here.boot_id;
    if (!rebooted && where.pid_namespace != here.pid_namespace) return {};
    auto lock = take_over(reaping_.lock_directory, run_.request.id);
    if (!lock || has_ended()) return {};
    JOBWARD_FAULT(reap_locked);
    spawned_ = lock->spawned();
    if (rebooted)
      return close(
          "its supervisor was gone: the machine was restarted (another boot) while it went on");
    find_directories();
    if (run_.request.kept_on_loss && kept_ == Kept::leave && !living().empty()) {
      release();
      lock->leave();
      return {};
    }
    const int killed = kill();
    JOBWARD_FAULT(reap_killed);
    read_usage();
    remove();
    JOBWARD_FAULT(reap_removed);
    std::string cause =
        "its supervisor was gone (killed, or the terminal and everything in it "
        "with it)";
    // What the watchdog has ended leaves nobody alive; if there is somebody, the kill is ours.
    if (ending_.watchdog && killed == 0) {
      ending_.outcome = Outcome::watchdog_killed;
      cause = "the watchdog ended it: " + mark_words(*ending_.watchdog) + "; " + cause;
    }
    if (killed > 0)
      cause += "; " + std::to_string(killed) + " processes that were left were killed";
    if (killed < 0) cause += "; what is left of it could not be killed: " + problem_;
    std::string line = close(cause);
    if (!closed_) lock->leave();  // what it notes is needed when it is tried again
    return line;
  }

 private:
  // Since it was listed: by itself, or closed by another command.
  bool has_ended() const {
    const auto now = reaping_.store->find(run_.request.id);
    return now && (now->size() != 1 || now->front().state == profiles::RunState::ended);
  }

  // By the paths on record, and in the other v1 hierarchies where the run would be.
  void find_directories() {
    std::set<std::string> jobs{run_.request.where.cgroup, run_.request.where.memory_cgroup};
    const std::string& memory = run_.request.where.memory_cgroup;
    for (const auto& hierarchy : reaping_.tree.hierarchies) {
      if (hierarchy.v2 || memory.empty()) continue;
      const auto place = host::place(hierarchy, ::geteuid());
      if (place) jobs.insert(hierarchy.mount_point + place->path + "/" + run_.request.id + "/job");
    }
    for (const auto& job : jobs)
      add_directory(job);
  }

  // P/ID/job, under systemd SLICE/jobward-ID.scope/job. A path that does not name this run is not
  // touched, whatever the record says.
  void add_directory(const std::string& job) {
    const auto end = job.rfind('/');
    const auto begin = end == std::string::npos || end == 0 ? end : job.rfind('/', end - 1);
    if (begin == std::string::npos || job.substr(end) != "/job") return;
    const std::string name = job.substr(begin + 1, end - begin - 1);
    const std::string& id = run_.request.id;
    if (name != id && name != "jobward-" + id + ".scope") return;
    struct stat info {};
    // Not `job`: it may have been killed between two mkdirs or two rmdirs.
    if (::stat(job.substr(0, end).c_str(), &info) != 0) return;
    if (auto parent = host::CgroupDir::open(job.substr(0, begin)))
      directories_.push_back({std::move(*parent), name});
  }

  std::vector<int> living() const {
    std::set<int> pids;
    for (const auto& directory : directories_)
      if (const auto job = host::CgroupDir::open(directory.job()))
        if (const auto found = job->processes_below(true))
          pids.insert(found->begin(), found->end());
    if (run_.request.where.memory_cgroup.empty())
      for (const int pid :
           host::processes_with_environment(reaping_.roots, "JOBWARD_RUN_ID=" + run_.request.id))
        if (host::is_alive(reaping_.roots, pid)) pids.insert(pid);
    // This command may have been started by the job itself.
    for (int pid = ::getpid(); pid > 0; pid = host::parent_of(reaping_.roots, pid).value_or(0))
      pids.erase(pid);
    return {pids.begin(), pids.end()};
  }

  // Nobody raises an elastic limit any more: the kernel's own behaviour, if no guardian saw to it.
  void release() const {
    for (const auto& directory : directories_)
      if (const auto job = host::CgroupDir::open(directory.job()))
        for (const auto& [file, text] :
             {std::pair("memory.high", "max"), std::pair("memory.oom_control", "0")})
          if (job->has(file)) static_cast<void>(job->write(file, text));
  }

  // How many there were; -1: they could not be killed.
  int kill() {
    const auto list = [this]() -> Result<std::vector<int>> { return living(); };
    const auto strike = [&]() -> Status {
      for (const auto& directory : directories_)
        if (const auto job = host::CgroupDir::open(directory.job()))
          if (job->has("cgroup.kill") && only_the_job(*job))
            static_cast<void>(job->write("cgroup.kill", "1"));
      auto killed = host::signal_members(list, SIGKILL);
      if (!killed) return tl::unexpected(std::move(killed).error());
      return {};
    };
    auto killed = host::drain(list, strike);
    if (killed) return *killed;
    problem_ = killed.error().message();
    return -1;
  }

  // cgroup.kill would take ourselves as well.
  bool only_the_job(const host::CgroupDir& job) const {
    const auto all = job.processes_below(true);
    return all && std::find(all->begin(), all->end(), ::getpid()) == all->end();
  }

  void read_usage() {
    for (const auto& directory : directories_) {
      const auto job = host::CgroupDir::open(directory.job());
      if (!job) continue;
      const auto mark = host::read_kill_mark(job->fd(), job->path());
      if (!mark && problem_.empty()) problem_ = mark.error().message();
      if (mark && *mark) ending_.watchdog = *mark;
      for (const auto* file : {"memory.peak", "memory.max_usage_in_bytes"})
        if (const auto peak = job->counter(file); peak && *peak)
          ending_.usage.set(Metric::memory_peak, static_cast<double>(**peak));
      if (const auto stat = job->keyed("cpu.stat"); stat && *stat) {
        const auto set = [&](const char* key, Metric metric) {
          if (const auto found = (*stat)->find(key); found != (*stat)->end())
            ending_.usage.set(metric, static_cast<double>(found->second) * 1e-6);
        };
        set("user_usec", Metric::cpu_user);
        set("system_usec", Metric::cpu_system);
      }
    }
  }

  void remove() {
    for (const auto& directory : directories_) {
      if (directory.id != run_.request.id) {
        const auto scope = host::CgroupDir::open(directory.parent.path() + "/" + directory.id);
        if (!scope) continue;
        static_cast<void>(host::remove_drained(*scope, "job", {"main"}));
        stop_empty(*scope, directory.id);
        continue;
      }
      auto removed =
          host::remove_drained(directory.parent, directory.id, {"job/main", "job", "super"});
      if (!removed && problem_.empty()) problem_ = removed.error().message();
      if (reaping_.tree.mode != host::CgroupMode::unified)  // there P carries the aggregate cap
        host::remove_parent(directory.parent.path());
    }
    // A scope that was asked for, but not made yet when its supervisor died: systemd makes it after
    // us.
    const std::string scope = "jobward-" + run_.request.id + ".scope";
    if (directories_.empty() &&
        run_.request.where.cgroup.find("/" + scope + "/") != std::string::npos)
      static_cast<void>(stop_unit(scope));  // most often it was never made
  }

  // systemd ends a scope with the last process in it; but of a supervisor that died before it was
  // moved there it hears nothing, and nobody comes after us to see to it. A supervisor that has let
  // go of its lock may take a moment to be gone.
  void stop_empty(const host::CgroupDir& scope, const std::string& name) {
    for (int left_ms = 1000; left_ms > 0; left_ms -= 5) {
      const auto left = scope.processes_below(true);
      if (!left) return;
      if (left->empty()) {
        const auto stopped = stop_unit(name);
        struct stat info {};
        const bool is_there = ::stat(scope.path().c_str(), &info) == 0;
        if (!stopped && is_there && problem_.empty()) problem_ = stopped.error().message();
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  static Status stop_unit(const std::string& name) {
    auto bus =
        host::SystemdBus::connect(::geteuid() == 0 ? host::Manager::system : host::Manager::user);
    if (!bus) return tl::unexpected(std::move(bus).error());
    return bus->stop_unit(name);
  }

  std::string close(const std::string& cause) {
    ending_.cause = cause;
    ending_.exit_source = "jobward";
    profiles::Timestamps at = run_.at;
    at.spawned = spawned_;
    at.ended = reaping_.clock.wall_ms();
    const auto closed = reaping_.store->end(run_.request.id, ending_, at, profiles::Teaches::no);
    closed_ = static_cast<bool>(closed);
    if (!closed)
      return "run " + run_.request.id +
             " has lost its supervisor, but could not be closed: " + closed.error().message();
    return "run " + run_.request.id + " is closed as " + std::string(to_string(ending_.outcome)) +
           ": " + cause + (problem_.empty() ? "" : "; " + problem_);
  }

  const Reaping& reaping_;
  const profiles::RunRecord& run_;
  Kept kept_;
  std::vector<RunDirectory> directories_;
  profiles::RunEnding ending_;
  std::optional<UnixMillis> spawned_;
  bool closed_ = false;
  std::string problem_;
};

}  // namespace

std::vector<std::string> reap_lost(const Reaping& reaping, Kept kept) {
  std::vector<std::string> lines;
  if (reaping.store == nullptr || reaping.lock_directory.empty()) return lines;
  const auto open = reaping.store->open_runs();
  if (!open) return {open.error().message()};
  for (const auto& run : *open) {
    if (is_supervised(reaping.lock_directory, run.id)) continue;
    const auto found = reaping.store->find(run.id);
    if (!found || found->size() != 1) {
      if (!found) lines.push_back(found.error().message());
      continue;
    }
    if (auto line = Reaper(reaping, found->front(), kept).reap(); !line.empty())
      lines.push_back(std::move(line));
  }
  return lines;
}

void sweep_locks(const Reaping& reaping) {
  if (reaping.store == nullptr || reaping.lock_directory.empty()) return;
  const auto open = reaping.store->open_runs();
  if (!open) return;
  std::set<std::string> ids;
  for (const auto& run : *open)
    ids.insert(run.id);
  remove_abandoned(reaping.lock_directory, ids);
}

}  // namespace jobward::launcher
