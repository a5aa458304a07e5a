#include "launcher/guardian.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

#include "host/observe/process.h"

namespace jobward::launcher {
namespace {

// All descriptors but these: the supervisor's lock, database and pipes must end with it.
void keep_only(std::array<int, 3> kept) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::dup2(null, fd);
  std::sort(kept.begin(), kept.end());
  unsigned next = STDERR_FILENO + 1;
  for (const int fd : kept) {
    if (static_cast<unsigned>(fd) > next) ::close_range(next, static_cast<unsigned>(fd) - 1, 0);
    next = static_cast<unsigned>(fd) + 1;
  }
  ::close_range(next, ~0U, 0);
}

}  // namespace

struct Guardian::Shared {
  std::atomic<std::uint64_t> begun{0};  // looks of the supervisor
  std::atomic<std::uint64_t> ended{0};  // those that are over, the latest
  std::atomic<bool> released{false};
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
};

void Guardian::keep_watch(Shared& shared, int event, int lifeline,
                          host::MemoryHold::Switch release) {
  const auto let_go = [&] {
    static_cast<void>(::pwrite(release.fd, release.text.data(), release.text.size(), 0));
    shared.released = true;
  };
  std::array<char, 4096> ignored{};
  while (true) {
    std::array<pollfd, 2> both{pollfd{lifeline, POLLIN, 0}, pollfd{event, POLLIN, 0}};
    if (::poll(both.data(), both.size(), -1) < 0) continue;
    // Its end: nothing is ever written to it.
    if (both[0].revents != 0) break;
    static_cast<void>(::read(event, ignored.data(), ignored.size()));
    const auto before = shared.begun.load();
    pollfd end{lifeline, POLLIN, 0};
    if (::poll(&end, 1, kPatienceMs) > 0) break;
    if (shared.ended <= before) let_go();
  }
  let_go();
  ::_exit(0);
}

Result<Guardian> Guardian::post(const host::MemoryHold& hold, const std::function<void()>& settle) {
  auto event = hold.watch();
  if (!event) return tl::unexpected(std::move(event).error());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error("make", "a pipe");
  Fd lifeline(ends[0]);
  Fd ours(ends[1]);
  void* page =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return errno_error("share", "a page of memory");
  auto* shared = new (page) Shared;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setsid();
    ::prctl(PR_SET_NAME, "jw-guardian");  // `pkill jobward` must not take both
    ours.reset();
    settle();
    const auto release = hold.release_switch();
    keep_only({event->get(), lifeline.get(), release.fd});
    keep_watch(*shared, event->get(), lifeline.get(), release);
  }
  if (pid < 0) {
    ::munmap(page, sizeof(Shared));
    return errno_error("start", "the guardian of an elastic limit");
  }
  auto pidfd = host::open_pidfd(pid);  // our own child, not reaped: the number is still its
  if (!pidfd) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    ::munmap(page, sizeof(Shared));
    return tl::unexpected(std::move(pidfd).error());
  }
  return Guardian(shared, std::move(ours), std::move(*pidfd));
}

Guardian::Guardian(Guardian&& other) noexcept
    : shared_(std::exchange(other.shared_, nullptr)),
      lifeline_(std::move(other.lifeline_)),
      pidfd_(std::move(other.pidfd_)) {}

Guardian::~Guardian() {
  if (shared_ == nullptr) return;
  static_cast<void>(host::send_signal(pidfd_, SIGKILL));
  // The supervisor reaps whatever ends below it: it may have been faster.
  ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), nullptr, WEXITED);
  ::munmap(shared_, sizeof(Shared));
}

void Guardian::look_begins() const { ++shared_->begun; }

void Guardian::look_ends() const { shared_->ended = shared_->begun.load(); }

bool Guardian::is_dead() const { return host::wait_for_exit(pidfd_, 0); }

void Guardian::hold_again() const { shared_->released = false; }

bool Guardian::has_released() const { return shared_->released; }

}  // namespace jobward::launcher
