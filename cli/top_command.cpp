// jobward top: the runs that go on, as a live table.
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/commands.h"
#include "cli/live_runs.h"
#include "cli/render_text.h"
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

// One picture; false: it could not be made.
bool draw(const RunDesk& desk, bool terminal) {
  for (const auto& line : launcher::reap_lost(desk.reaping()))
    static_cast<void>(line);  // it is in the records; a line here would be wiped
  const auto runs = live_runs(desk);
  if (!runs) return failure("top", runs.error().message(), exit_code::kUsage) == 0;
  if (terminal) std::fputs("\x1b[H\x1b[2J", stdout);
  std::printf("jobward  %s  %s  (q or Ctrl-C ends)\n\n", local_time(desk.clock.wall_ms()).c_str(),
              machine_line(desk).c_str());
  std::fputs(runs->empty() ? "no run waits or goes on\n" : live_table(*runs).c_str(), stdout);
  return std::fflush(stdout) == 0;
}

}  // namespace

int top_command(const Arguments& arguments) {
  double seconds = 1;
  CLI::App app("Shows the runs that wait or go on, again and again.", "top");
  set_usage(app, "jobward top [-n SECONDS]");
  app.add_option("-n,--interval", seconds, "How often to look (1 s)")
      ->check(CLI::Range(0.1, 3600.0));
  if (const auto status = parse_options(app, arguments.options, exit_code::kUsage)) return *status;
  const auto desk = open_desk("top");
  if (!desk) return exit_code::kUsage;
  if (::isatty(STDOUT_FILENO) == 0) return draw(*desk, false) ? 0 : exit_code::kUsage;
  while (draw(*desk, true)) {
    pollfd keys{STDIN_FILENO, POLLIN, 0};
    if (::poll(&keys, 1, static_cast<int>(seconds * 1000)) <= 0) continue;
    char key = 0;
    if (::read(STDIN_FILENO, &key, 1) <= 0 || key == 'q') return 0;
  }
  return exit_code::kUsage;
}

}  // namespace jobward::cli
