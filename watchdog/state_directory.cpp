#include "watchdog/state_directory.h"

#include <unistd.h>

#include <cstdlib>

namespace jobward::watchdog {
namespace {

// Relative paths count as not set (XDG Base Directory Specification).
std::string absolute(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && value[0] == '/' ? value : "";
}

}  // namespace

std::string state_directory(const Config& config) {
  if (!config.state_directory.empty()) return config.state_directory;
  if (const auto own = absolute("JOBWARD_STATE_DIR"); !own.empty()) return own + "/watchdog";
  if (::geteuid() == 0) return "/var/lib/jobward/watchdog";
  if (const auto xdg = absolute("XDG_STATE_HOME"); !xdg.empty()) return xdg + "/jobward/watchdog";
  return absolute("HOME") + "/.local/state/jobward/watchdog";
}

}  // namespace jobward::watchdog
