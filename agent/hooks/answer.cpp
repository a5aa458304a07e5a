#include "agent/hooks/answer.h"

namespace jobward::hooks {
namespace {

using Kind = Decision::Kind;

std::string text_of(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json with_command(const Event& event, const std::string& command) {
  Json input = event.input.is_object() ? event.input : Json::object();
  input["command"] = command;
  return input;
}

// Claude Code and Codex: the same fields, of which Codex takes no other.
Json specific(const Event& event, const char* name, Json value) {
  return {{"hookSpecificOutput", {{"hookEventName", event.name}, {name, std::move(value)}}}};
}

std::string claude_or_codex(const Event& event, const Decision& decision) {
  switch (decision.kind) {
    case Kind::pass:
      return {};
    case Kind::wrap:
      return text_of(specific(event, "updatedInput", with_command(event, decision.command)));
    case Kind::deny: {
      Json out = specific(event, "permissionDecision", "deny");
      out["hookSpecificOutput"]["permissionDecisionReason"] = decision.text;
      return text_of(out);
    }
    case Kind::note:
      return text_of(specific(event, "additionalContext", decision.text));
  }
  return {};
}

std::string gemini(const Event& event, const Decision& decision) {
  switch (decision.kind) {
    case Kind::pass:
      return {};
    case Kind::wrap:
      return text_of(
          {{"hookSpecificOutput", {{"tool_input", with_command(event, decision.command)}}}});
    case Kind::deny:
      return text_of({{"decision", "deny"}, {"reason", decision.text}});
    case Kind::note:
      return text_of({{"hookSpecificOutput", {{"additionalContext", decision.text}}}});
  }
  return {};
}

// Always an object: its command line takes anything else for a failure.
std::string cursor(const Event& event, const Decision& decision) {
  if (decision.kind == Kind::deny)
    return text_of({{"permission", "deny"},
                    {"user_message", decision.text},
                    {"agent_message", decision.text}});
  if (decision.kind == Kind::note && event.name == "postToolUse")
    return text_of({{"additional_context", decision.text}});
  return "{}\n";
}

}  // namespace

bool can_replace(Agent agent) { return agent == Agent::claude_code || agent == Agent::gemini; }

Answer answer_of(const Event& event, const Decision& decision) {
  switch (event.agent) {
    case Agent::claude_code:
    case Agent::codex:
      return {claude_or_codex(event, decision)};
    case Agent::gemini:
      return {gemini(event, decision)};
    case Agent::cursor:
      return {cursor(event, decision)};
  }
  return {};
}

}  // namespace jobward::hooks
