// jobward show RUN: everything that is on record about one run.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/render_json.h"
#include "cli/render_text.h"
#include "cli/run_reference.h"
#include "cli/watchdog_records.h"
#include "cli/watchdog_text.h"
#include "common/exit_codes.h"

namespace jobward::cli {
int show_command(const Arguments& arguments) {
  bool json = false;
  std::string reference;
  CLI::App app("Shows everything that is on record about one run.", "show");
  set_usage(app, "jobward show [OPTIONS] RUN");
  app.add_option("RUN", reference,
                 "The run's id, the beginning of it, or its name (the newest of that name)")
      ->required();
  app.add_flag("--json", json, "One JSON object instead of text");
  if (const auto status = parse_options(app, arguments.options, exit_code::kUsage)) return *status;
  if (arguments.command)
    return usage_error("show", "no command is expected here", exit_code::kUsage);
  const auto desk = open_desk("show");
  if (!desk) return exit_code::kUsage;
  auto run = find_run("show", *desk, reference);
  if (!run) return exit_code::kUsage;
  const bool alive = !run->ending && desk->is_alive(run->request.id);
  if (!alive) run = read_again(*desk, std::move(*run));
  const auto killed = watchdog_entry_of(desk->records, desk->clock, *run);
  if (!killed) say("the watchdog's journal: " + killed.error().message());
  const bool on_record = killed && *killed;
  if (json) {
    auto out = to_json(*run, alive);
    if (on_record) out["watchdog_kill"] = to_json(**killed);
    std::fputs(dump(out, true).c_str(), stdout);
    return 0;
  }
  std::string text = run_details(*run, alive);
  if (on_record) text += "the watchdog\n  " + watchdog_entry_text(**killed);
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace jobward::cli
