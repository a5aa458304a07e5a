// jobward run -- CMD: the job's streams and terminal are its own; what we have to say goes to
// stderr.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/render_json.h"
#include "cli/render_text.h"
#include "cli/session.h"
#include "common/exit_codes.h"
#include "common/files.h"
#include "common/units.h"
#include "launcher/supervisor.h"
#include "profiles/secrets.h"

namespace jobward::cli {
namespace {

struct RunOptions {
  std::string memory = "auto";
  std::string time;
  std::string name;
  std::string result_file;
  std::vector<std::string> features;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  bool no_limit = false;
  bool best_effort = false;
  bool quiet = false;
};

void declare(CLI::App& app, RunOptions& options) {
  set_usage(app, "jobward run [OPTIONS] -- COMMAND [ARGUMENTS...]");
  app.add_option("--mem", options.memory,
                 "Memory limit: auto (from past runs; the default), or a size such as 8G or 500M")
      ->type_name("auto|SIZE");
  app.add_flag("--no-limit", options.no_limit,
               "No memory limit; the run is still measured and recorded");
  app.add_option(
         "--time", options.time,
         "Wall-clock limit such as 90s or 2h: then TERM to the whole job, a grace (10 s), KILL")
      ->type_name("DURATION");
  app.add_option("--name", options.name, "A name by which the run can be found again");
  app.add_option("--feature", options.features,
                 "A number that makes this run larger or smaller than others, for the prediction "
                 "(repeatable)")
      ->type_name("NAME=NUMBER")
      ->allow_extra_args(false);
  app.add_option("--input", options.inputs, "A file whose digest goes into the record (repeatable)")
      ->allow_extra_args(false);
  app.add_option("--output", options.outputs, "The same for a file the job makes (repeatable)")
      ->allow_extra_args(false);
  app.add_option("--result", options.result_file,
                 "Write the result as JSON to this file, however the run ends")
      ->type_name("FILE");
  app.add_flag("--best-effort", options.best_effort,
               "Run even where a limit that was asked for cannot be enforced");
  app.add_flag("-q,--quiet", options.quiet,
               "No lines about limits and the end of the run; errors still appear");
  app.footer(
      "Exit status: the command's own; 124 wall limit; 125 jobward failed; 126 not executable; 127 "
      "not found;\n"
      "128+n killed by signal n (137 at the memory limit). --result tells whose it is "
      "(exit_source).\n"
      "Example: jobward run --mem 8G --time 2h -- python3 train.py --data big.csv");
}

Result<launcher::LimitWishes> read_wishes(const RunOptions& options) {
  launcher::LimitWishes wishes;
  wishes.no_memory_limit = options.no_limit;
  if (options.memory != "auto") {
    auto bytes = parse_bytes(options.memory);
    if (!bytes) return rethrow(std::move(bytes).error(), "--mem");
    if (*bytes == 0)
      return error("use", "--mem 0", "a job cannot start without memory; --no-limit sets none");
    if (options.no_limit)
      return error("use", "--mem together with --no-limit", "they contradict each other");
    wishes.memory_bytes = *bytes;
  }
  if (!options.time.empty()) {
    auto seconds = parse_duration_seconds(options.time);
    if (!seconds) return rethrow(std::move(seconds).error(), "--time");
    if (*seconds <= 0) return error("use", "--time " + options.time, "no time at all");
    wishes.wall_seconds = *seconds;
  }
  return wishes;
}

// What can be said of a run of which nothing came.
launcher::RunResult never_started(const Arguments& arguments, std::string cause) {
  launcher::RunResult result;
  result.ending.outcome = Outcome::launch_failed;
  result.ending.cause = std::move(cause);
  result.ending.exit_code = exit_code::kLauncherFailed;
  result.ending.exit_source = "jobward";
  result.at.created = SystemClock().wall_ms();
  result.request.actor.uid = ::getuid();
  if (arguments.command) result.request.argv = profiles::mask_secrets(*arguments.command);
  return result;
}

// The file named by --result, also where the rest of the options cannot be understood: whoever
// waits for it must not find that of an earlier run.
std::string result_file_of(const std::vector<std::string>& options) {
  static constexpr std::string_view kName = "--result";
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (options[i] == kName && i + 1 < options.size()) return options[i + 1];
    if (options[i].compare(0, kName.size() + 1, "--result=") == 0)
      return options[i].substr(kName.size() + 1);
  }
  return {};
}

void write_result(const launcher::RunResult& result, const std::string& file) {
  if (file.empty()) return;
  auto written = write_file_atomic(file, dump(to_json(result), true));
  if (!written) say("the result could not be written: " + written.error().message());
}

launcher::RunResult carry_out(const RunOptions& options, const Arguments& arguments,
                              const launcher::SignalGate& gate) {
  auto wishes = read_wishes(options);
  if (!wishes) return never_started(arguments, wishes.error().message());
  auto order = make_order(*arguments.command, options.features);
  if (!order) return never_started(arguments, order.error().message());
  order->name = options.name;
  order->wishes = *wishes;
  order->inputs = options.inputs;
  order->outputs = options.outputs;
  order->best_effort = options.best_effort;
  auto session = open_session();
  if (!session) return never_started(arguments, session.error().message());
  (*session)->records = open_records((*session)->clock);
  const auto tell = [&](const std::string& line) {
    if (!options.quiet) say(line);
  };
  auto result = launcher::run_job(*order, (*session)->workshop(), gate, tell);
  // All that is durable is written. Closing the rest in good order costs a short run 0.1 ms and
  // gains nothing: the kernel closes it when we exit.
  static_cast<void>(session->release());
  return result;
}

// Ends this process by the signal that ended the job, without a core dump of our own.
[[noreturn]] void die_of(int signal) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::signal(signal, SIG_DFL);
  sigset_t only{};
  sigemptyset(&only);
  sigaddset(&only, signal);
  ::raise(signal);
  ::sigprocmask(SIG_UNBLOCK, &only, nullptr);
  ::_exit(exit_code::kSignalBase + signal);  // not reached
}

int report(const launcher::RunResult& result, const RunOptions& options) {
  write_result(result,
               options.result_file);  // first: whoever reads our stderr may have stopped reading
  for (const auto& problem : result.problems)
    say(problem);
  // That the job was ended by a limit is no remark to be silenced.
  const bool is_error = !result.started || result.ending.exit_source == "jobward";
  if (is_error || !options.quiet) say(end_line(result));
  if (result.die_of) die_of(*result.die_of);
  return result.ending.exit_code.value_or(exit_code::kLauncherFailed);
}

}  // namespace

int run_command(const Arguments& arguments) {
  RunOptions options;
  CLI::App app("Runs a command under a hard memory limit, measures it, and remembers what it used.",
               "run");
  declare(app, options);
  const std::string result_file = result_file_of(arguments.options);
  if (const auto status = parse_options(app, arguments.options, exit_code::kLauncherFailed)) {
    if (*status != 0)
      write_result(never_started(arguments, "the options cannot be understood"), result_file);
    return *status;
  }
  if (!arguments.command || arguments.command->empty()) {
    write_result(never_started(arguments, "no command was given"), result_file);
    return usage_error("run", "no command: put it after \"--\", as in `jobward run -- make -j2`",
                       exit_code::kLauncherFailed);
  }
  const launcher::SignalGate gate;
  return report(carry_out(options, arguments, gate), options);
}

}  // namespace jobward::cli
