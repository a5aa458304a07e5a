#include "common/fault.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace jobward::fault {
namespace {

// Read by the tests in the binary itself: what is not in it cannot be reached.
#define JOBWARD_FAULT_NAME(name) #name "\0"
constexpr char kNames[] = "jobward-fault-points\0" JOBWARD_EACH_FAULT_POINT(JOBWARD_FAULT_NAME);
#undef JOBWARD_FAULT_NAME

constexpr char kHold[] = "hold:";

const char* name_of(Point point) {
  const char* name = kNames;
  for (auto left = static_cast<std::size_t>(point) + 1; left > 0; --left)
    name += std::strlen(name) + 1;
  return name;
}

[[noreturn]] void hold() {
  if (const char* mark = std::getenv("JOBWARD_FAULT_MARK"))
    static_cast<void>(::open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  while (true)
    ::pause();
}

// Async-signal-safe, and without allocation: also for the child.
bool is_wanted(Point point) {
  const char* wanted = std::getenv("JOBWARD_FAULT");
  if (wanted == nullptr) return false;
  const char* name = name_of(point);
  if (std::strncmp(wanted, kHold, sizeof kHold - 1) == 0 &&
      std::strcmp(wanted + sizeof kHold - 1, name) == 0)
    hold();
  return std::strcmp(wanted, name) == 0;
}

}  // namespace

void reach(Point point) {
  if (is_wanted(point)) ::raise(SIGKILL);
}

void reach_in_child(Point point, pid_t supervisor) {
  if (!is_wanted(point)) return;
  ::kill(supervisor, SIGKILL);
  while (::getppid() == supervisor)
    ::usleep(100);
}

}  // namespace jobward::fault
