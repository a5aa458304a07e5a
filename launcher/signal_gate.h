// Holding all signals back for the supervisor's event loop.
#pragma once

#include <signal.h>

namespace jobward::launcher {

// Blocks the signals that the supervisor takes through a descriptor: all that can be caught and do
// not speak of a fault of our own. Construct before anything is made that must be cleared away, on
// the main thread, and keep it until the record and the result are written: a second Ctrl-C must
// not lose them. The job gets `original()` back, so that its mask is as if it ran bare. SIGCHLD is
// set to its default meanwhile (who ignores it cannot wait for children). The destructor drops what
// is pending and restores both.
class SignalGate {
 public:
  SignalGate();
  SignalGate(const SignalGate&) = delete;
  SignalGate& operator=(const SignalGate&) = delete;
  ~SignalGate();
  [[nodiscard]] const sigset_t& blocked() const { return blocked_; }
  [[nodiscard]] const sigset_t& original() const { return original_; }
  // INT, TERM, HUP or QUIT that came meanwhile and waits; 0: none.
  [[nodiscard]] int pending_stop() const;
  // The caller ignored SIGCHLD; so must the job.
  [[nodiscard]] bool ignored_children() const { return ignored_children_; }

 private:
  sigset_t blocked_{};
  sigset_t original_{};
  bool ignored_children_ = false;
};

// By which `jobward stop` asks a supervisor to end its run: the whole job, with a grace.
int stop_request_signal();

// Stops this process as Ctrl-Z would; returns once it is continued.
void stop_self();

}  // namespace jobward::launcher
