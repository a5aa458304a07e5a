#include "watchdog/target.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "host/observe/kernel_text.h"
#include "host/observe/termination.h"
#include "watchdog/decide.h"

namespace jobward::watchdog {
namespace {

// The directory of the same job in the v2 hierarchy beside v1, found by one of its processes.
Fd find_unified(const Unit& unit, const std::string& mount, host::ProcessScan& processes) {
  FixedText<64> name;
  name.add_number(unit.pid);
  name += "/cgroup";
  std::array<char, 4096> text;
  const auto groups = host::read_into(processes.directory(), name.c_str(), text);
  auto path = groups ? host::cgroup_path(*groups, "") : std::nullopt;
  const host::MemoryTree unified{mount, true};
  while (path && !path->empty() && *path != "/") {
    if (path->size() > 4 && path->substr(path->size() - 4) == "/job") {
      auto directory = host::open_cgroup(unified, *path);
      host::JobFacts facts;
      if (directory && host::read_job_facts(directory.get(), facts) && facts.run == unit.run.view())
        return directory;
    }
    path = path->substr(0, path->rfind('/'));
  }
  return {};
}

struct Sending {
  int signal;
  std::string_view cgroup;
  host::ProcessScan& processes;
  int sent = 0;
  int refused = 0;  // an errno
};

void send_to(void* context, int pid) {
  auto& sending = *static_cast<Sending*>(context);
  const auto process = host::open_process(pid);
  // The pid may have gone to somebody else since it was read; now that it is held, it cannot.
  if (process && !is_below(sending.processes.cgroup(pid), sending.cgroup)) return;
  if (process && host::signal_process(process, sending.signal))
    ++sending.sent;
  else if (errno != ESRCH)
    sending.refused = errno;
}

}  // namespace

Target Target::open(const Unit& unit, const Sensor& sensor, host::ProcessScan& processes) {
  Target out;
  out.is_job_ = unit.is_job;
  out.v2_ = sensor.tree().v2;
  out.processes_ = &processes;
  out.cgroup_ = unit.cgroup.view();
  if (!unit.is_job) {
    out.handle_ = host::open_process(unit.pid);
    return out;
  }
  out.handle_ = host::open_cgroup(sensor.tree(), unit.cgroup);
  if (!out.handle_) return out;
  if (!sensor.unified_mount().empty())
    out.unified_ = find_unified(unit, sensor.unified_mount(), processes);
  return out;
}

void Target::mark(const host::KillMark& mark) const {
  if (!is_job_) return;
  host::write_kill_mark(handle_.get(), mark);
  if (unified_) host::write_kill_mark(unified_.get(), mark);
}

void Target::unmark() const {
  if (!is_job_) return;
  host::remove_kill_mark(handle_.get());
  if (unified_) host::remove_kill_mark(unified_.get());
}

bool Target::send(int signal) {
  if (!is_job_) return host::signal_process(handle_, signal);
  // Against forks: cgroup.kill where there is one; else again and again until nobody new is there.
  bool done = false;
  if (signal == SIGKILL)
    done = host::kill_cgroup(v2_ ? handle_.get() : unified_ ? unified_.get() : -1);
  constexpr int kRounds = 8;
  Sending sending{signal, cgroup_, *processes_};
  for (int round = 0; round < (signal == SIGKILL && !done ? kRounds : 1); ++round) {
    const int before = sending.sent;
    host::each_process(handle_.get(), send_to, &sending);
    if (sending.sent == before) break;
  }
  if (done || sending.sent > 0) return true;
  errno = sending.refused != 0 ? sending.refused : ESRCH;
  return false;
}

bool Target::release(const Releaser& releaser) const {
  return is_job_ ? releaser.cgroup(handle_) : releaser.process(handle_);
}

bool Target::is_gone(int timeout_ms) {
  if (!is_job_) return host::has_exited(handle_, timeout_ms);
  for (int waited = 0;; waited += 5) {
    int left = 0;
    host::each_process(
        handle_.get(), [](void* context, int) { ++*static_cast<int*>(context); }, &left);
    if (left == 0 || waited >= timeout_ms) return left == 0;
    const timespec pause{0, 5 * 1000000L};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace jobward::watchdog
