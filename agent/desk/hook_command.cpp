// jobward hook AGENT: reads one event from stdin, answers on stdout. Whatever goes wrong in here,
// the agent gets an answer that it understands.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "agent/desk/commands.h"
#include "agent/desk/hook_decision.h"
#include "agent/desk/hook_model.h"
#include "agent/desk/hook_wake.h"
#include "agent/hooks/answer.h"
#include "agent/hooks/wrap.h"
#include "cli/config_files.h"
#include "cli/session.h"
#include "common/exit_codes.h"
#include "common/fd.h"
#include "common/files.h"
#include "common/text.h"

namespace jobward::desk {
namespace {

// An exit status that no agent takes for an order: 2 blocks in all of them, and more in one.
constexpr int kNoOrder = 1;

struct Options {
  std::string agent;
  std::string min_tier;
  std::string on_behalf = "claude-code";
  bool fail_closed = false;
  bool wake = false;
};

// To the hooks' log, and to stderr, which agents show to people.
void log_problem(const std::string& text) {
  if (const auto state = cli::ready_state_directory())
    HookState(state->path).log(text, SystemClock().wall_ms());
}

// Claude Code runs the lines of this file before each command of the session.
Status tell_session_who_it_is(const hooks::Event& event) {
  const auto file = cli::environment_variable("CLAUDE_ENV_FILE");
  if (!file) return {};
  auto claims = claims_of(event);
  claims.erase("call");
  const Fd fd(::open(file->c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd) return errno_error("open", printable(*file));
  return write_all(fd.get(),
                   "export JOBWARD_ACTOR=" + hooks::quoted_word(hooks::claims_text(claims)) + "\n",
                   *file);
}

Result<hooks::Decision> decide(const hooks::Event& event) {
  using Moment = hooks::Event::Moment;
  if (event.moment == Moment::other) return hooks::Decision();
  if (event.moment == Moment::start) {
    JOBWARD_RETURN_IF_ERROR(tell_session_who_it_is(event));
    return hooks::Decision();
  }
  auto desk = open_hook_desk(event);
  if (!desk) return tl::unexpected(std::move(desk).error());
  return event.moment == Moment::before ? decide_before(event, *desk) : tell_after(event, *desk);
}

// Is a command denied where the hook cannot judge it?
bool denies_on_error(const Options& options) {
  if (options.fail_closed) return true;
  const auto config = cli::load_config(::geteuid(), cli::environment_variable, {});
  return config && config->hooks.deny_on_error;
}

hooks::Decision after_problem(const hooks::Event& event, const Error& problem,
                              const Options& options) {
  log_problem(std::string(to_string(event.agent)) + " " + event.name + ": " + problem.message());
  if (event.moment != hooks::Event::Moment::before || !denies_on_error(options))
    return hooks::Decision();
  return {hooks::Decision::Kind::deny, "",
          "Jobward: the hook failed, and is set to deny then: " + problem.message()};
}

int answer(hooks::Agent agent, const std::string& input, const Options& options) {
  auto event = hooks::read_event(agent, input);
  hooks::Decision decision;
  if (!event) {
    hooks::Event unknown;
    unknown.agent = agent;
    unknown.moment = hooks::Event::Moment::before;
    unknown.name = agent == hooks::Agent::gemini ? "BeforeTool" : "PreToolUse";
    decision = after_problem(unknown, event.error(), options);
    event = unknown;
  } else {
    auto decided = decide(*event);
    decision = decided ? std::move(*decided) : after_problem(*event, decided.error(), options);
  }
  const auto text = hooks::answer_of(*event, decision).out;
  std::fputs(text.c_str(), stdout);
  return 0;
}

int usage(const std::string& message) { return cli::usage_error("hook", message, kNoOrder); }

void declare(CLI::App& app, Options& options) {
  cli::set_usage(app,
                 "jobward hook claude-code|codex|gemini|cursor [--fail-closed]\n"
                 "       jobward hook claude-code --wake\n"
                 "       jobward hook model --min-tier TIER [--agent AGENT]");
  app.add_option("AGENT", options.agent, "Whose hook it is, or `model`")->required();
  app.add_flag("--fail-closed", options.fail_closed,
               "Where the hook itself fails, deny (else the command passes, and that is logged)");
  app.add_flag("--wake", options.wake,
               "Wait until a detached job of this session has ended, then wake the agent (2)");
  app.add_option("--min-tier", options.min_tier, "For model: the least that has to serve")
      ->type_name("TIER");
  app.add_option("--agent", options.on_behalf, "For model: whose hook it is (claude-code)")
      ->type_name("AGENT");
  app.footer("Reads the event as JSON from stdin. `jobward install AGENT` sets it up.");
}

// Whatever goes wrong with the model's hook, the step does not go on: 2 blocks in all agents.
int block(const std::string& reason) {
  std::fprintf(stderr, "Jobward: which model serves is not known: %s\n", reason.c_str());
  return exit_code::kUsage;
}

int run_model_hook(const Options& options) {
  const auto agent = hooks::agent_from(options.on_behalf);
  if (!agent) return block("there is no agent \"" + printable(options.on_behalf) + "\"");
  if (options.min_tier.empty()) return block("--min-tier is missing");
  const auto input = read_fd(STDIN_FILENO, "the hook's input", hooks::kLongestInput);
  if (!input) return block(input.error().message());
  return answer_about_model(*agent, *input, options.min_tier);
}

int run_hook(const Options& options) {
  const auto agent = hooks::agent_from(options.agent);
  if (!agent)
    return usage("there is no agent \"" + printable(options.agent) +
                 "\": claude-code, codex, gemini, cursor, or model");
  const auto input = read_fd(STDIN_FILENO, "the hook's input", hooks::kLongestInput);
  if (!input) {
    log_problem(input.error().message());
    return answer(*agent, "", options);
  }
  if (options.wake) return wait_to_wake(*agent, *input);
  return answer(*agent, *input, options);
}

}  // namespace

int hook_command(const cli::Arguments& arguments) {
  Options options;
  CLI::App app("Answers a coding agent's hook: wraps what is heavy, denies what does not fit.",
               "hook");
  declare(app, options);
  if (const auto status = cli::parse_options(app, arguments.options, kNoOrder)) return *status;
  if (arguments.command) return usage("no command is expected here");
  const bool model = options.agent == "model";
  try {
    return model ? run_model_hook(options) : run_hook(options);
  } catch (const std::exception& broken) {
    log_problem(std::string("internal error: ") + broken.what());
    if (model) return block(broken.what());
    return options.fail_closed ? exit_code::kUsage : 0;
  }
}

}  // namespace jobward::desk
