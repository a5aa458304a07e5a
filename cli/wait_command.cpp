// jobward wait RUN..., jobward stop RUN...: until a run has ended.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/commands.h"
#include "cli/run_reference.h"
#include "common/exit_codes.h"
#include "host/observe/process.h"
#include "launcher/run_lock.h"
#include "launcher/signal_gate.h"

namespace jobward::cli {
namespace {

struct Wanted {
  std::vector<std::string> references;
  bool quiet = false;
};

std::optional<int> read_options(CLI::App& app, const Arguments& arguments, Wanted& wanted) {
  app.add_option("RUN", wanted.references,
                 "Runs: id, the beginning of one, or name (the newest of that name)")
      ->required();
  app.add_flag("-q,--quiet", wanted.quiet, "Print nothing about how they ended");
  return parse_options(app, arguments.options, exit_code::kUsage);
}

// Waits, and reads what has become of it; absent: a message is on stderr.
std::optional<profiles::RunRecord> ended(const std::string& command, RunDesk& desk,
                                         const std::string& id) {
  if (auto waited = launcher::await_end(desk.records.lock_directory, id); !waited) {
    failure(command, waited.error().message(), exit_code::kUsage);
    return std::nullopt;
  }
  auto run = find_run(command, desk, id);
  if (!run || run->ending) return run;
  // Its supervisor went without closing it.
  for (const auto& line : launcher::reap_lost(desk.reaping()))
    say(line);
  return find_run(command, desk, id);
}

int status_of(const profiles::RunRecord& run) {
  return run.ending ? run.ending->exit_code.value_or(exit_code::kLauncherFailed)
                    : exit_code::kLauncherFailed;
}

void tell(const Wanted& wanted, const profiles::RunRecord& run) {
  if (wanted.quiet) return;
  say(run.request.id + " " +
      (run.ending ? std::string(to_string(run.ending->outcome)) + ": " + run.ending->cause
                  : "is not supervised by anybody and goes on; `jobward reap` looks again"));
}

// By pidfd, and only while the lock says that this is its supervisor.
Status ask_to_stop(const RunDesk& desk, const std::string& id) {
  const auto pid = launcher::supervisor_of(desk.records.lock_directory, id);
  if (!pid) return {};  // it has just ended
  auto process = host::open_pidfd(*pid);
  if (!process) return tl::unexpected(std::move(process).error());
  if (launcher::supervisor_of(desk.records.lock_directory, id) != pid) return {};
  return host::send_signal(*process, launcher::stop_request_signal());
}

// A run that was let go on without its supervisor has nobody to ask: it is killed.
bool is_elsewhere(const RunDesk& desk, const profiles::RunRecord& run) {
  const auto& where = run.request.where;
  return where.machine_id != desk.identity.machine_id ||
         where.pid_namespace != desk.identity.pid_namespace;
}

int stop_one(const Wanted& wanted, RunDesk& desk, const std::string& reference) {
  const auto run = find_run("stop", desk, reference);
  if (!run) return exit_code::kUsage;
  const std::string& id = run->request.id;
  if (run->ending) {
    if (!wanted.quiet) say(id + " has ended already: " + run->ending->cause);
    return 0;
  }
  if (is_elsewhere(desk, *run))
    return failure("stop",
                   id + " goes on on another machine or in another container (pid namespace): stop "
                        "it there",
                   exit_code::kUsage);
  if (desk.is_alive(id)) {
    if (auto asked = ask_to_stop(desk, id); !asked)
      return failure("stop", asked.error().message(), exit_code::kUsage);
  } else {
    for (const auto& line : launcher::reap_lost(desk.reaping(), launcher::Kept::end))
      say(line);
  }
  const auto after = ended("stop", desk, id);
  if (!after) return exit_code::kUsage;
  tell(wanted, *after);
  return after->ending ? 0 : exit_code::kLauncherFailed;
}

}  // namespace

int wait_command(const Arguments& arguments) {
  Wanted wanted;
  CLI::App app(
      "Waits until runs have ended; exits with the exit status of the first that is not 0.",
      "wait");
  set_usage(app, "jobward wait RUN...");
  if (const auto status = read_options(app, arguments, wanted)) return *status;
  const auto desk = open_desk("wait");
  if (!desk) return exit_code::kUsage;
  std::vector<std::string> ids;
  for (const auto& reference : wanted.references) {
    const auto run = find_run("wait", *desk, reference);
    if (!run) return exit_code::kUsage;
    ids.push_back(run->request.id);
  }
  int status = 0;
  for (const auto& id : ids) {
    const auto run = ended("wait", *desk, id);
    if (!run) return exit_code::kUsage;
    tell(wanted, *run);
    if (status == 0) status = status_of(*run);
  }
  return status;
}

int stop_command(const Arguments& arguments) {
  Wanted wanted;
  CLI::App app(
      "Ends runs: TERM to all processes of each, after the grace KILL. Returns when they have "
      "ended.",
      "stop");
  set_usage(app, "jobward stop RUN...");
  if (const auto status = read_options(app, arguments, wanted)) return *status;
  const auto desk = open_desk("stop");
  if (!desk) return exit_code::kUsage;
  int status = 0;
  for (const auto& reference : wanted.references)
    if (const int one = stop_one(wanted, *desk, reference); status == 0) status = one;
  return status;
}

}  // namespace jobward::cli
