#include "agent/desk/hook_decision.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "agent/hooks/model.h"
#include "agent/hooks/permission_rules.h"
#include "agent/hooks/shell_text.h"
#include "agent/hooks/weigh.h"
#include "agent/hooks/wrap.h"
#include "cli/child_program.h"
#include "cli/config_files.h"
#include "cli/preflight.h"
#include "common/files.h"
#include "common/text.h"
#include "common/units.h"
#include "estimator/estimator.h"
#include "launcher/understand.h"
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
// MAX_ARG_STRLEN, less what quoting and our own words take at most.
constexpr std::size_t kLongestWord = 100000;

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat one {};
  struct stat other {};
  return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// The files in which Claude Code looks for its permission rules.
std::vector<std::string> rule_files(const std::string& project) {
  const std::string managed = "/etc/claude-code/managed-settings";
  std::vector<std::string> out{managed + ".json"};
  std::error_code failure;
  for (std::filesystem::directory_iterator entry(managed + ".d", failure), end;
       !failure && entry != end; entry.increment(failure))
    out.push_back(entry->path());
  std::vector<std::string> roots{project};
  if (const auto root = cli::environment_variable("CLAUDE_PROJECT_DIR")) roots.push_back(*root);
  for (const auto& root : roots)
    for (const char* name : {"/.claude/settings.json", "/.claude/settings.local.json"})
      out.push_back(root + name);
  if (const auto config = cli::environment_variable("CLAUDE_CONFIG_DIR"))
    out.push_back(*config + "/settings.json");
  else if (const auto home = cli::environment_variable("HOME"))
    out.push_back(*home + "/.claude/settings.json");
  return out;
}

// Would wrapping keep a rule of the user's from being seen, or let one allow what it did not mean?
bool is_ruled_by_user(const hooks::Event& event, const std::string& project,
                      const std::string& wrapped) {
  if (event.agent != hooks::Agent::claude_code) return false;
  std::vector<std::string> rules;
  std::vector<std::string> allowed;
  const auto add = [](std::vector<std::string> more, std::vector<std::string>& to) {
    for (auto& rule : more)
      to.push_back(std::move(rule));
  };
  for (const auto& file : rule_files(project))
    if (const auto text = read_file(file, 1U << 20U)) {
      add(hooks::shell_rules(*text), rules);
      add(hooks::allowed_rules(*text), allowed);
    }
  if (hooks::is_ruled(rules, event.command)) return true;
  return hooks::is_ruled(allowed, wrapped) && !hooks::is_ruled(allowed, event.command);
}

// It knows no sizes: a light command must not cost a walk through the directories it names.
class NoInputs final : public profiles::FileProbe {
 public:
  [[nodiscard]] std::optional<profiles::FileFacts> look(const std::string&) const override {
    return std::nullopt;
  }
  [[nodiscard]] std::optional<std::string> head(const std::string&) const override {
    return std::nullopt;
  }
};

// What past runs of this very command, or of it with other numbers, say; absent: nothing.
std::optional<bool> is_heavy_by_profile(const hooks::Event& event, const HookDesk& desk) {
  const Job job{{"bash", "-c", event.command}, event.cwd};
  const auto understood = launcher::understand(job, "", desk.files, NoInputs());
  const auto records = cli::open_records(desk.clock);
  if (!records.store) return std::nullopt;
  auto states = records.store->learned(understood.fingerprint);
  if (!states || states->size() < 2) return std::nullopt;
  states->resize(2);
  const auto estimate = estimator::predict(*states, understood.features);
  const auto* wall = estimate.by.find(Resource::wall);
  const auto* memory = estimate.by.find(Resource::memory);
  if (estimate.runs == 0 || wall == nullptr || memory == nullptr) return std::nullopt;
  if (wall->p95 >= kHeavySeconds || memory->p95 >= kHeavyBytes) return true;
  if (estimate.level == Level::exact && estimate.runs >= kSure && wall->p95 < kLightSeconds &&
      memory->p95 < kLightBytes)
    return false;
  return std::nullopt;
}

Result<cli::Preflight> look_ahead(const hooks::Event& event) {
  auto session = cli::open_session();
  if (!session) return tl::unexpected(std::move(session).error());
  (*session)->records = cli::open_records((*session)->clock);
  auto order = cli::make_order({"bash", "-c", event.command}, {}, std::nullopt);
  if (!order) return tl::unexpected(std::move(order).error());
  return cli::look_ahead(*order, {}, **session);
}

Decision deny(std::string text) { return {Kind::deny, "", std::move(text)}; }

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

// What cannot be wrapped as it is; absent: it can.
std::optional<Decision> advise_otherwise(const hooks::Weight& weight, const hooks::Event& event) {
  if (event.command.size() > kLongestWord)
    return deny(heavy_words(weight) + " and has " + std::to_string(event.command.size()) +
                " bytes, more than the kernel takes in one word of a command line. Write it to a "
                "file and run that under Jobward: " +
                typed_jobward() + " run --no-wait -- bash FILE");
  if (weight.in_background)
    return deny(heavy_words(weight) +
                " and goes on in the background (&), where Jobward would end it with the command. "
                "Without the & and in the background of Jobward: " +
                typed_jobward() +
                " run --detach -- COMMAND; `jobward wait` and `jobward logs` "
                "then ask for it.");
  if (!weight.changes_shell.empty())
    return deny(heavy_words(weight) + " and changes the shell (" + printable(weight.changes_shell) +
                "), which would be lost under Jobward. If only this command needs that, run it "
                "whole: " +
                advised_command(event, " --no-wait") +
                "  Else do that first, and the heavy part in a command of its own.");
  return std::nullopt;
}

// A tier of model that a run in it requires is judged here, where it is known who asks: the run
// itself knows the session's transcript, not a subagent's.
std::optional<Decision> judge_models(const hooks::Weight& weight, const hooks::Event& event,
                                     const HookDesk& desk) {
  for (const auto& tier : weight.required_models) {
    const auto verdict = hooks::judge_model(hooks::served_model(event), tier, desk.settings.tiers);
    if (!verdict.passed) return deny("Jobward: " + verdict.reason);
  }
  return std::nullopt;
}

// Experience, over what its name tells: it took long the last time, or past runs of it were.
void learn_weight(const hooks::Event& event, const HookDesk& desk, hooks::Weight& weight) {
  constexpr std::size_t kShown = 60;
  if (weight.by_configuration) return;
  const bool slow =
      !weight.heavy && desk.state.is_slow(HookState::key_of(event.command, desk.project));
  const auto profile = slow ? std::nullopt : is_heavy_by_profile(event, desk);
  if (profile == false) weight.heavy = false;
  if (weight.heavy || (!slow && profile != true)) return;
  weight.heavy = true;
  weight.what = slow ? "it took long the last time" : "past runs of it were";
  weight.part = printable(event.command.substr(0, kShown));
}

// ---- Afterwards

std::optional<profiles::RunRecord> run_of_call(const hooks::Event& event, const HookDesk& desk) {
  constexpr int kLooked = 50;
  const auto records = cli::open_records(desk.clock);
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
  auto state = cli::ready_state_directory();
  if (!state) return tl::unexpected(std::move(state).error());
  HookDesk desk{{}, {}, {}, HookState(state->path), {}};
  const auto cwd = cli::working_directory();
  if (cwd) desk.project = profiles::find_project(real_path(*cwd), desk.files).root;
  auto config = cli::load_config(::geteuid(), cli::environment_variable, desk.project);
  if (!config) {
    // What a project's file says wrong must not switch the hook off.
    desk.state.log(config.error().message(), desk.clock.wall_ms());
    config = cli::load_config(::geteuid(), cli::environment_variable, {});
  }
  if (!config) return tl::unexpected(std::move(config).error());
  // Not to stderr: an agent may show that with every command.
  for (const auto& warning : config->warnings)
    desk.state.log(warning, desk.clock.wall_ms());
  desk.settings = std::move(config->hooks);
  return desk;
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
  auto weight = hooks::weigh(event.command, event.cwd, desk.settings.patterns, desk.files);
  if (!weight.goes_round.empty())
    return deny("Jobward: not allowed from an agent: " + weight.goes_round +
                ". Ask for a review (`jobward review request`), or let a person do it.");
  if (const auto denial = judge_models(weight, event, desk)) return *denial;
  if (weight.wrapped) return Decision();
  learn_weight(event, desk, weight);
  if (!weight.heavy) {
    // Where a person is asked first, that would count as the command's time.
    if (!event.in_background && event.asks_nobody)
      desk.state.begin(event.call, desk.clock.wall_ms());
    return Decision();
  }
  if (const auto advice = advise_otherwise(weight, event)) return *advice;
  auto command = hooks::wrapped(event.command, typed_jobward(), claims_of(event));
  if (is_ruled_by_user(event, desk.project, command)) return Decision();
  // Where nobody can tell (a policy that cannot be obeyed), `jobward run` says so itself.
  const auto ahead = look_ahead(event);
  if (ahead && ahead->decision.verdict != launcher::Verdict::fits)
    return when_no_room(weight, event, *ahead);
  if (hooks::can_replace(event.agent)) return Decision{Kind::wrap, std::move(command), ""};
  return deny(heavy_words(weight) +
              " and has to run under a memory limit. Run this instead: " + command);
}

// What a wrapped command was before: the text behind `-- bash -c`.
std::optional<std::string> original_of(const std::string& command) {
  const auto text = hooks::read_shell(command);
  if (text.commands.size() != 1) return std::nullopt;
  const auto& words = text.commands.front().words;
  const auto dashes = std::find(words.begin(), words.end(), "--");
  if (words.end() - dashes != 4 || dashes[1] != "bash" || dashes[2] != "-c") return std::nullopt;
  return dashes[3];
}

// So that one that has become quick is not heavy for ever.
Status note_run(const hooks::Event& event, const HookDesk& desk, const profiles::RunRecord& run) {
  const auto original = original_of(event.command);
  const auto wall = run.ending ? run.ending->usage.get(Metric::wall) : std::nullopt;
  if (!original || !wall) return {};
  return desk.state.note(HookState::key_of(*original, desk.project), *wall,
                         desk.settings.slow_seconds, desk.clock.wall_ms());
}

Result<Decision> tell_after(const hooks::Event& event, HookDesk& desk) {
  const bool ours = event.command.find("jobward") != std::string::npos &&
                    event.command.find(" run ") != std::string::npos;
  if (ours) {
    const auto run = run_of_call(event, desk);
    if (!run) return Decision();
    JOBWARD_RETURN_IF_ERROR(note_run(event, desk, *run));
    return tell_of_run(*run);
  }
  const auto now = desk.clock.wall_ms();
  const auto begun = desk.state.take_begin(event.call);
  auto seconds = event.seconds;
  if (!seconds && begun) seconds = static_cast<double>(now - *begun) / 1000;
  if (!seconds || event.in_background) return Decision();
  JOBWARD_RETURN_IF_ERROR(desk.state.note(HookState::key_of(event.command, desk.project), *seconds,
                                          desk.settings.slow_seconds, now));
  return Decision();
}

}  // namespace jobward::desk
