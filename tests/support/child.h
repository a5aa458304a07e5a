// A process that a test forks: the only kind of process that a test may signal.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <utility>

#include "common/fd.h"

namespace jobward::test {

inline constexpr int kPatienceMs = 10'000;

// Is there something to read, or the end of it, within the bound?
inline bool readable(int fd, int timeout_ms = kPatienceMs) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, timeout_ms) == 1;
}

struct Pipe {
  Fd reader;
  Fd writer;
};
// Inherited over exec, unless asked otherwise: whoever still holds the writer is alive.
inline Pipe make_pipe(int flags = 0) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), flags) != 0) throw std::runtime_error("no pipe");
  return {Fd(ends[0]), Fd(ends[1])};
}

// For states that no event tells of: asks again until it holds or the bound has passed.
template <class Predicate>
bool eventually(Predicate holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

// Runs `body` in a forked child, which then waits until it is killed. The constructor returns once
// the body has called its argument, `notify(number)`. The destructor kills and reaps.
class Child {
 public:
  using Notify = std::function<void(int)>;
  using Body = std::function<void(const Notify&)>;

  Child() : Child([](const Notify& notify) { notify(0); }) {}
  explicit Child(const Body& body) {
    Pipe pipe = make_pipe();
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("no fork");
    if (pid_ == 0) run(body, pipe.writer.get(), parent);
    pipe.writer.reset();
    if (!readable(pipe.reader.get()) ||
        ::read(pipe.reader.get(), &reported_, sizeof reported_) != sizeof reported_) {
      kill_and_reap();
      throw std::runtime_error("the child did not report");
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { kill_and_reap(); }

  // 0 once it is reaped: never for kill(2), which would take that for the whole process group.
  [[nodiscard]] int pid() const { return pid_; }
  // False, and nobody is signalled, once it is reaped.
  [[nodiscard]] bool send(int signal) const { return pid_ > 0 && ::kill(pid_, signal) == 0; }
  // What the body gave to notify().
  [[nodiscard]] int reported() const { return reported_; }
  // Waits for its end; the status as of waitpid(2). Once.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return status;
  }
  // True once it has ended; then it is reaped.
  bool ended() {
    if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
    return pid_ == 0;
  }

  // Never returns.
  [[noreturn]] static void wait_for_kill() {
    while (true)
      ::pause();
  }
  // In a forked process: do not outlive the test.
  static void die_with(pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
  }

 private:
  [[noreturn]] static void run(const Body& body, int report_fd, pid_t parent) {
    die_with(parent);
    for (int number = 1; number < SIGRTMIN; ++number)
      ::signal(number, SIG_DFL);  // Catch's handlers are not for us
    body([report_fd](int number) {
      if (::write(report_fd, &number, sizeof number) != sizeof number) ::_exit(1);
    });
    wait_for_kill();
  }
  void kill_and_reap() {
    if (pid_ <= 0) return;
    static_cast<void>(send(SIGKILL));  // ours and not reaped yet: the number cannot name another
    wait();
  }

  pid_t pid_ = 0;
  int reported_ = 0;
};

}  // namespace jobward::test
