// Sees to it that a job which is held at its memory limit never depends on one process.
//
// Theory of operation. post() forks; the child, in a session (and where it can be a cgroup) of its
// own, sleeps until the job is held (its own event descriptor) or the supervisor is gone (the end
// of a pipe). Two seconds after an event in which the supervisor gave no sign of life, or at once
// when it is gone, the child puts the kernel's own behaviour back with the one write(2) that
// MemoryHold::release_switch() names. It allocates nothing and never wakes without an event.
#pragma once

#include <sys/types.h>

#include <functional>

#include "common/fd.h"
#include "common/result.h"
#include "host/backends/memory_hold.h"

namespace jobward::launcher {

class Guardian {
 public:
  // Forks: the caller is single-threaded, and has not started the job yet. `settle` runs in the
  // child first, to take it to another cgroup.
  static Result<Guardian> post(const host::MemoryHold& hold, const std::function<void()>& settle);

  Guardian(Guardian&& other) noexcept;
  Guardian& operator=(Guardian&&) = delete;
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;
  // Ends the child, without a release, and reaps it.
  ~Guardian();

  // The supervisor begins to look after the job, and has done so. A look that began before an event
  // is no answer to it.
  void look_begins() const;
  void look_ends() const;
  // The supervisor was silent for too long: the hold is released.
  [[nodiscard]] bool has_released() const;
  // The job is held again.
  void hold_again() const;
  // Did somebody kill it? Then nobody watches.
  [[nodiscard]] bool is_dead() const;

  static constexpr int kPatienceMs = 2000;

 private:
  struct Shared;
  Guardian(Shared* shared, Fd lifeline, Fd pidfd)
      : shared_(shared), lifeline_(std::move(lifeline)), pidfd_(std::move(pidfd)) {}
  [[noreturn]] static void keep_watch(Shared& shared, int event, int lifeline,
                                      host::MemoryHold::Switch release);

  Shared* shared_;  // one page, with the child
  Fd lifeline_;
  Fd pidfd_;
};

}  // namespace jobward::launcher
