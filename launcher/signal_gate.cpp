#include "launcher/signal_gate.h"

#include <array>
#include <ctime>

namespace jobward::launcher {
namespace {

// What is left to strike us as it would anybody: faults of our own, and what cannot be caught.
constexpr std::array kNotTaken{SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE,
                               SIGILL,  SIGTRAP, SIGSYS,  SIGABRT};

}  // namespace

SignalGate::SignalGate() {
  sigfillset(&blocked_);
  for (const int signal : kNotTaken)
    sigdelset(&blocked_, signal);
  ::sigprocmask(SIG_BLOCK, &blocked_, &original_);
  ignored_children_ = ::signal(SIGCHLD, SIG_DFL) == SIG_IGN;
}

int SignalGate::pending_stop() const {
  sigset_t pending{};
  ::sigpending(&pending);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
    if (sigismember(&pending, signal) == 1) return signal;
  return 0;
}

int stop_request_signal() { return SIGRTMIN + 3; }

// The default action of SIGTSTP is used because the kernel then keeps running those whom nobody
// could continue (an orphaned process group: cron, a service).
void stop_self() {
  sigset_t only{};
  sigemptyset(&only);
  sigaddset(&only, SIGTSTP);
  ::raise(SIGTSTP);
  ::sigprocmask(SIG_UNBLOCK, &only, nullptr);  // here we stop, and go on after SIGCONT
  ::sigprocmask(SIG_BLOCK, &only, nullptr);
}

SignalGate::~SignalGate() {
  const timespec at_once{};
  while (::sigtimedwait(&blocked_, nullptr, &at_once) > 0) {
  }
  if (ignored_children_) ::signal(SIGCHLD, SIG_IGN);
  ::sigprocmask(SIG_SETMASK, &original_, nullptr);
}

}  // namespace jobward::launcher
