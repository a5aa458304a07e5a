// jobward ps: the runs that wait or go on.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/live_runs.h"
#include "cli/render_json.h"
#include "cli/run_reference.h"
#include "common/exit_codes.h"

namespace jobward::cli {

int ps_command(const Arguments& arguments) {
  bool json = false;
  CLI::App app("Lists the runs that wait or go on.", "ps");
  set_usage(app, "jobward ps [--json]");
  app.add_flag("--json", json, "One JSON object instead of a table");
  if (const auto status = parse_options(app, arguments.options, exit_code::kUsage)) return *status;
  const auto desk = open_desk("ps");
  if (!desk) return exit_code::kUsage;
  const auto runs = live_runs(*desk);
  if (!runs) return failure("ps", runs.error().message(), exit_code::kUsage);
  if (json)
    std::fputs(dump(live_json(*runs), true).c_str(), stdout);
  else if (runs->empty())
    std::printf("no run waits or goes on\n");
  else
    std::fputs(live_table(*runs).c_str(), stdout);
  return 0;
}

}  // namespace jobward::cli
