#include "agent/desk/hook_decision.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agent/hooks/model.h"
#include "agent/hooks/permission_rules.h"
#include "agent/hooks/weigh.h"
#include "agent/hooks/wrap.h"
#include "cli/child_program.h"
#include "cli/preflight.h"
#include "common/files.h"
#include "common/text.h"
#include "common/units.h"
#include "profiles/project.h"

namespace jobward::desk {
namespace {

using hooks::Decision;
using Kind = Decision::Kind;

// Of a prediction: from so much on a command is heavy, whatever its name is.
constexpr double kHeavySeconds = 60;
constexpr double kHeavyBytes = 1024.0 * 1024 * 1024;
// And below it light, once so many runs have shown it.
constexpr int kSure = 3;
constexpr double kLightSeconds = 5;
constexpr double kLightBytes = 256.0 * 1024 * 1024;

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat one {};
  struct stat other {};
  return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// The files in which Claude Code looks for its permission rules.
std::vector<std::string> rule_files(const std::string& project) {
  const auto config = cli::environment_variable("CLAUDE_CONFIG_DIR");
  const auto home = cli::environment_variable("HOME");
  std::vector<std::string> out{"/etc/claude-code/managed-settings.json",
                               project + "/.claude/settings.json",
                               project + "/.claude/settings.local.json"};
  if (config)
    out.push_back(*config + "/settings.json");
  else if (home)
    out.push_back(*home + "/.claude/settings.json");
  return out;
}

bool is_ruled_by_user(const hooks::Event& event, const std::string& project) {
  if (event.agent != hooks::Agent::claude_code) return false;
  std::vector<std::string> rules;
  for (const auto& file : rule_files(project))
    if (const auto text = read_file(file, 1U << 20U))
      for (auto& rule : hooks::shell_rules(*text))
        rules.push_back(std::move(rule));
  return hooks::is_ruled(rules, event.command);
}

Result<cli::Preflight> look_ahead(const hooks::Event& event, HookDesk& desk) {
  auto order = cli::make_order({"bash", "-c", event.command}, {}, std::nullopt);
  if (!order) return tl::unexpected(std::move(order).error());
  if (!desk.session->records.store) desk.session->records = cli::open_records(desk.session->clock);
  return cli::look_ahead(*order, {}, *desk.session);
}

// What past runs say of it; absent: nothing.
std::optional<bool> is_heavy_by_profile(const cli::Preflight& ahead) {
  const auto& estimate = ahead.preview.request.estimate;
  if (estimate.level == Level::everything || estimate.level == Level::none) return std::nullopt;
  const auto* wall = estimate.by.find(Resource::wall);
  const auto* memory = estimate.by.find(Resource::memory);
  const double seconds = wall != nullptr ? wall->p95 : 0;
  const double bytes = memory != nullptr ? memory->p95 : 0;
  if (seconds >= kHeavySeconds || bytes >= kHeavyBytes) return true;
  const bool near = estimate.level == Level::exact;
  if (near && estimate.runs >= kSure && wall != nullptr && memory != nullptr &&
      seconds < kLightSeconds && bytes < kLightBytes)
    return false;
  return std::nullopt;
}

Decision deny(std::string text) { return {Kind::deny, "", std::move(text)}; }

std::string wrapped_command(const hooks::Event& event) {
  return hooks::wrapped(event.command, typed_jobward(), claims_of(event));
}

// For a text in a reason: without the claims, which are no part of what is to be understood.
std::string advised_command(const hooks::Event& event, const std::string& options = {}) {
  return typed_jobward() + " run" + options + " -- bash -c " + hooks::quoted_word(event.command);
}

std::string heavy_words(const hooks::Weight& weight) {
  return "Jobward: this is heavy (" + weight.what + ": " + weight.part + ")";
}

Decision when_no_room(const hooks::Weight& weight, const hooks::Event& event,
                      const cli::Preflight& ahead) {
  const auto& decision = ahead.decision;
  if (decision.verdict == launcher::Verdict::refuse)
    return deny(heavy_words(weight) + " and can never run here: " + decision.reason +
                ". Make it need less (smaller batches, fewer workers), or run it elsewhere.");
  std::string text =
      heavy_words(weight) + " and there is no room for it now: " + decision.reason + ".";
  if (decision.starts_in)
    text += " There will be in " + format_duration(*decision.starts_in) + " at the latest.";
  return deny(text +
              " To let it wait its turn in the background: " + advised_command(event, " --detach"));
}

Decision wrap_or_advise(const hooks::Weight& weight, const hooks::Event& event) {
  if (!weight.changes_shell.empty())
    return deny(heavy_words(weight) + " and changes the shell (" + printable(weight.changes_shell) +
                "), which would be lost under Jobward. If only this command needs that, run it "
                "whole: " +
                advised_command(event, " --no-wait") +
                "  Else do that first, and the "
                "heavy part in a command of its own.");
  if (weight.in_background)
    return deny(heavy_words(weight) +
                " and goes on in the background (&), where Jobward would end "
                "it with the command. Without the & and in the background of Jobward: " +
                typed_jobward() +
                " run --detach -- COMMAND; `jobward wait` and `jobward logs` "
                "then ask for it.");
  auto command = wrapped_command(event);
  if (hooks::can_replace(event.agent)) return {Kind::wrap, std::move(command), ""};
  return deny(heavy_words(weight) +
              " and has to run under a memory limit. Run this instead: " + command);
}

// ---- Afterwards

std::optional<profiles::RunRecord> run_of_call(const hooks::Event& event, HookDesk& desk) {
  constexpr int kLooked = 50;
  auto& records = desk.session->records;
  records = cli::open_records(desk.session->clock);
  if (!records.store) return std::nullopt;
  profiles::HistoryQuery query;
  query.limit = kLooked;
  const auto runs = records.store->history(query);
  if (!runs) return std::nullopt;
  for (const auto& run : *runs) {
    const auto& claims = run.request.actor.claims;
    const auto call = claims.find("call");
    if (!event.call.empty() && call != claims.end() && call->second == event.call) return run;
    // An agent without ids of calls: the id that the run itself has printed.
    if (event.call.empty() && event.output.find("run " + run.request.id) != std::string::npos)
      return run;
  }
  return std::nullopt;
}

// Much more than was predicted: worth a word.
std::string far_off(const profiles::RunRecord& run) {
  const auto& estimate = run.request.estimate;
  if (estimate.level == Level::everything || estimate.runs < kSure) return {};
  constexpr double kFar = 1.5;
  const auto need = run.ending->usage.get(Metric::memory_need);
  const auto* memory = estimate.by.find(Resource::memory);
  if (need && memory != nullptr && *need > memory->p99 * kFar)
    return "it needed " + format_bytes(*need) + " of memory, and at most " +
           format_bytes(memory->p99) + " were predicted";
  const auto took = run.ending->usage.get(Metric::wall);
  const auto* wall = estimate.by.find(Resource::wall);
  if (took && wall != nullptr && *took > kLightSeconds && *took > wall->p99 * kFar)
    return "it took " + format_duration(*took) + ", and at most " + format_duration(wall->p99) +
           " were predicted";
  return {};
}

Decision note(std::string text) { return {Kind::note, "", std::move(text)}; }

Decision tell_of_run(const profiles::RunRecord& run) {
  if (!run.ending) return {};
  const auto& ending = *run.ending;
  const std::string who = "Jobward: run " + run.request.id;
  if (ending.outcome == Outcome::ok || ending.outcome == Outcome::failed) {
    const auto off = far_off(run);
    return off.empty() ? Decision() : note(who + ": " + printable(off) + ".");
  }
  return note(who + " ended as " + std::string(to_string(ending.outcome)) + ": " +
              printable(ending.cause) + ". `jobward why " + run.request.id + "` tells more.");
}

}  // namespace

std::string typed_jobward() {
  const auto own = cli::own_executable();
  if (!own) return "jobward";
  const std::string path_list = cli::environment_variable("PATH").value_or("");
  for (const auto directory : split(path_list, ':')) {
    const std::string path = std::string(directory) + "/jobward";
    if (directory.empty() || ::access(path.c_str(), X_OK) != 0) continue;
    if (is_same_file(path, *own)) return "jobward";
    break;
  }
  const bool plain = own->find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789/._-+") == std::string::npos;
  return plain ? *own : hooks::quoted_word(*own);
}

Result<HookDesk> open_hook_desk(const hooks::Event& event) {
  if (!event.cwd.empty() && ::chdir(event.cwd.c_str()) != 0)
    return errno_error("work in", printable(event.cwd));
  auto session = cli::open_session();
  if (!session) return tl::unexpected(std::move(session).error());
  auto state = cli::ready_state_directory();
  if (!state) return tl::unexpected(std::move(state).error());
  const auto cwd = cli::working_directory();
  auto root = cwd ? profiles::find_project(*cwd, (*session)->files).root : std::string("/");
  return HookDesk{std::move(*session), HookState(state->path), std::move(root)};
}

std::map<std::string, std::string> claims_of(const hooks::Event& event) {
  std::map<std::string, std::string> out{{"agent", std::string(to_string(event.agent))}};
  const auto served = hooks::served_model(event);
  const auto put = [&](const char* name, const std::string& value) {
    if (!value.empty()) out[name] = value;
  };
  put("conversation", event.conversation);
  put("call", event.call);
  put("subagent", event.subagent);
  put("role", event.role);
  put("model", served.model.empty() ? event.model : served.model);
  put("transcript", event.transcript);
  return out;
}

Result<Decision> decide_before(const hooks::Event& event, HookDesk& desk) {
  // No shell can be given a NUL.
  if (event.command.find('\0') != std::string::npos) return Decision();
  const auto& settings = desk.session->config.hooks;
  auto weight = hooks::weigh(event.command, event.cwd, settings.patterns, desk.session->files);
  if (!weight.goes_round.empty())
    return deny("Jobward: not allowed from an agent: " + weight.goes_round +
                ". Ask for a review (`jobward review request`), or let a person do it.");
  if (weight.wrapped) return Decision();
  const auto key = HookState::key_of(event.command, desk.project);
  if (!weight.heavy && desk.state.is_slow(key)) {
    weight.heavy = true;
    weight.what = "it took long the last time";
    weight.part = printable(event.command.substr(0, 60));
  }
  const auto ahead = look_ahead(event, desk);
  if (ahead && !weight.heavy && is_heavy_by_profile(*ahead) == true) {
    weight.heavy = true;
    weight.what = "past runs of it were";
    weight.part = printable(event.command.substr(0, 60));
  } else if (ahead && weight.heavy && is_heavy_by_profile(*ahead) == false &&
             !weight.by_configuration) {
    weight.heavy = false;
  }
  if (!weight.heavy) {
    if (!event.in_background && weight.changes_shell.empty())
      desk.state.begin(event.call, desk.session->clock.wall_ms());
    return Decision();
  }
  if (is_ruled_by_user(event, desk.project)) return Decision();
  if (!ahead) return tl::unexpected(ahead.error());
  if (ahead->decision.verdict != launcher::Verdict::fits)
    return when_no_room(weight, event, *ahead);
  return wrap_or_advise(weight, event);
}

Result<Decision> tell_after(const hooks::Event& event, HookDesk& desk) {
  const bool ours = event.command.find("jobward") != std::string::npos &&
                    event.command.find(" run ") != std::string::npos;
  if (ours) {
    const auto run = run_of_call(event, desk);
    return run ? tell_of_run(*run) : Decision();
  }
  const auto now = desk.session->clock.wall_ms();
  const auto begun = desk.state.take_begin(event.call);
  auto seconds = event.seconds;
  if (!seconds && begun) seconds = static_cast<double>(now - *begun) / 1000;
  if (!seconds || event.in_background) return Decision();
  JOBWARD_RETURN_IF_ERROR(desk.state.note(HookState::key_of(event.command, desk.project), *seconds,
                                          desk.session->config.hooks.slow_seconds, now));
  return Decision();
}

}  // namespace jobward::desk
