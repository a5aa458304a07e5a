// jobward run -- CMD: the job's streams and terminal are its own; what we have to say goes to
// stderr.
#include <unistd.h>

#include <cerrno>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/commands.h"
#include "cli/detach.h"
#include "cli/limit_flags.h"
#include "cli/on_end.h"
#include "cli/render_json.h"
#include "cli/render_plan.h"
#include "cli/render_text.h"
#include "cli/run_flags.h"
#include "cli/run_judgement.h"
#include "cli/session.h"
#include "cli/watchdog_records.h"
#include "common/exit_codes.h"
#include "common/fault.h"
#include "common/files.h"
#include "common/identity.h"
#include "common/text.h"
#include "launcher/endings.h"
#include "launcher/gatehouse.h"
#include "launcher/supervisor.h"
#include "profiles/secrets.h"

namespace jobward::cli {
namespace {

struct RunOptions {
  LimitFlags limits;
  std::string name;
  std::string result_file;
  std::vector<std::string> features;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  bool dry_run = false;
  bool best_effort = false;
  bool quiet = false;
  RunFlags flags;
};

void declare(CLI::App& app, RunOptions& options) {
  set_usage(app, "jobward run [OPTIONS] -- COMMAND [ARGUMENTS...]");
  declare(app, options.limits);
  declare(app, options.flags);
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
  app.add_flag("--dry-run", options.dry_run,
               "Start nothing; print what would be applied, where it comes from and who holds it");
  app.add_flag("-q,--quiet", options.quiet,
               "No lines about limits and the end of the run; errors still appear");
  app.footer(
      "Exit status: the command's own; 1 a HARD_FAIL of --verify; 75 no room now; 77 refused\n"
      "(policy, block, guard, --require, can never fit); 124 wall, CPU time or stall limit; 125\n"
      "jobward failed; 126 not executable; 127 not found; 128+n killed by signal n (137 at the\n"
      "memory limit). --result tells whose it is (exit_source). --dry-run: 0 it would start, 75,\n"
      "77, 125.\n"
      "Example: jobward run --mem 8G --time 2h -- python3 train.py --data big.csv");
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

launcher::RunResult refused_by_policy(const Arguments& arguments, const std::string& problem) {
  auto result =
      never_started(arguments, "the policy cannot be obeyed, so nothing is started: " + problem);
  result.ending.outcome = Outcome::refused;
  result.ending.exit_code = exit_code::kRefused;
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

// Told before anything starts: after a long job it would be too late.
std::string unusable_result(const std::string& file) {
  if (file.empty()) return {};
  const auto slash = file.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : file.substr(0, slash + 1);
  if (::access(directory.c_str(), W_OK) == 0) return {};
  return "--result " + file + ": cannot write in " + directory + ": " + std::strerror(errno) +
         "; nothing was started";
}

void write_result(const nlohmann::ordered_json& result, const std::string& file) {
  if (file.empty()) return;
  auto written = write_file_atomic(file, dump(result, true));
  if (!written)
    say("the result could not be written: " + written.error().message() +
        "; `jobward show --json` has it");
}

// A run that could begin now.
struct Prepared {
  std::unique_ptr<Session> session;
  launcher::RunOrder order;
  std::vector<std::string> remarks;
  std::vector<std::string> on_end;  // the command to run after its end
  Judged judged;
};

Result<std::vector<std::string>> end_command(const RunOptions& options,
                                             const launcher::LimitSettings& settings) {
  if (!options.flags.on_end) return settings.on_end;
  if (options.flags.on_end->empty()) return std::vector<std::string>{};
  auto words = split_words(*options.flags.on_end);
  if (!words) return rethrow(std::move(words).error(), "--on-end");
  return words;
}

// Else the result of a run that never starts.
tl::expected<Prepared, launcher::RunResult> prepare(const RunOptions& options,
                                                    const Arguments& arguments) {
  const auto stop = [&](const Error& reason) {
    return tl::unexpected(never_started(arguments, reason.message()));
  };
  auto flags = read_flags(options.limits);
  if (!flags) return stop(flags.error());
  if (options.flags.actor) ::setenv("JOBWARD_ACTOR", options.flags.actor->c_str(), 1);
  auto order = make_order(*arguments.command, options.features, options.flags.kind);
  if (!order) return stop(order.error());
  auto session = open_session();
  if (!session) return stop(session.error());
  if (const auto& problem = (*session)->policy_problem; !problem.empty())
    return tl::unexpected(refused_by_policy(arguments, problem));
  auto resolved = resolve_wishes(**session, std::move(*flags), options.limits.preset);
  if (!resolved) return stop(resolved.error());
  order->name = options.name;
  order->wishes = std::move(resolved->wishes);
  order->settings = std::move(resolved->settings);
  order->inputs = options.inputs;
  order->outputs = options.outputs;
  order->best_effort = options.best_effort;
  order->retry_oom = resolved->retry_oom;
  order->retry_time = resolved->retry_time;
  if (auto applied = apply(options.flags, (*session)->config.settings, *order); !applied)
    return stop(applied.error());
  auto on_end = end_command(options, (*session)->config.settings);
  if (!on_end) return stop(on_end.error());
  auto id = new_run_id();
  if (!id) return stop(id.error());
  order->id = std::move(*id);
  auto judged = judge(options.flags, resolved->no_wall_limit, options.dry_run, **session, *order);
  if (!judged) return stop(judged.error());
  if (options.dry_run)
    for (auto& remark : judged->contracts.remarks())
      resolved->remarks.push_back(std::move(remark));
  const auto attachment =
      order->detached ? host::Attachment::detached : host::Attachment::with_caller;
  if (!options.dry_run) (*session)->choice.backend->announce(order->id, attachment);
  JOBWARD_FAULT(place_announced);
  (*session)->records = open_records((*session)->clock);
  return Prepared{std::move(*session), std::move(*order), std::move(resolved->remarks),
                  std::move(*on_end), std::move(*judged)};
}

// A detached run: its streams and its parent, who waits until it is under way.
class Background {
 public:
  Background(Report& report, Prepared& prepared) : report_(report), id_(prepared.order.id) {
    auto files = LogFiles::open(log_directory(prepared.session->records, id_));
    if (!files) {
      problem_ = files.error().message();
      return;
    }
    files_ = std::move(*files);
    prepared.order.log_files = files_.descriptors();
    JOBWARD_FAULT(log_files_made);
  }

  void set(launcher::RunHooks& hooks) {
    // The caller may be gone: from then on our own words go to a file, too.
    hooks.queued = [this] {
      note(files_.keep_apart());
      report_.under_way(id_);
    };
    hooks.starting = [this] { note(files_.give_to_job()); };
    hooks.started = [this] {
      note(files_.keep_apart());
      report_.under_way(id_);
      JOBWARD_FAULT(reported);
    };
  }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  void note(const Status& done) {
    if (!done && problem_.empty()) problem_ = done.error().message();
  }

  Report& report_;
  std::string id_;
  LogFiles files_;
  std::string problem_;
};

// `report`: of a detached run; else null.
launcher::RunResult carry_out(const RunOptions& options, const Arguments& arguments,
                              const launcher::SignalGate& gate, Report* report) {
  auto prepared = prepare(options, arguments);
  if (!prepared) return std::move(prepared).error();
  launcher::RunHooks hooks;
  hooks.tell = [&](const std::string& line) {
    if (!options.quiet) say(line);
  };
  std::optional<Background> background;
  if (report != nullptr) {
    background.emplace(*report, *prepared);
    if (!background->problem().empty()) return never_started(arguments, background->problem());
    background->set(hooks);
  }
  for (const auto& remark : prepared->remarks)
    hooks.tell(remark);
  for (const auto& remark : prepared->judged.guard.remarks)
    hooks.tell(remark);
  bool waited = false;
  hooks.queued = [&, also = std::move(hooks.queued)] {
    waited = true;
    if (also) also();
  };
  hooks.last_word = [&] {
    return last_word(prepared->judged, *prepared->session, prepared->order, waited);
  };
  if (!prepared->judged.contracts.verified.empty())
    hooks.check_product = [&] {
      return verify_product(prepared->judged.contracts, prepared->order.id);
    };
  auto result = launcher::run_job(prepared->order, prepared->session->workshop(), gate, hooks);
  if (auto problem = accept_run(prepared->judged.guard, result); !problem.empty())
    result.problems.push_back(std::move(problem));
  if (!result.earlier)
    if (auto kept = take_findings_into_ledger(prepared->session->policy, result.request,
                                              result.ending.findings);
        !kept)
      result.problems.push_back("what was found is NOT on record: " + kept.error().message());
  JOBWARD_FAULT(on_end_wanted);
  if (auto problem =
          run_on_end(result.earlier ? std::vector<std::string>() : prepared->on_end, result);
      !problem.empty())
    result.problems.push_back(std::move(problem));
  // All that is durable is written. Closing the rest in good order costs a short run 0.1 ms and
  // gains nothing: the kernel closes it when we exit.
  static_cast<void>(prepared->session.release());
  return result;
}

int dry_run(const RunOptions& options, const Arguments& arguments) {
  const auto prepared = prepare(options, arguments);
  if (!prepared) {
    const auto& ending = prepared.error().ending;
    write_result(plan_json(ending.cause), options.result_file);
    return failure("run", ending.cause, ending.exit_code.value_or(exit_code::kLauncherFailed));
  }
  auto& session = *prepared->session;
  const auto shop = session.workshop();
  auto preview = launcher::preview(prepared->order, shop);
  if (shop.store == nullptr && !preview.obstacle &&
      launcher::has_binding_limit(prepared->order, preview.request.limits))
    preview.obstacle =
        "it cannot be recorded, and it has explicit limits: " + session.records.problem;
  const PlanView view{prepared->order,
                      preview,
                      session.choice,
                      session.config,
                      session.policy,
                      prepared->remarks,
                      launcher::outlook(prepared->order, shop, preview).decision};
  write_result(plan_json(view), options.result_file);
  std::fputs(plan_text(view).c_str(), stdout);
  return dry_run_status(view);
}

// `told`: the caller of a detached run has said already how it ended.
int finish(const launcher::RunResult& result, const RunOptions& options, bool told = false) {
  JOBWARD_FAULT(result_wanted);
  // First: whoever reads our stderr may have stopped reading.
  if (!options.result_file.empty()) write_result(to_json(result), options.result_file);
  for (const auto& problem : result.problems)
    say(problem);
  // What Jobward itself has found is in the closing line.
  for (const auto& finding : result.ending.findings) {
    const bool is_own = finding.source == "launcher" || finding.source == "watchdog";
    if (finding.passed || is_own || (options.quiet && !halts(finding))) continue;
    say(std::string(to_string(finding.effective)) + ": check " + printable(finding.check) + ": " +
        printable(finding.message));
  }
  // That the job was ended by a limit is no remark to be silenced.
  const bool is_error =
      !result.earlier && (!result.started || result.ending.exit_source == "jobward");
  if (!told && (is_error || !options.quiet)) say(end_line(result));
  if (result.recorded) take_in_watchdog_quickly(SystemClock());
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
      write_result(to_json(never_started(arguments, "the options cannot be understood")),
                   result_file);
    return *status;
  }
  if (!arguments.command || arguments.command->empty()) {
    write_result(to_json(never_started(arguments, "no command was given")), result_file);
    return usage_error("run", "no command: put it after \"--\", as in `jobward run -- make -j2`",
                       exit_code::kLauncherFailed);
  }
  if (const auto problem = unusable_result(result_file); !problem.empty())
    return failure("run", problem, exit_code::kLauncherFailed);
  if (options.dry_run) return dry_run(options, arguments);
  if (options.flags.detach)
    return in_background([&](Report& report) {
      const launcher::SignalGate gate;
      auto result = carry_out(options, arguments, gate, &report);
      result.die_of.reset();  // nobody waits for us
      // The caller still waits only for a run that never started.
      const bool told = report.pending();
      if (told && result.earlier && !result.earlier->ending)
        report.under_way(result.earlier->request.id);
      else if (told)
        report.failed(result.ending.exit_code.value_or(exit_code::kLauncherFailed),
                      end_line(result));
      return finish(result, options, told && !(result.earlier && !result.earlier->ending));
    });
  const launcher::SignalGate gate;
  return finish(carry_out(options, arguments, gate, nullptr), options);
}

}  // namespace jobward::cli
