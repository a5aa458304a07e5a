// What every cgroup backend offers: a place for one job, with hard limits, measured and removed.
//
// Theory of operation. choose_backend() looks at the machine once. Backend::create() makes the
// job's directories and sets its limits; the job is then born there by spawn(); JobGroup::sample()
// and signal_all() serve the supervisor while it runs; JobGroup::finish() kills what is left, reads
// what was used, removes the directories. A JobGroup that is destroyed without finish() kills and
// removes as well, but tells nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/job_types.h"
#include "common/kill_mark.h"
#include "common/result.h"
#include "host/observe/cgroup_tree.h"
#include "host/observe/job_attribute.h"
#include "host/observe/kernel_roots.h"

namespace jobward::host {

class MemoryHold;

// Where the child has to be born. Descriptors belong to the JobGroup.
struct BirthPlace {
  int v2_directory = -1;  // for clone3(CLONE_INTO_CGROUP); -1: none
  std::vector<int>
      v1_task_files;  // `tasks` opened for writing: the child, one thread, writes 0 before it execs
};

// Memory of the whole job at one moment, in bytes. Absent = the backend cannot tell.
struct MemorySample {
  std::uint64_t current = 0;          // all that is charged to the job, page cache included
  std::optional<std::uint64_t> peak;  // the kernel's own high-water mark of `current`
  std::uint64_t file = 0;             // page cache, without shmem
  std::uint64_t anon = 0;
  std::uint64_t shmem = 0;
  std::optional<int> processes;
  // What the job could not do without: see Need in ARCHITECTURE.md.
  [[nodiscard]] std::uint64_t need() const { return current > file ? current - file : 0; }
};

// Counters from which an end at a limit is told, over the whole run.
struct LimitCounters {
  std::uint64_t own_limit_hits = 0;  // out of memory at the job's own limit, at least so often
  std::uint64_t kills = 0;           // processes of the job that any OOM killer killed
  std::uint64_t refused_forks = 0;   // at the job's own limit of processes
  // The enclosing cgroup whose memory limit was hit meanwhile, if any; its limit in bytes; and
  // whether it is P, which carries the aggregate cap.
  std::string ancestor;
  std::optional<std::uint64_t> ancestor_limit;
  bool aggregate = false;
};

struct GroupReport {
  Usage usage;
  LimitCounters counters;
  std::optional<KillMark> mark;  // the watchdog had chosen the job
  int killed_leftovers = 0;      // processes still alive when finish() was called
  std::vector<std::string>
      problems;  // what could not be read, killed or removed; empty when all is well
};

// One job's place. Used by one thread.
class JobGroup {
 public:
  virtual ~JobGroup();
  JobGroup();
  JobGroup(const JobGroup&) = delete;
  JobGroup& operator=(const JobGroup&) = delete;

  [[nodiscard]] const BirthPlace& birth_place() const { return birth_; }
  // Something about the making of this group that a user must know; finish() reports it.
  void remark(std::string text) { remarks_.push_back(std::move(text)); }
  // The job's main process, once it is born.
  void set_main(int pid) { main_pid_ = pid; }
  // Becomes readable when the job runs out of memory at a limit; -1 where the kernel offers none.
  [[nodiscard]] int oom_event() const { return oom_event_; }
  // Of a job that was to be held at its memory limit (GroupRequest::elastic); else null.
  [[nodiscard]] MemoryHold* hold() const { return hold_.get(); }

  [[nodiscard]] virtual Result<MemorySample> sample() = 0;
  // Signals every process of the job, SIGKILL atomically where the kernel can. Returns how many
  // there were: 0 means that the job is gone.
  [[nodiscard]] virtual Result<int> signal_all(int signal) = 0;
  // The living processes of the job, wherever in its tree of cgroups or of processes.
  [[nodiscard]] virtual Result<std::vector<int>> processes() = 0;
  // CPU time of all that ever ran in the job, in seconds; absent where only the living can be
  // asked.
  [[nodiscard]] virtual std::optional<double> cpu_seconds() = 0;
  // What the kernel has counted so far; all 0 where it counts nothing.
  [[nodiscard]] virtual LimitCounters counters() = 0;
  // Kills what is left, waits for it (bounded), reads usage, removes the directories. Once.
  [[nodiscard]] virtual GroupReport finish() = 0;

 protected:
  BirthPlace birth_;
  int main_pid_ = 0;
  std::vector<std::string> remarks_;
  int oom_event_ = -1;
  std::unique_ptr<MemoryHold> hold_;
};

struct GroupRequest {
  std::string run_id;
  Limits limits;              // those that the backend can hold are set, see Backend::support()
  bool oom_kills_job = true;  // at the memory limit: the whole job, or one process of it
  std::optional<std::uint64_t> aggregate_bytes;  // the cap on P; absent: none. Not set inside a job
  JobAttribute attribute;
  bool elastic = false;  // held at its memory limit, where the kernel holds that at all
};

// The job's directory, and the one that counts its memory, another on hybrid hosts. Empty without
// cgroups.
struct GroupPlace {
  std::string directory;
  std::string memory_directory;
};

// How one limit is held here; where that is not the kernel, why not, and the command that mends it
// if there is one.
struct LimitSupport {
  Enforcement how = Enforcement::none;
  std::string why;
  std::string mend;
};
using Support = ResourceMap<LimitSupport>;

// Does a run end with the unit of systemd's that it was started from?
enum class Attachment { with_caller, detached };

class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  // Of every limit that can be asked for (kLimitable).
  [[nodiscard]] virtual const Support& support() const = 0;
  // The directory below which jobs are put, for people; empty without cgroups.
  [[nodiscard]] virtual std::string parent() const = 0;
  // Why it lies there.
  [[nodiscard]] virtual std::string reason() const { return {}; }
  // Where a run's directories will be, known before they are made: the record goes first.
  [[nodiscard]] virtual GroupPlace place(const std::string& run_id) const = 0;
  // The run will be created soon: what somebody else has to do for it may begin. May be left out;
  // create() tells of failures. A run that is announced and not created leaves nothing behind once
  // this process has ended.
  virtual void announce(const std::string& /*run_id*/, Attachment /*attachment*/) {}
  // Takes this process, the supervisor of a detached run, out of its caller's cgroup, to P/super.
  // True: what becomes of the caller's cgroup does not touch it any more.
  [[nodiscard]] virtual bool shelter(const std::string& /*run_id*/) { return false; }
  [[nodiscard]] virtual Result<std::unique_ptr<JobGroup>> create(const GroupRequest& request) = 0;
};

inline constexpr std::array kLimitable{
    Resource::memory,    Resource::swap,         Resource::wall,          Resource::cpu_time,
    Resource::stall,     Resource::cpus,         Resource::cpu_weight,    Resource::cpuset,
    Resource::processes, Resource::io_read_rate, Resource::io_write_rate, Resource::open_files};
Enforcements enforcements(const Support& support);

// The best backend this process can use, why, and what stands in the way of a better one.
struct BackendChoice {
  std::unique_ptr<Backend> backend;  // never null
  std::string reason;
  std::vector<std::string> obstacles;
};
BackendChoice choose_backend(const KernelRoots& roots, const CgroupTree& tree);

}  // namespace jobward::host
