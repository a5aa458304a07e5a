// jobward history: the latest runs.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/config_files.h"
#include "cli/render_json.h"
#include "cli/render_text.h"
#include "cli/run_reference.h"
#include "cli/watchdog_history.h"
#include "common/exit_codes.h"
#include "common/units.h"
#include "launcher/run_lock.h"

namespace jobward::cli {

namespace {

struct Pruning {
  bool wanted = false;
  std::string keep = "90d";
  int keep_runs = 3;  // so many of each kind stay, however old
};

void declare(CLI::App& app, Pruning& pruning) {
  app.add_flag("--prune", pruning.wanted,
               "Remove old ended runs and their logs; what was learned from them stays");
  app.add_option("--keep", pruning.keep, "With --prune: keep what ended within this time (90d)")
      ->type_name("DURATION");
  app.add_option(
         "--keep-runs", pruning.keep_runs,
         "With --prune: keep the newest N of each kind of command (numbers, paths and dates "
         "aside), however old (3)")
      ->check(CLI::Range(0, 1000000));
}

// Of runs that were never recorded, because they were killed before: but not of one that is just
// about to be.
void remove_unknown_logs(const RunDesk& desk, std::chrono::milliseconds age) {
  namespace fs = std::filesystem;
  constexpr auto kStarting = std::chrono::minutes(1);
  const auto oldest =
      fs::file_time_type::clock::now() - std::max<std::chrono::milliseconds>(age, kStarting);
  std::error_code failure;
  std::vector<fs::path> unknown;
  for (fs::directory_iterator entry(log_directory(desk.records, ""), failure), end;
       !failure && entry != end; entry.increment(failure)) {
    const std::string run = entry->path().filename().string();
    const auto found = desk.records.store->find(run);
    const bool known = !found || (found->size() == 1 && found->front().request.id == run);
    std::error_code unread;
    if (!known && fs::last_write_time(entry->path(), unread) < oldest && !unread)
      unknown.push_back(entry->path());
  }
  for (const auto& path : unknown)
    fs::remove_all(path, failure);
}

int prune(const RunDesk& desk, const Pruning& pruning) {
  const auto seconds = parse_duration_seconds(pruning.keep);
  if (!seconds)
    return usage_error("history", "--keep: " + seconds.error().message(), exit_code::kUsage);
  const auto config = load_config(::geteuid(), environment_variable, {});
  if (!config) return failure("history", config.error().message(), exit_code::kUsage);
  const auto ago = [&](double age) {
    return desk.clock.wall_ms() - static_cast<UnixMillis>(age * 1000);
  };
  auto& store = *desk.records.store;
  // A run whose request id is still known stays: it is what answers for it.
  const double known_for = config->settings.admission.request_ids_seconds;
  if (const auto forgotten = store.forget_requests_before(ago(known_for)); !forgotten)
    return failure("history", forgotten.error().message(), exit_code::kUsage);
  const auto pruned = store.prune(ago(*seconds), pruning.keep_runs, [&](const std::string& run) {
    std::error_code ignored;  // most runs have no logs
    std::filesystem::remove_all(log_directory(desk.records, run), ignored);
  });
  if (!pruned) return failure("history", pruned.error().message(), exit_code::kUsage);
  remove_unknown_logs(desk, std::chrono::milliseconds(static_cast<UnixMillis>(*seconds * 1000)));
  const auto events = prune_watchdog_records(desk, ago(*seconds));
  if (!events) return failure("history", events.error().message(), exit_code::kUsage);
  std::printf("%zu runs removed\n", pruned->size());
  if (*events > 0) std::printf("%lld events of the watchdog removed\n", *events);
  return 0;
}

}  // namespace

int history_command(const Arguments& arguments) {
  bool json = false;
  Pruning pruning;
  WatchdogView view;
  profiles::HistoryQuery query;
  CLI::App app("Lists past and running runs, newest first.", "history");
  set_usage(app, "jobward history [OPTIONS]");
  app.add_option("-n,--limit", query.limit, "How many (20)")->check(CLI::Range(1, 1000000));
  app.add_option("--project", query.project, "Only runs of this project (its directory)");
  app.add_option("--program", query.program,
                 "Only runs of this program, as the records name it (train.py)");
  app.add_flag("--json", json, "One JSON object instead of a table");
  declare(app, pruning);
  auto* watchdog =
      app.add_flag("--watchdog", view.wanted, "What the watchdog ended, why, and what came of it");
  app.add_flag("--all", view.all, "With --watchdog: also warnings, starts and stops")
      ->needs(watchdog);
  if (const auto status = parse_options(app, arguments.options, exit_code::kUsage)) return *status;
  if (arguments.command)
    return usage_error("history", "no command is expected here", exit_code::kUsage);
  if (!query.project.empty()) {
    std::error_code ignored;
    query.project = std::filesystem::absolute(query.project, ignored).lexically_normal().string();
    if (query.project.size() > 1 && query.project.back() == '/') query.project.pop_back();
  }
  const auto desk = open_desk("history");
  if (!desk) return exit_code::kUsage;
  if (pruning.wanted) return prune(*desk, pruning);
  if (view.wanted) return watchdog_history(*desk, view, query.limit, json);
  const auto& records = desk->records;
  const auto runs = records.store->history(query);
  if (!runs) return failure("history", runs.error().message(), exit_code::kUsage);
  std::vector<bool> alive;
  for (const auto& run : *runs)
    alive.push_back(!run.ending && launcher::is_supervised(records.lock_directory, run.request.id));
  if (json) {
    nlohmann::ordered_json out{{"schema_version", kSchemaVersion},
                               {"runs", nlohmann::ordered_json::array()}};
    for (std::size_t i = 0; i < runs->size(); ++i)
      out["runs"].push_back(to_json((*runs)[i], alive[i]));
    std::fputs(dump(out, true).c_str(), stdout);
  } else if (runs->empty() && (!query.project.empty() || !query.program.empty())) {
    std::printf("no run on record matches\n");
  } else if (runs->empty()) {
    std::printf("no runs are recorded in %s yet; `jobward run -- COMMAND` makes one\n",
                records.directory.path.c_str());
  } else {
    std::fputs(history_table(*runs, alive).c_str(), stdout);
  }
  return 0;
}

}  // namespace jobward::cli
