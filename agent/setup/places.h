// Where each agent has its settings, and what Jobward puts there. Data, and pure functions of it.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agent/hooks/event.h"
#include "common/result.h"

namespace jobward::setup {

using hooks::Agent;
using hooks::Json;

enum class Scope { user, project };

// A hook, as it stands in a list of an event.
struct HookEntry {
  std::string event;
  Json entry;  // the whole element of the event's list
};

// One file, and what belongs into it.
struct Registration {
  enum class Kind {
    json,       // hooks, an MCP server, or both
    codex_toml  // an MCP server only
  };
  std::string path;
  Kind kind = Kind::json;
  Json base;                     // what a new file has besides (Cursor: its version)
  std::vector<HookEntry> hooks;  // below "hooks"
  std::optional<Json> server;    // below "mcpServers", as "jobward"
  std::string what;              // for people: "hooks", "MCP server"
};

struct Wanted {
  Agent agent = Agent::claude_code;
  Scope scope = Scope::user;
  std::string jobward;  // the program, an absolute path
  std::string home;
  std::string project;  // its root
  // Claude Code: may the hook that wakes an idle session be put there? Where it knows no
  // asyncRewake, it would hold each turn up until a job has ended.
  bool can_wake = false;
  std::function<std::optional<std::string>(const char*)> environment;
};

// What there is to be done for this agent. The same text for the same program, whatever its
// version: Codex trusts a hook by its text.
std::vector<Registration> registrations(const Wanted& wanted);

// What the user has to do besides, a line each.
std::vector<std::string> further_steps(const Wanted& wanted);

// The first version of Claude Code for which asyncRewake is known to work.
inline constexpr const char* kWakingVersion = "2.1.112";
// "2.1.332 (Claude Code)" is at least "2.1.112". Not where it is no version.
bool is_at_least(const std::string& version, const std::string& least);

// Is this command of a hook one of ours, wherever the program lay?
bool is_our_hook(const std::string& command, Agent agent);
// A hook of ours as it stands, with the program and the options of `wanted`; what a user has put
// before and behind it stays.
std::string moved_command(const std::string& command, const std::string& wanted, Agent agent);

inline constexpr const char* kServerName = "jobward";

}  // namespace jobward::setup
