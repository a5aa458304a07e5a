#include "watchdog/releaser.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "host/observe/job_scan.h"
#include "host/observe/termination.h"
#include "watchdog/thread.h"

namespace jobward::watchdog {
namespace {

constexpr int kPage = 4096;

// So large that a pipe of one page bounds how many descriptors wait in it.
struct Order {
  int fd;
  bool is_cgroup;
  std::array<char, kPage / Releaser::kPending - 8> padding;
};
static_assert(sizeof(Order) * Releaser::kPending == kPage);

void release(void* /*context*/, int pid) {
  if (const auto process = host::open_process(pid)) host::release_memory(process);
}

// `orders`: the pipe's end, as a number.
void* carry_out(void* orders) {
  const Fd pipe(static_cast<int>(reinterpret_cast<std::intptr_t>(orders)));
  // Gigabytes take long to give back: at our own priority nobody else would run meanwhile. For one
  // thread alone in Linux, whatever POSIX says.
  if (::getpriority(PRIO_PROCESS, 0) < 0) ::setpriority(PRIO_PROCESS, 0, 0);
  Order order{};
  while (::read(pipe.get(), &order, sizeof order) == static_cast<ssize_t>(sizeof order)) {
    const Fd target(order.fd);
    if (order.is_cgroup)
      host::each_process(target.get(), release, nullptr);
    else
      host::release_memory(target);
  }
  return nullptr;
}

}  // namespace

Result<Releaser> Releaser::start() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error("make", "a pipe");
  Fd reading(ends[0]);
  Releaser out;
  out.orders_ = Fd(ends[1]);
  if (::fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0 || ::fcntl(ends[1], F_SETPIPE_SZ, kPage) < 0)
    return errno_error("set up", "a pipe");
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a number, nothing is shared with the thread
  auto* const number = reinterpret_cast<void*>(static_cast<std::intptr_t>(reading.get()));
  const auto thread = start_thread("releases memory", carry_out, number);
  if (!thread) return tl::unexpected(thread.error());
  // Nobody waits for it: it may be waiting in the kernel.
  ::pthread_detach(*thread);
  static_cast<void>(reading.release());
  return out;
}

bool Releaser::order(const Fd& target, bool is_cgroup) const {
  if (!orders_) return false;
  const int copy = ::fcntl(target.get(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return false;
  const Order order{copy, is_cgroup, {}};
  if (::write(orders_.get(), &order, sizeof order) == static_cast<ssize_t>(sizeof order))
    return true;
  ::close(copy);
  return false;
}

}  // namespace jobward::watchdog
