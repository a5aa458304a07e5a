#include "agent/hooks/event.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "common/json_depth.h"
#include "common/text.h"

namespace jobward::hooks {
namespace {

using Moment = Event::Moment;

struct EventName {
  Agent agent;
  std::string_view name;
  Moment moment;
  std::string_view tool;  // only of this one; empty: the event is about shell commands only
};
constexpr auto kEvents = std::to_array<EventName>({
    {Agent::claude_code, "PreToolUse", Moment::before, "Bash"},
    {Agent::claude_code, "PostToolUse", Moment::after, "Bash"},
    {Agent::claude_code, "PostToolUseFailure", Moment::after, "Bash"},
    {Agent::claude_code, "SessionStart", Moment::start, ""},
    {Agent::codex, "PreToolUse", Moment::before, "Bash"},
    {Agent::codex, "PostToolUse", Moment::after, "Bash"},
    {Agent::gemini, "BeforeTool", Moment::before, "run_shell_command"},
    {Agent::gemini, "AfterTool", Moment::after, "run_shell_command"},
    {Agent::cursor, "preToolUse", Moment::before, "Shell"},
    {Agent::cursor, "postToolUse", Moment::after, "Shell"},
    {Agent::cursor, "postToolUseFailure", Moment::after, "Shell"},
    {Agent::cursor, "beforeShellExecution", Moment::before, ""},
    {Agent::cursor, "afterShellExecution", Moment::after, ""},
});

// Reads fields, and remembers the first that is of another type than it has to be.
class Fields {
 public:
  explicit Fields(const Json& object) : object_(object) {}

  std::string text(const char* name) {
    const auto found = object_.find(name);
    if (found == object_.end() || found->is_null()) return {};
    if (!found->is_string()) {
      note(name, "a text");
      return {};
    }
    return found->get<std::string>();
  }
  std::string text(const char* name, const char* other) {
    auto value = text(name);
    return value.empty() ? text(other) : value;
  }
  std::optional<double> milliseconds(const char* name, const char* other) {
    for (const char* one : {name, other}) {
      const auto found = object_.find(one);
      if (found != object_.end() && found->is_number()) return found->get<double>() / 1000;
    }
    return std::nullopt;
  }
  bool flag(const char* name, const char* other) {
    for (const char* one : {name, other}) {
      const auto found = object_.find(one);
      if (found != object_.end() && found->is_boolean()) return found->get<bool>();
    }
    return false;
  }
  void note(const char* name, const char* wanted) {
    if (problem_.empty()) problem_ = std::string(name) + " is not " + wanted;
  }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  const Json& object_;
  std::string problem_;
};

// What the command has said, in whichever form.
std::string output_of(const Json& object) {
  for (const char* name : {"tool_response", "tool_output", "output", "error", "error_message"}) {
    const auto found = object.find(name);
    if (found == object.end()) continue;
    if (found->is_string()) return found->get<std::string>();
    if (!found->is_object()) continue;
    std::string text;
    for (const char* part : {"stdout", "stderr", "output", "llmContent"}) {
      const auto value = found->find(part);
      if (value != found->end() && value->is_string()) text += value->get<std::string>() + "\n";
    }
    return text;
  }
  return {};
}

Moment moment_of(Agent agent, const std::string& name, const std::string& tool) {
  const auto found = std::find_if(kEvents.begin(), kEvents.end(), [&](const EventName& event) {
    return event.agent == agent && event.name == name && (event.tool.empty() || event.tool == tool);
  });
  return found == kEvents.end() ? Moment::other : found->moment;
}

}  // namespace

std::optional<Agent> agent_from(std::string_view name) {
  const auto found = std::find(std::begin(kAgentNames), std::end(kAgentNames), name);
  if (found == std::end(kAgentNames)) return std::nullopt;
  return static_cast<Agent>(std::distance(std::begin(kAgentNames), found));
}

Result<Event> read_event(Agent agent, std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (is_nested_deeper(text, kDeepestJson))
    return error("read", "the hook's input", "it is nested too deeply");
  const auto object = Json::parse(text, nullptr, false);
  if (!object.is_object()) return error("read", "the hook's input", "it is no JSON object");
  Fields fields(object);
  Event out;
  out.agent = agent;
  out.name = fields.text("hook_event_name");
  out.moment = moment_of(agent, out.name, fields.text("tool_name"));
  // Cursor runs Claude Code's hooks as well as its own: once is enough.
  if (agent == Agent::claude_code && object.contains("cursor_version")) out.moment = Moment::other;
  out.conversation = fields.text("session_id", "conversation_id");
  out.call = fields.text("tool_use_id", "tool_call_id");
  out.subagent = fields.text("agent_id");
  out.role = fields.text("agent_type");
  out.model = fields.text("model_id", "model");
  out.transcript = fields.text("transcript_path");
  out.cwd = fields.text("cwd");
  const auto mode = fields.text("permission_mode");
  out.asks_nobody = mode == "bypassPermissions" || mode == "dontAsk";
  out.seconds = fields.milliseconds("duration_ms", "duration");
  if (const auto input = object.find("tool_input"); input != object.end()) {
    if (input->is_object())
      out.input = *input;
    else
      fields.note("tool_input", "an object");
  }
  if (out.input.is_object()) {
    Fields inner(out.input);
    out.command = inner.text("command", "cmd");
    out.in_background = inner.flag("run_in_background", "is_background");
    const auto elsewhere = inner.text("dir_path", "working_directory");
    if (elsewhere.starts_with("/")) out.cwd = elsewhere;
    if (!inner.problem().empty())
      return error("read", "the hook's input", "tool_input." + inner.problem());
  } else {
    out.command = fields.text("command");
  }
  if (out.moment == Moment::after) out.output = output_of(object);
  if (!fields.problem().empty()) return error("read", "the hook's input", fields.problem());
  return out;
}

}  // namespace jobward::hooks
