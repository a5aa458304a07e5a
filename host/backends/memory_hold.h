// A job that is held at its memory limit instead of being killed there, so that it can be given
// more.
//
// v2: memory.high, a mark below the limit, slows down whoever allocates beyond it, the more the
// further (cgroup-v2.rst, "memory.high"); each crossing changes memory.events.local. v1: a
// threshold on the usage tells when the mark is passed, and the OOM killer of the job's own cgroup
// is off: who touches new memory at the limit sleeps until it is raised (cgroup-v1/memory.rst, 9
// and 10). Not quite all: where the kernel itself touches it for a system call, that call fails
// with EFAULT (mm/memcontrol-v1.c, memcg1_oom_prepare), which is why the mark is there. Both hold
// for as long as nobody acts, so whoever makes a hold must see to its release even when he dies:
// see launcher/guardian.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/fd.h"
#include "common/result.h"
#include "host/backends/backend.h"
#include "host/observe/cgroup_dir.h"

namespace jobward::host {

// Move-only, used by one thread. `job` is borrowed: the group that owns both keeps it.
class MemoryHold {
 public:
  // The job's limit stands already; `attribute` is rewritten with each raise, so that others know
  // it.
  static Result<MemoryHold> on_v2(const CgroupDir& job, std::uint64_t limit,
                                  JobAttribute attribute);
  static Result<MemoryHold> on_v1(const CgroupDir& job, std::uint64_t limit,
                                  JobAttribute attribute);

  // Becomes readable when the job may be held. What it announces is taken with one read of 4096
  // bytes.
  [[nodiscard]] int event() const { return event_.get(); }
  // Another such descriptor, for another process.
  [[nodiscard]] Result<Fd> watch() const;
  // Is it held now? `sample` is of this moment. `settled`: the last raise is a second ago or more.
  // Just after one the kernel may still count those as waiting whom the raise has woken.
  [[nodiscard]] bool holds(const MemorySample& sample, bool settled) const;
  // Has the job been so near its limit that v1 may have failed a system call of it?
  [[nodiscard]] bool may_have_failed_calls(const MemorySample& sample) const;
  // A higher limit; the mark follows.
  Status raise(std::uint64_t limit);
  // The kernel's own behaviour: the hard limit decides.
  Status release();
  // After a release of somebody else's: held as before.
  Status hold_again();

  // What release() writes, and where, for a process that can do no more than write(2).
  struct Switch {
    int fd;
    std::string_view text;
  };
  [[nodiscard]] Switch release_switch() const;
  [[nodiscard]] std::uint64_t limit() const { return limit_; }

 private:
  enum class Kind { v2, v1 };
  MemoryHold(Kind kind, const CgroupDir& job, std::uint64_t limit, JobAttribute attribute)
      : kind_(kind), job_(&job), limit_(limit), attribute_(std::move(attribute)) {}
  Status begin(const char* release_file);
  Status write_limit(std::uint64_t limit) const;
  Status set_mark();
  [[nodiscard]] bool is_at_limit(std::uint64_t bytes) const;

  Kind kind_;
  const CgroupDir* job_;
  std::uint64_t limit_;
  std::uint64_t mark_ = 0;
  std::optional<std::uint64_t> swap_;  // v1, where it is counted: allowed beside the memory
  Fd event_;
  Fd release_;  // memory.high, or memory.oom_control
  JobAttribute attribute_;
};

// What a user is told where a job cannot be held: the limit is then a hard one.
std::string not_elastic(const Error& why);

// How far below the limit the mark is on a machine with so many processors.
//
// The largest of 16 MiB, 4 MiB a processor (each may hold charges ready, and allocates on while we
// think), and a 32nd of the limit: the kernel's delay grows with the square of the share by which
// the mark is exceeded, and stays below 10 ms a 256 KiB, where it is left out altogether, up to
// 1.3 % (mm/memcontrol.c, calculate_high_delay): a fast job would pass a narrower mark unslowed.
// On v1 nothing is slowed between mark and limit, so the lead has to come from the distance: a
// quarter of the limit. At most half of it. Pure.
enum class Braking { slowed, free };  // v2, v1
std::uint64_t mark_below(std::uint64_t limit, unsigned processors, Braking braking);

}  // namespace jobward::host
