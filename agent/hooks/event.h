// What a coding agent tells its hooks, in one form for all of them. The formats: docs/agents.md.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace jobward::hooks {

using Json = nlohmann::ordered_json;

enum class Agent { claude_code, codex, gemini, cursor };
inline constexpr std::string_view kAgentNames[] = {"claude-code", "codex", "gemini", "cursor"};
constexpr std::string_view to_string(Agent agent) {
  return kAgentNames[static_cast<std::size_t>(agent)];
}
std::optional<Agent> agent_from(std::string_view name);

struct Event {
  enum class Moment {
    before,  // a shell command is about to run
    after,   // one has run, well or not
    start,   // of a session
    other    // none of our business
  };
  Agent agent = Agent::claude_code;
  Moment moment = Moment::other;
  std::string name;  // as the agent calls it
  std::string command;
  Json input;  // the tool's whole input, to be handed back with another command
  std::string cwd;
  std::string conversation;
  std::string call;            // of the tool, the same before and after; empty: the agent has none
  std::string subagent;        // its id; empty: the main one
  std::string role;            // the kind of subagent
  std::string model;           // as the agent says; empty: it does not
  std::string transcript;      // path; empty: none
  bool in_background = false;  // the agent does not wait for it
  bool asks_nobody = false;    // no person is asked between this and the command
  // After a command, where the agent tells.
  std::optional<double> seconds;
  std::string output;
};

// Input of a hook may be as long as a command and its output are; more is refused.
inline constexpr std::size_t kLongestInput = std::size_t{64} << 20U;

// Deeper JSON is refused: of events, transcripts and settings (common/json_depth.h).
inline constexpr std::size_t kDeepestJson = 100;

// An error: it is no JSON, or a field has the wrong type. A field that is not there is empty.
Result<Event> read_event(Agent agent, std::string_view text);

}  // namespace jobward::hooks
