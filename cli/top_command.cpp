// jobward top: the runs that go on, as a live table.
#include <unistd.h>

#include <algorithm>
#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/commands.h"
#include "cli/live_runs.h"
#include "cli/render_text.h"
#include "cli/screen.h"
#include "common/exit_codes.h"
#include "common/units.h"
#include "host/observe/host_snapshot.h"

namespace jobward::cli {
namespace {

std::string machine_line(const RunDesk& desk) {
  const auto snapshot = host::read_host_snapshot(desk.roots, desk.tree);
  if (!snapshot) return snapshot.error().message();
  std::string text = format_bytes(static_cast<double>(snapshot->available())) + " of " +
                     format_bytes(static_cast<double>(snapshot->capacity())) + " free";
  if (const auto& pressure = snapshot->memory_pressure) {
    char numbers[64];
    std::snprintf(numbers, sizeof numbers, "; memory pressure %.1f %% some, %.1f %% full (10 s)",
                  pressure->some.avg10, pressure->full ? pressure->full->avg10 : 0.0);
    text += numbers;
  }
  return text;
}

Result<std::string> picture(const RunDesk& desk) {
  for (const auto& line : launcher::reap_lost(desk.reaping()))
    static_cast<void>(line);  // it is in the records; a line here would be wiped
  const auto runs = live_runs(desk);
  if (!runs) return tl::unexpected(runs.error());
  const auto waiting = static_cast<std::size_t>(
      std::count_if(runs->begin(), runs->end(), [](const LiveRun& run) { return run.place > 0; }));
  return "jobward  " + local_time(desk.clock.wall_ms()) + "  " +
         std::to_string(runs->size() - waiting) + " running, " + std::to_string(waiting) +
         " waiting\n" + machine_line(desk) + "\n\n" +
         (runs->empty() ? "no run waits or goes on\n" : live_table(*runs));
}

// Until the user has seen enough; the signal that ended it, or 0.
Result<int> watch(const RunDesk& desk, double seconds) {
  auto screen = Screen::open();
  if (!screen) return tl::unexpected(std::move(screen).error());
  do {
    auto text = picture(desk);
    if (!text) return tl::unexpected(std::move(text).error());
    if (!screen->show(*text + "\nq or Ctrl-C ends\n")) break;
  } while (screen->wait(seconds));
  return screen->signal();
}

}  // namespace

int top_command(const Arguments& arguments) {
  double seconds = 1;
  CLI::App app("Shows the runs that wait or go on, again and again.", "top");
  set_usage(app, "jobward top [-n SECONDS]");
  app.add_option("-n,--interval", seconds, "How often to look (1 s)")
      ->check(CLI::Range(0.1, 3600.0));
  app.footer("Where stdout is no terminal: one picture, and that is all.");
  if (const auto status = parse_options(app, arguments.options, exit_code::kUsage)) return *status;
  const auto desk = open_desk("top");
  if (!desk) return exit_code::kUsage;
  if (::isatty(STDOUT_FILENO) == 0) {
    const auto text = picture(*desk);
    if (!text) return failure("top", text.error().message(), exit_code::kUsage);
    std::fputs(text->c_str(), stdout);
    return 0;
  }
  const auto signal = watch(*desk, seconds);
  if (!signal) return failure("top", signal.error().message(), exit_code::kUsage);
  if (*signal != 0) die_of(*signal);
  return 0;
}

}  // namespace jobward::cli
