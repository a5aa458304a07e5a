// Programs run before and after an action. They are run by a process of their own that was made
// beforehand, so that a hook can neither block nor slow a kill.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/fd.h"
#include "common/result.h"
#include "watchdog/config.h"

namespace jobward::watchdog {

enum class HookMoment : std::uint8_t { none, before, after };

// When this process ends, the runner does what it was told, each hook in its time, and ends too. A
// hook gets one JSON line on stdin, nothing of ours besides, and SIGKILL when its time is over.
// Move-only.
class Hooks {
 public:
  // Forks the runner; no-op where no hook is configured.
  static Result<Hooks> start(const Config& config);
  // Never waits: a runner that is behind loses the message, which is then false.
  bool tell(HookMoment moment, std::string_view line);
  // Waits until all that was told is done, as long as the hooks have time. For who is about to
  // exit: systemd, or a container's end, would take the runner with it.
  void finish();

 private:
  Fd socket_;
  Fd runner_;  // pidfd
  int told_ = 0;
  double timeout_seconds_ = 0;
  bool has_before_ = false;
  bool has_after_ = false;
};

}  // namespace jobward::watchdog
