// jobward show RUN: everything that is on record about one run.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/render_json.h"
#include "cli/render_text.h"
#include "cli/session.h"
#include "common/exit_codes.h"
#include "launcher/run_lock.h"

namespace jobward::cli {
namespace {

std::string candidates(const std::vector<profiles::RunRecord>& runs) {
  std::string text;
  for (const auto& run : runs)
    text += (text.empty() ? "" : ", ") + run.request.id;
  return text;
}

}  // namespace

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
  const SystemClock clock;
  const auto records = open_records(clock);
  if (!records.store) return failure("show", records.problem, exit_code::kUsage);
  const auto runs = records.store->find(reference);
  if (!runs) return failure("show", runs.error().message(), exit_code::kUsage);
  if (runs->empty())
    return usage_error("show",
                       "no run \"" + reference + "\" in " + records.directory.path +
                           "; `jobward history` lists them",
                       exit_code::kUsage);
  if (runs->size() > 1)
    return usage_error("show", "\"" + reference + "\" fits several runs: " + candidates(*runs),
                       exit_code::kUsage);
  const auto& run = runs->front();
  const bool alive = !run.ending && launcher::is_supervised(records.lock_directory, run.request.id);
  std::fputs(json ? dump(to_json(run, alive), true).c_str() : run_details(run, alive).c_str(),
             stdout);
  return 0;
}

}  // namespace jobward::cli
