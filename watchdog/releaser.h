// Gives back the memory of those that were sent SIGKILL, in a thread of its own:
// process_mrelease(2) waits for the lock of the victim's memory map (mm/oom_kill.c,
// mmap_read_lock_killable), and a victim that is stuck in the kernel may hold it for long. The
// thread has the usual priority at best.
#pragma once

#include "common/fd.h"
#include "common/result.h"

namespace jobward::watchdog {

// One thread may call it. Move-only.
class Releaser {
 public:
  // Starts the thread, with the signals blocked that are blocked now. It ends with this object, or,
  // where it waits in the kernel then, with the process.
  static Result<Releaser> start();
  // Without a thread: memory comes back as the victims exit.
  Releaser() = default;

  // The process of a pidfd; every process in a cgroup's directory and below. Never waits,
  // allocates or locks. One after the other: behind a victim that is stuck the others give theirs
  // back by exiting, as they do (false) while about kPending wait, or without a thread.
  bool process(const Fd& pidfd) const { return order(pidfd, false); }
  bool cgroup(const Fd& directory) const { return order(directory, true); }

  static constexpr int kPending = 32;

 private:
  [[nodiscard]] bool order(const Fd& target, bool is_cgroup) const;

  Fd orders_;  // a pipe
};

}  // namespace jobward::watchdog
