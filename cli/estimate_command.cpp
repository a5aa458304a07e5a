// jobward estimate -- CMD: what it will need, what is free, and whether it fits; starts nothing.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/commands.h"
#include "cli/limit_flags.h"
#include "cli/preflight.h"
#include "cli/render_json.h"
#include "cli/render_text.h"
#include "cli/run_flags.h"
#include "cli/session.h"
#include "common/exit_codes.h"
#include "common/text.h"
#include "common/units.h"
#include "host/backends/spawn.h"

namespace jobward::cli {
namespace {

int status_of(launcher::Verdict verdict) {
  switch (verdict) {
    case launcher::Verdict::fits:
      return 0;
    case launcher::Verdict::wait:
      return exit_code::kNotAdmitted;
    case launcher::Verdict::refuse:
      return exit_code::kRefused;
  }
  return exit_code::kUsage;
}

void print_text(const launcher::RunOrder& order, const launcher::Preview& preview,
                const launcher::Scene& scene, const launcher::Decision& decision) {
  const auto* limit = preview.plan.limits.find(Resource::memory);
  const auto& kind = preview.request.kind;
  std::string text = "estimate for: " + shell_quoted(preview.request.argv);
  if (!kind.empty())
    text += std::string(order.job.argv.empty() ? "" : " as ") + "a run of kind " + printable(kind);
  text += "\n";
  if (!order.job.argv.empty() && !host::can_be_found(order.job.argv[0]))
    text += "note: " + printable(preview.request.argv[0]) +
            " is not found here: running it would fail\n";
  text += estimate_table(preview.request.estimate);
  text += "based on: " + printable(preview.request.estimate.reason) + "\n";
  if (limit != nullptr)
    text += "`jobward run` would set a memory limit of " + format_bytes(limit->value) + " (" +
            preview.plan.explanation + (preview.plan.guessed ? ": a guess)" : ")") + "\n";
  text += "free now: " + format_bytes(scene.free()) + " of " + format_bytes(scene.capacity);
  if (!scene.running.empty())
    text += " (" + std::to_string(scene.running.size()) + " running, " +
            format_bytes(scene.unused()) + " reserved and not used yet)";
  if (!scene.queue.empty()) text += "; " + std::to_string(scene.queue.size()) + " waiting";
  for (const auto& remark : preview.remarks)
    text += "\nnote: " + printable(remark);
  if (preview.obstacle) text += "\nnote: it would not start: " + printable(*preview.obstacle);
  text += std::string("\nverdict: ") + to_string(decision.verdict) + ": " +
          printable(decision.reason) + "\n";
  std::fputs(text.c_str(), stdout);
}

int tell(const launcher::RunOrder& order, const Preflight& preflight, bool json) {
  if (json)
    std::fputs(dump(to_json(preflight), true).c_str(), stdout);
  else
    print_text(order, preflight.preview, preflight.scene, preflight.decision);
  return status_of(preflight.decision.verdict);
}

}  // namespace

int estimate_command(const Arguments& arguments) {
  bool json = false;
  std::vector<std::string> features;
  std::optional<std::string> kind;
  CLI::App app(
      "Tells what a command will need, from its past runs, and whether it fits. Starts nothing.",
      "estimate");
  set_usage(app,
            "jobward estimate [OPTIONS] -- COMMAND [ARGUMENTS...]\n"
            "       jobward estimate --kind NAME [OPTIONS]");
  app.add_flag("--json", json, "One JSON object instead of text");
  app.add_option("--feature", features, "As for run (repeatable)")
      ->type_name("NAME=NUMBER")
      ->allow_extra_args(false);
  declare_kind(app, kind);
  LimitFlags limits;
  declare_sizing(app, limits);
  app.footer("Exit status: 0 it fits, 75 wait, 77 it can never fit, 2 usage.");
  if (const auto status = parse_options(app, arguments.options, exit_code::kUsage)) return *status;
  const bool has_command = arguments.command && !arguments.command->empty();
  if (!has_command && !kind)
    return usage_error("estimate",
                       "no command: put it after \"--\", as in `jobward estimate -- make -j2`",
                       exit_code::kUsage);
  auto order = make_order(arguments.command.value_or(std::vector<std::string>()), features, kind);
  if (!order) return usage_error("estimate", order.error().message(), exit_code::kUsage);
  auto flags = read_flags(limits);
  if (!flags) return usage_error("estimate", flags.error().message(), exit_code::kUsage);
  auto session = open_session();
  if (!session) return failure("estimate", session.error().message(), exit_code::kUsage);
  if (const auto& problem = (*session)->policy_problem; !problem.empty())
    return failure("estimate", problem, exit_code::kRefused);
  (*session)->records = open_records((*session)->clock);
  if (!(*session)->records.store) say("past runs cannot be read: " + (*session)->records.problem);
  const auto preflight = look_ahead(*order, std::move(*flags), **session);
  if (!preflight) return failure("estimate", preflight.error().message(), exit_code::kUsage);
  return tell(*order, *preflight, json);
}

}  // namespace jobward::cli
