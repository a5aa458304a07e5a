#include "launcher/waiting.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <utility>

#include "host/observe/process.h"

namespace jobward::launcher {
namespace {

using Clock = std::chrono::steady_clock;

bool ends_waiting(int signal) {
  return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT ||
         signal == stop_request_signal();
}

}  // namespace

Result<Waiting> Waiting::open(const std::string& lock_directory, const SignalGate& gate) {
  Fd changes(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!changes) return errno_error("watch", "the ends of runs");
  if (::inotify_add_watch(changes.get(), lock_directory.c_str(),
                          IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR) < 0)
    return errno_error("watch", lock_directory);
  Fd signals(::signalfd(-1, &gate.blocked(), SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return errno_error("watch", "signals");
  return Waiting(std::move(changes), std::move(signals));
}

void Waiting::watch(const std::vector<int>& pids) {
  processes_.clear();
  for (const int pid : pids) {
    if (dead_.count(pid) > 0) continue;
    auto process = host::open_pidfd(pid);
    if (process && !host::wait_for_exit(*process, 0)) {
      processes_.push_back(std::move(*process));
    } else {
      dead_.insert(pid);
      look_again_ = true;
    }
  }
}

bool Waiting::take_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    signal_ = static_cast<int>(info.ssi_signo);
    if (ends_waiting(signal_)) return true;
    if (signal_ == SIGTSTP) stop_self();
  }
  return false;
}

void Waiting::drain_changes() const {
  std::array<char, 4096> events{};
  while (::read(changes_.get(), events.data(), events.size()) > 0) {
  }
}

Result<Woken> Waiting::wait(double seconds) {
  if (std::exchange(look_again_, false)) return Woken::change;
  const auto deadline =
      Clock::now() + std::chrono::milliseconds(static_cast<long>(std::ceil(seconds * 1000)));
  std::vector<pollfd> watched{{changes_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
  for (const auto& process : processes_)
    watched.push_back({process.get(), POLLIN, 0});
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return Woken::time;
    const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return errno_error("wait for", "the end of a run");
    if (ready <= 0) continue;
    if (take_signals()) return Woken::stop;
    if ((watched[0].revents & POLLIN) != 0) {
      drain_changes();
      return Woken::change;
    }
    for (std::size_t i = 2; i < watched.size(); ++i)
      if (watched[i].revents != 0) return Woken::change;
  }
}

}  // namespace jobward::launcher
