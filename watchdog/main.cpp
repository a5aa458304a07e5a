// jobward-watchdog: its own small program, so that it stays small.
#include <cstdio>
#include <exception>
#include <span>

#include "watchdog/config_source.h"
#include "watchdog/daemon.h"
#include "watchdog/options.h"
#include "watchdog/sense.h"

namespace jobward::watchdog {
namespace {

int fail(const Error& error) {
  std::fprintf(stderr, "jobward-watchdog: %s\n", error.message().c_str());
  return kCannot;
}

int check_config(const LoadedConfig& loaded, const Options& options,
                 const host::KernelRoots& roots) {
  auto sensor = Sensor::open(roots, options.within);
  if (!sensor) return fail(sensor.error());
  const auto& now = sensor->last();
  if (auto fits = check_against(loaded.config, now.memory_total, now.swap_total); !fits)
    return fail(fits.error());
  std::fputs(describe(loaded.config, now.memory_total, now.swap_total).c_str(), stdout);
  return kNothingToDo;
}

int run(std::span<const char* const> arguments) {
  const auto options = parse_arguments(arguments);
  if (!options) return fail(options.error());
  if (options->mode == Mode::help) {
    std::fputs(usage().c_str(), stdout);
    return kNothingToDo;
  }
  if (options->mode == Mode::version) {
    std::puts("jobward-watchdog " JOBWARD_VERSION);
    return kNothingToDo;
  }
  const host::KernelRoots roots;
  const auto loaded = load_config(*options, config_places(), passwd_lookup("/etc/passwd"));
  if (!loaded) return fail(loaded.error());
  switch (options->mode) {
    case Mode::check_config:
      return check_config(*loaded, *options, roots);
    case Mode::once:
      return run_once(*options, loaded->config, roots);
    case Mode::ensure:
      return ensure_daemon(*options, loaded->config, roots);
    default:
      return run_daemon(*options, loaded->config, roots);
  }
}

}  // namespace
}  // namespace jobward::watchdog

int main(int argc, char** argv) {
  try {
    const std::span arguments(argv, static_cast<std::size_t>(argc));
    return jobward::watchdog::run(arguments.subspan(argc > 0 ? 1 : 0));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "jobward-watchdog: %s\n", e.what());
    return jobward::watchdog::kCannot;
  }
}
