#include "launcher/measure.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "host/backends/drain.h"
#include "host/observe/process.h"

namespace jobward::launcher {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// Bytes in use on the file system of a directory. Others write there too: the basis says so.
std::optional<double> disk_in_use(const std::string& directory) {
  struct statvfs info {};
  if (::statvfs(directory.c_str(), &info) != 0) return std::nullopt;
  return static_cast<double>(info.f_blocks - info.f_bfree) * static_cast<double>(info.f_frsize);
}

std::optional<host::ProcessIo> children_io(const host::KernelRoots& roots) {
  auto io = host::waited_children_io(roots);
  return io ? std::optional(*io) : std::nullopt;
}

}  // namespace

ChildMeter::ChildMeter(const host::KernelRoots& roots, std::string working_directory)
    : roots_(roots), directory_(std::move(working_directory)), io_before_(children_io(roots)) {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  user_before_ = seconds(usage.ru_utime);
  system_before_ = seconds(usage.ru_stime);
  disk_before_ = disk_in_use(directory_);
}

void ChildMeter::fill(Usage& usage) const {
  const auto io = children_io(roots_);
  if (io && io_before_) {
    usage.set(Metric::io_read, static_cast<double>(io->read_bytes - io_before_->read_bytes));
    usage.set(Metric::io_write, static_cast<double>(io->write_bytes - io_before_->write_bytes));
    // Storage, not page cache hits; children that nobody waited for are missing.
    usage.basis["io_basis"] = "proc_io of waited-for processes";
  }
  if (!usage.get(Metric::cpu_user)) {
    rusage now{};
    ::getrusage(RUSAGE_CHILDREN, &now);
    usage.set(Metric::cpu_user, seconds(now.ru_utime) - user_before_);
    usage.set(Metric::cpu_system, seconds(now.ru_stime) - system_before_);
    usage.basis["cpu_basis"] = "waited-for processes";
  }
  const auto disk = disk_in_use(directory_);
  if (disk && disk_before_) {
    usage.set(Metric::disk_growth, *disk - *disk_before_);
    usage.basis["disk_growth_basis"] = "file system of the working directory, all writers";
  }
}

Result<int> reap_descendants(const host::KernelRoots& roots,
                             const std::vector<host::KnownProcess>& known,
                             const host::JobMark& mark) {
  const auto list = [&]() -> Result<std::vector<int>> {
    return host::descendants_but(roots, known, mark);
  };
  // A killed process leaves its cgroup a moment before it can be waited for.
  constexpr int kMoment = 50;  // ms
  constexpr int kPatience = 10000;
  int killed = 0;
  for (int waited = 0;; ++waited) {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    const auto left = host::descendants_but(roots, known, mark);
    if (left.empty()) return killed;
    if (waited >= kPatience)
      return error("end", std::to_string(left.size()) + " processes that had left the job's cgroup",
                   "they are still there, the first is pid " + std::to_string(left.front()));
    if (waited == kMoment) killed = static_cast<int>(left.size());
    if (waited >= kMoment && waited % kMoment == 0)
      static_cast<void>(host::signal_members(list, SIGKILL));
    ::poll(nullptr, 0, 1);
  }
}

}  // namespace jobward::launcher
