#include "cli/run_flags.h"

#include <CLI/CLI.hpp>

#include "cli/arguments.h"
#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

constexpr std::size_t kLongestRequestId = 200;

Status apply_waiting(const RunFlags& flags, const launcher::AdmissionSettings& settings,
                     launcher::RunOrder& order) {
  order.wait = settings.wait;
  order.wait_seconds = settings.wait_seconds;
  if (flags.wait && flags.no_wait)
    return error("use", "--wait together with --no-wait", "they contradict each other");
  if (flags.no_wait) order.wait = false;
  if (!flags.wait) return {};
  order.wait = true;
  order.wait_seconds.reset();
  if (flags.wait->empty()) return {};
  auto seconds = parse_duration_seconds(*flags.wait);
  if (!seconds) return rethrow(std::move(seconds).error(), "--wait");
  order.wait_seconds = *seconds;
  return {};
}

Status apply_request(const RunFlags& flags, launcher::RunOrder& order) {
  if (!flags.request_id) {
    if (flags.restart_lost)
      return error("use", "--restart-lost", "it means something with --request-id only");
    return {};
  }
  if (flags.request_id->empty() || flags.request_id->size() > kLongestRequestId)
    return error("use", "--request-id \"" + *flags.request_id + "\"", "1 to 200 characters");
  order.request_id = *flags.request_id;
  order.restart_lost = flags.restart_lost;
  return {};
}

}  // namespace

void declare_kind(CLI::App& app, std::optional<std::string>& kind) {
  app.add_option_function<std::string>(
         "--kind", [&kind](const std::string& text) { kind = text; },
         "The command counts as a run of this kind, such as one that was imported")
      ->type_name("NAME");
}

void declare(CLI::App& parent, RunFlags& flags) {
  declare_kind(parent, flags.kind);
  parent
      .add_option_function<std::string>(
          "--actor", [&flags](const std::string& text) { flags.actor = text; },
          "Who asks for it: as JOBWARD_ACTOR, which the job then has, too")
      ->type_name("NAME=VALUE,...");
  CLI::App& app = add_group(parent, "Waiting, and going on in the background");
  app.add_option_function<std::string>(
         "--wait", [&flags](const std::string& text) { flags.wait = text == "-" ? "" : text; },
         "Wait for room, first come first served: as long as it takes (the default), or so long")
      ->expected(0, 1)
      ->default_str("-")
      ->type_name("[=DURATION]");
  app.add_flag("--no-wait", flags.no_wait, "Where there is no room now, start nothing: 75");
  app.add_flag("--detach", flags.detach,
               "Go on in the background: print the run's id and return once it is under way");
  app.add_option_function<std::string>(
         "--request-id", [&flags](const std::string& text) { flags.request_id = text; },
         "Start it at most once under this id: else attach to that run, or return its result")
      ->type_name("ID");
  app.add_flag("--restart-lost", flags.restart_lost,
               "With --request-id: start it again if its supervisor was lost");
  app.add_option("--on-supervisor-loss", flags.on_loss,
                 "What becomes of the job if jobward itself is killed: kill (the default) or keep")
      ->check(CLI::IsMember({"kill", "keep"}).description(""))
      ->type_name("kill|keep");
  app.add_option_function<std::string>(
         "--on-end", [&flags](const std::string& text) { flags.on_end = text; },
         "Run this after its end (words as a shell would split them, no shell)")
      ->type_name("CMD");
  CLI::App& checks = add_group(parent, "What has to be so before it starts, and after it");
  checks
      .add_option("--require", flags.require,
                  "Start only if this contract holds (repeatable): else 77; see `jobward verify`")
      ->type_name("CONTRACT")
      ->allow_extra_args(false);
  checks
      .add_option("--verify", flags.verify,
                  "Check this contract after it has ended well (repeatable); a HARD_FAIL is the "
                  "run's own failure: 1, verify_failed")
      ->type_name("CONTRACT")
      ->allow_extra_args(false);
  checks
      .add_option_function<std::string>(
          "--require-review", [&flags](const std::string& text) { flags.require_review = text; },
          "Start only if this review is approved, which is used up by it: else 77")
      ->type_name("DECISION");
  checks
      .add_option_function<std::string>(
          "--require-model", [&flags](const std::string& text) { flags.require_model = text; },
          "Start only if the model that serves the agent is of this tier ([models]) or a stronger "
          "one: else 77")
      ->type_name("TIER");
  checks
      .add_option("--require-stamp", flags.require_stamps,
                  "Start only if this stamp holds (repeatable): else 77; see `jobward stamp`")
      ->type_name("NAME")
      ->allow_extra_args(false);
  checks
      .add_option_function<std::string>(
          "--stamp-max-age", [&flags](const std::string& text) { flags.stamp_max_age = text; },
          "None of these stamps may be older")
      ->type_name("DURATION");
}

Status apply(const RunFlags& flags, const launcher::LimitSettings& settings,
             launcher::RunOrder& order) {
  JOBWARD_RETURN_IF_ERROR(apply_waiting(flags, settings.admission, order));
  JOBWARD_RETURN_IF_ERROR(apply_request(flags, order));
  order.detached = flags.detach;
  order.keep_on_loss = flags.on_loss == "keep";
  return {};
}

}  // namespace jobward::cli
