// Sleeping until something has changed: no polling.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/fd.h"
#include "common/result.h"
#include "launcher/signal_gate.h"

namespace jobward::launcher {

enum class Woken {
  change,  // a run has ended, or is gone
  time,    // nothing happened for so long
  stop     // INT, TERM, HUP, QUIT, or `jobward stop`
};

// Made before one looks at the records: what happens after that wakes wait() at once. A run's end
// is seen by its lock file, which is closed (by the kernel, if its supervisor was killed).
class Waiting {
 public:
  static Result<Waiting> open(const std::string& lock_directory, const SignalGate& gate);
  // Also wakes when one of these processes has ended; replaces those of before. One that has ended
  // already (a zombie may stay for long) wakes once, and not again.
  void watch(const std::vector<int>& pids);
  // At most `seconds`; a Ctrl-Z stops this process meanwhile.
  Result<Woken> wait(double seconds);
  // The signal that woke it last.
  [[nodiscard]] int signal() const { return signal_; }

 private:
  Waiting(Fd changes, Fd signals) : changes_(std::move(changes)), signals_(std::move(signals)) {}
  bool take_signals();
  void drain_changes() const;
  Fd changes_;
  Fd signals_;
  std::vector<Fd> processes_;
  std::set<int> dead_;  // of those to be watched
  bool look_again_ = false;
  int signal_ = 0;
};

}  // namespace jobward::launcher
