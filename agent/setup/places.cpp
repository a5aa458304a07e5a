#include "agent/setup/places.h"

#include <array>
#include <cstdlib>

#include "agent/hooks/wrap.h"

namespace jobward::setup {
namespace {

constexpr int kHookSeconds = 30;
constexpr int kWakeSeconds = 24 * 3600;
constexpr int kCallSeconds = 120;  // run_job and wait_job wait 45 s unless asked for more

std::string hook_command(const Wanted& wanted, const std::string& options = {}) {
  return hooks::quoted_word(wanted.jobward) + " hook " +
         std::string(hooks::to_string(wanted.agent)) + options;
}

Json server(const Wanted& wanted) {
  return {{"command", wanted.jobward}, {"args", Json::array({"mcp"})}};
}

// An agent's directory: named by a variable, else below the home, or in the project.
std::string directory(const Wanted& wanted, const char* variable, const std::string& name) {
  if (wanted.scope == Scope::project) return wanted.project + "/" + name;
  if (variable != nullptr)
    if (const auto named = wanted.environment(variable)) return *named;
  return wanted.home + "/" + name;
}

// ---- Claude Code

Json claude_group(const std::string& command, const char* matcher) {
  Json group = Json::object();
  if (matcher != nullptr) group["matcher"] = matcher;
  group["hooks"] =
      Json::array({Json{{"type", "command"}, {"command", command}, {"timeout", kHookSeconds}}});
  return group;
}

std::vector<Registration> claude_code(const Wanted& wanted) {
  const auto command = hook_command(wanted);
  Registration settings;
  settings.path = directory(wanted, "CLAUDE_CONFIG_DIR", ".claude") + "/settings.json";
  settings.what = "hooks";
  for (const char* event : {"PreToolUse", "PostToolUse", "PostToolUseFailure"})
    settings.hooks.push_back({event, claude_group(command, "Bash")});
  settings.hooks.push_back({"SessionStart", claude_group(command, nullptr)});
  if (wanted.can_wake) {
    Json wake = claude_group(hook_command(wanted, " --wake"), nullptr);
    wake["hooks"][0]["timeout"] = kWakeSeconds;
    wake["hooks"][0]["asyncRewake"] = true;
    settings.hooks.push_back({"Stop", std::move(wake)});
  }
  Registration mcp;
  mcp.what = "MCP server";
  mcp.server = server(wanted);
  const auto config = wanted.environment("CLAUDE_CONFIG_DIR");
  mcp.path = wanted.scope == Scope::project ? wanted.project + "/.mcp.json"
             : config                       ? *config + "/.claude.json"
                                            : wanted.home + "/.claude.json";
  return {std::move(settings), std::move(mcp)};
}

// ---- Codex

std::vector<Registration> codex(const Wanted& wanted) {
  const auto where = directory(wanted, "CODEX_HOME", ".codex");
  Registration settings;
  settings.path = where + "/hooks.json";
  settings.what = "hooks";
  for (const char* event : {"PreToolUse", "PostToolUse"})
    settings.hooks.push_back({event, claude_group(hook_command(wanted), "^Bash$")});
  Registration mcp;
  mcp.path = where + "/config.toml";
  mcp.kind = Registration::Kind::codex_toml;
  mcp.what = "MCP server";
  mcp.server = server(wanted);
  (*mcp.server)["tool_timeout_sec"] = kCallSeconds;
  return {std::move(settings), std::move(mcp)};
}

// ---- Gemini CLI

std::vector<Registration> gemini(const Wanted& wanted) {
  Registration settings;
  settings.path = directory(wanted, nullptr, ".gemini") + "/settings.json";
  if (const auto named = wanted.environment("GEMINI_CLI_HOME");
      named && wanted.scope == Scope::user)
    settings.path = *named + "/.gemini/settings.json";
  settings.what = "hooks and MCP server";
  // Any exit status but 0 and 1 denies there: a program that is gone must not stop all commands.
  const auto program = hooks::quoted_word(wanted.jobward);
  const std::string command = "[ -x " + program + " ] || exit 0; exec " + hook_command(wanted);
  for (const char* event : {"BeforeTool", "AfterTool"}) {
    Json group{{"matcher", "^run_shell_command$"}};
    group["hooks"] = Json::array({Json{{"name", "jobward"},
                                       {"type", "command"},
                                       {"command", command},
                                       {"timeout", kHookSeconds * 1000}}});
    settings.hooks.push_back({event, std::move(group)});
  }
  settings.server = server(wanted);
  return {std::move(settings)};
}

// ---- Cursor

std::vector<Registration> cursor(const Wanted& wanted) {
  const auto where = directory(wanted, nullptr, ".cursor");
  const auto command = hook_command(wanted);
  Registration settings;
  settings.path = where + "/hooks.json";
  settings.base = {{"version", 1}};
  settings.what = "hooks";
  settings.hooks.push_back(
      {"beforeShellExecution", Json{{"command", command}, {"timeout", kHookSeconds}}});
  settings.hooks.push_back(
      {"postToolUse",
       Json{{"command", command}, {"matcher", "^Shell$"}, {"timeout", kHookSeconds}}});
  Registration mcp;
  mcp.path = where + "/mcp.json";
  mcp.what = "MCP server";
  mcp.server = server(wanted);
  return {std::move(settings), std::move(mcp)};
}

// ---- Commands of ours in those files

// A word of a shell command; `text`: without its quotes.
struct Word {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string text;
};

// What a shell takes for words, expansions left as they are.
std::vector<Word> words_of(std::string_view command) {
  std::vector<Word> out;
  bool open = false;
  char quote = '\0';
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (quote == '\0' && std::string_view(" \t\n;&|()<>").find(c) != std::string_view::npos) {
      open = false;
      continue;
    }
    if (!open) out.push_back({i, i, ""});
    open = true;
    auto& word = out.back();
    const bool escapes = c == '\\' && quote != '\'' && i + 1 < command.size();
    if (escapes)
      word.text += command[++i];
    else if (c == quote)
      quote = '\0';
    else if (quote == '\0' && (c == '\'' || c == '"'))
      quote = c;
    else
      word.text += c;
    word.end = i + 1;
  }
  return out;
}

// Which word is our program; `hook` and the agent follow it. Absent: it is no hook of ours.
std::optional<std::size_t> program_in(const std::vector<Word>& words, Agent agent) {
  for (std::size_t i = 0; i + 2 < words.size(); ++i)
    if ((words[i].text == "jobward" || words[i].text.ends_with("/jobward")) &&
        words[i + 1].text == "hook" && words[i + 2].text == hooks::to_string(agent))
      return i;
  return std::nullopt;
}

}  // namespace

std::vector<Registration> registrations(const Wanted& wanted) {
  switch (wanted.agent) {
    case Agent::claude_code:
      return claude_code(wanted);
    case Agent::codex:
      return codex(wanted);
    case Agent::gemini:
      return gemini(wanted);
    case Agent::cursor:
      return cursor(wanted);
  }
  return {};
}

std::vector<std::string> further_steps(const Wanted& wanted) {
  std::vector<std::string> out;
  switch (wanted.agent) {
    case Agent::claude_code:
      out = {"restart Claude Code; `/hooks` and `/mcp` show both",
             "do not allow `Bash(jobward run:*)` as a whole: that would allow every command"};
      if (!wanted.can_wake)
        out.push_back(std::string("the hook that wakes an idle session was left out: `claude "
                                  "--version` does not say ") +
                      kWakingVersion + " or newer; install again then");
      return out;
    case Agent::codex:
      return {"in Codex, open /hooks and trust the two hooks: until then they do not run"};
    case Agent::gemini:
      return {"restart Gemini CLI"};
    case Agent::cursor:
      return {"restart Cursor, and enable the server under Settings, MCP"};
  }
  return out;
}

bool is_at_least(const std::string& version, const std::string& least) {
  const auto numbers = [](const std::string& text) {
    std::array<long, 3> out{-1, -1, -1};
    const char* at = text.c_str();
    for (auto& number : out) {
      char* end = nullptr;
      number = std::strtol(at, &end, 10);
      if (end == at) return std::array<long, 3>{-1, -1, -1};
      at = *end == '.' ? end + 1 : end;
    }
    return out;
  };
  return numbers(version) >= numbers(least);
}

bool is_our_hook(const std::string& command, Agent agent) {
  return program_in(words_of(command), agent).has_value();
}

std::string moved_command(const std::string& command, const std::string& wanted, Agent agent) {
  const auto before = words_of(command);
  const auto after = words_of(wanted);
  const auto old = program_in(before, agent);
  const auto now = program_in(after, agent);
  if (!old || !now) return wanted;
  const auto& program = after[*now];
  std::string out = command;
  // Each time that it is named: Gemini's command looks first whether it is there.
  for (auto word = before.rbegin(); word != before.rend(); ++word)
    if (word->text == before[*old].text && word->text != program.text)
      out.replace(word->begin, word->end - word->begin, wanted, program.begin,
                  program.end - program.begin);
  const auto options = wanted.substr(after[*now + 2].end);
  if (out.find(options) == std::string::npos) out.insert(words_of(out)[*old + 2].end, options);
  return out;
}

}  // namespace jobward::setup
