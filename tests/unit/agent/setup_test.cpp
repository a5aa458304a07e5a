#include <catch2/catch.hpp>
#include <string>

#include "agent/setup/edit.h"
#include "agent/setup/places.h"

using namespace jobward;
using namespace jobward::setup;

namespace {

Wanted wanted(Agent agent, Scope scope = Scope::user) {
  return {agent, scope, "/opt/j w/jobward", "/home/u", "/home/u/p", true, [](const char*) {
            return std::optional<std::string>();
          }};
}
std::string with(const std::string& text, const Registration& registration, Agent agent) {
  const auto out = with_ours(text, registration, agent);
  INFO(text);
  REQUIRE(out);
  return *out;
}
std::string without(const std::string& text, const Registration& registration, Agent agent) {
  const auto out = without_ours(text, registration, agent);
  INFO(text);
  REQUIRE(out);
  return *out;
}
constexpr Agent kAgents[] = {Agent::claude_code, Agent::codex, Agent::gemini, Agent::cursor};

// A settings file with much in it that is not ours.
const std::string kForeign =
    "{\n    \"z\": 1.50,\n    \"hooks\": {\"PreToolUse\": [{\"matcher\": \"Edit\", \"hooks\": "
    "[{\"type\": \"command\", \"command\": \"lint\"}]}]},\n    \"mcpServers\": {\"other\": "
    "{\"command\": \"x\"}},\n    \"a\": null\n}\n";

}  // namespace

TEST_CASE("setup: Installed once is installed, once more changes not a byte") {
  for (const auto agent : kAgents)
    for (const auto& registration : registrations(wanted(agent))) {
      const auto once = with("", registration, agent);
      CHECK_FALSE(once.empty());
      CHECK(with(once, registration, agent) == once);
    }
}

TEST_CASE("setup: Taken out again, everything else is there as before") {
  for (const auto agent : kAgents)
    for (const auto& registration : registrations(wanted(agent))) {
      if (registration.kind != Registration::Kind::json) continue;
      const auto installed = with(kForeign, registration, agent);
      CHECK(installed != kForeign);
      const auto gone = without(installed, registration, agent);
      CHECK(gone == kForeign);
      CHECK(without(kForeign, registration, agent) == kForeign);
    }
}

TEST_CASE("setup: Not a byte of others changes, however the file is written") {
  const auto agent = Agent::claude_code;
  const auto registration = registrations(wanted(agent)).front();
  for (const std::string text :
       {"{\"a\":1.50,\"a\":2,\"hooks\":{\"PreToolUse\":[{\"x\":[]}]}}",
        "\xEF\xBB\xBF{\r\n\t\"a\": \"}]\\\"\",\r\n\t\"b\" : 1E2\r\n}\r\n",
        "{ \"a\": {\"hooks\": [7]} }",
        "{\n   \"n\": 10000000000000000000000,\n\n   \"e\": \"\\u00e9\"}"}) {
    const auto installed = with(text, registration, agent);
    INFO(installed);
    const auto read = Json::parse(installed, nullptr, false);
    REQUIRE(read.is_object());
    CHECK(read["hooks"]["PreToolUse"].back()["hooks"][0]["command"] ==
          "'/opt/j w/jobward' hook claude-code");
    CHECK(with(installed, registration, agent) == installed);
    CHECK(without(installed, registration, agent) == text);
  }
}

TEST_CASE("setup: New lines are indented as those around them") {
  const auto registration = registrations(wanted(Agent::cursor)).back();
  CHECK(with("{\n\t\"a\": 1\n}\n", registration, Agent::cursor) ==
        "{\n\t\"a\": 1,\n\t\"mcpServers\": {\n\t\t\"jobward\": {\n\t\t\t\"command\": \"/opt/j "
        "w/jobward\",\n\t\t\t\"args\": [\n\t\t\t\t\"mcp\"\n\t\t\t]\n\t\t}\n\t}\n}\n");
  CHECK(with("{\"a\":1}", registration, Agent::cursor) ==
        "{\"a\":1,\"mcpServers\":{\"jobward\":{\"command\":\"/opt/j "
        "w/jobward\",\"args\":[\"mcp\"]}}}");
}

TEST_CASE("setup: What a user has changed in our hook stays when it is installed again") {
  const auto agent = Agent::claude_code;
  const std::string mine =
      R"({"hooks": {"PreToolUse": [{"matcher": "Bash|Task", "hooks": [{"type": "command",)"
      R"( "command": "FOO=1 /old/jobward hook claude-code --fail-closed", "timeout": 5},)"
      R"( {"type": "command", "command": "lint"}]}]}})";
  const auto now = with(mine, registrations(wanted(agent)).front(), agent);
  const auto group = Json::parse(now)["hooks"]["PreToolUse"];
  REQUIRE(group.size() == 1);
  CHECK(group[0]["matcher"] == "Bash|Task");
  CHECK(group[0]["hooks"][0]["command"] ==
        "FOO=1 '/opt/j w/jobward' hook claude-code --fail-closed");
  CHECK(group[0]["hooks"][0]["timeout"] == 5);
  CHECK(group[0]["hooks"][1]["command"] == "lint");
}

TEST_CASE("setup: A hook that is to wake does not hold a turn up") {
  const auto agent = Agent::claude_code;
  const std::string mine =
      R"({"hooks": {"Stop": [{"hooks": [{"command": "jobward hook claude-code"}]}]}})";
  const auto now = Json::parse(with(mine, registrations(wanted(agent)).front(), agent));
  const auto& handler = now["hooks"]["Stop"][0]["hooks"][0];
  CHECK(handler["command"] == "'/opt/j w/jobward' hook claude-code --wake");
  CHECK(handler["asyncRewake"] == true);
  CHECK(handler["timeout"] == 24 * 3600);
}

TEST_CASE("setup: Odd entries stay, and hide nothing of ours") {
  const auto agent = Agent::claude_code;
  const auto registration = registrations(wanted(agent)).front();
  const std::string odd =
      R"({"hooks": {"PreToolUse": [7, null, "x", [], {"hooks": 3}, {"command": "jobward hook )"
      R"(claude-code", "hooks": [{"command": "jobward hook claude-code"}]}], "Other": 5}})";
  const auto installed = with(odd, registration, agent);
  CHECK(with(installed, registration, agent) == installed);
  const auto gone = Json::parse(without(installed, registration, agent));
  CHECK(gone["hooks"]["PreToolUse"] == Json::parse(R"([7, null, "x", [], {"hooks": 3}])"));
  CHECK(gone["hooks"]["Other"] == 5);
}

TEST_CASE("setup: Two hooks of ours for an event become one") {
  const auto agent = Agent::cursor;
  const std::string twice =
      R"({"hooks": {"postToolUse": [{"command": "jobward hook cursor", "timeout": 9}, {"command":)"
      R"( "x"}, {"command": "/b/jobward hook cursor"}]}})";
  const auto list =
      Json::parse(with(twice, registrations(wanted(agent)).front(), agent))["hooks"]["postToolUse"];
  REQUIRE(list.size() == 2);
  CHECK(list[0]["command"] == "'/opt/j w/jobward' hook cursor");
  CHECK(list[0]["timeout"] == 9);
  CHECK(list[1]["command"] == "x");
}

TEST_CASE("setup: A program that has moved takes the place of the old one") {
  const auto agent = Agent::claude_code;
  const auto old = with("", registrations(wanted(agent)).front(), agent);
  auto moved = wanted(agent);
  moved.jobward = "/usr/bin/jobward";
  const auto now = Json::parse(with(old, registrations(moved).front(), agent));
  CHECK(now["hooks"]["PreToolUse"].size() == 1);
  CHECK(now["hooks"]["PreToolUse"][0]["hooks"][0]["command"] ==
        "'/usr/bin/jobward' hook claude-code");
}

TEST_CASE("setup: What is not understood, or another's, is left alone") {
  const auto agent = Agent::gemini;
  const auto registration = registrations(wanted(agent)).front();
  for (const char* text :
       {"// c\n{}", "[]", "{\"hooks\":[]}", "{\"hooks\":{\"BeforeTool\":{}}}", "{\"mcpServers\":7}",
        "{\"mcpServers\":{\"jobward\":{\"command\":\"x\"}}}", "{\"hooks\":{},\"hooks\":{}}"})
    CHECK_FALSE(with_ours(text, registration, agent));
  const std::string deep = "{\"a\":" + std::string(200000, '[') + std::string(200000, ']') + "}";
  CHECK_FALSE(with_ours(deep, registration, agent));
}

TEST_CASE("setup: A hook of ours is known wherever the program lies, and another's is not") {
  CHECK(is_our_hook("'/a b/jobward' hook claude-code", Agent::claude_code));
  CHECK(is_our_hook("jobward hook claude-code --wake", Agent::claude_code));
  CHECK_FALSE(is_our_hook("jobward hook claude-code", Agent::codex));
  CHECK_FALSE(is_our_hook("notjobward hook codex", Agent::codex));
  CHECK_FALSE(is_our_hook("echo jobward hooks", Agent::codex));
}

TEST_CASE("setup: A command of ours keeps what is around it when the program moves") {
  const auto moved = [](const char* old, const char* now) {
    return moved_command(old, now, Agent::gemini);
  };
  CHECK(moved("jobward hook gemini", "'/b/jobward' hook gemini") == "'/b/jobward' hook gemini");
  CHECK(moved("[ -x '/a/jobward' ] || exit 0; exec '/a/jobward' hook gemini --x",
              "[ -x '/b/jobward' ] || exit 0; exec '/b/jobward' hook gemini") ==
        "[ -x '/b/jobward' ] || exit 0; exec '/b/jobward' hook gemini --x");
  CHECK(moved("jobward hook gemini", "/b/jobward hook gemini --wake") ==
        "/b/jobward hook gemini --wake");
  CHECK(moved("/a/jobward hook gemini", "'/o'\\''b/jobward' hook gemini") ==
        "'/o'\\''b/jobward' hook gemini");
  CHECK(moved("set -e\ncd x&&/a/j\\ w/jobward hook gemini", "'/b/jobward' hook gemini") ==
        "set -e\ncd x&&'/b/jobward' hook gemini");
  CHECK(moved("jobward hook gemini || true", "/b/jobward hook gemini --wake") ==
        "/b/jobward hook gemini --wake || true");
  CHECK(moved("jobward hook gemini", "'/my jobward dir/jobward' hook gemini") ==
        "'/my jobward dir/jobward' hook gemini");
}

TEST_CASE("setup: Codex's TOML keeps every byte around ours") {
  const auto registration = registrations(wanted(Agent::codex)).back();
  REQUIRE(registration.kind == Registration::Kind::codex_toml);
  const std::string text = "model = \"x\" # mine\n\n[tools]\nweb = true\n";
  const auto installed = with(text, registration, Agent::codex);
  CHECK(installed.starts_with(text));
  CHECK_THAT(installed, Catch::Contains("[mcp_servers.jobward]"));
  CHECK(without(installed, registration, Agent::codex) == text);
  CHECK(with(installed, registration, Agent::codex) == installed);
  CHECK_FALSE(with_ours("[mcp_servers.jobward]\ncommand = \"x\"\n", registration, Agent::codex));
  CHECK_FALSE(with_ours("mcp_servers = {other = {command = \"y\"}}\n", registration, Agent::codex));
  CHECK_FALSE(with_ours("no toml", registration, Agent::codex));
  CHECK_FALSE(with_ours("# jobward: end\n", registration, Agent::codex));
}

TEST_CASE("setup: The hook that wakes is left out where it would hold up each turn") {
  auto old = wanted(Agent::claude_code);
  old.can_wake = false;
  const auto without_it = registrations(old)[0];
  for (const auto& hook : without_it.hooks)
    CHECK(hook.event != "Stop");
  CHECK(registrations(wanted(Agent::claude_code))[0].hooks.back().event == "Stop");
  CHECK(is_at_least("2.1.332 (Claude Code)", "2.1.112"));
  CHECK(is_at_least("2.1.112", "2.1.112"));
  CHECK_FALSE(is_at_least("2.1.99", "2.1.112"));
  CHECK_FALSE(is_at_least("claude: not found", "2.1.112"));
  CHECK_FALSE(is_at_least("", "2.1.112"));
}

TEST_CASE("setup: Where the settings of each agent lie") {
  CHECK(registrations(wanted(Agent::claude_code))[0].path == "/home/u/.claude/settings.json");
  CHECK(registrations(wanted(Agent::claude_code))[1].path == "/home/u/.claude.json");
  CHECK(registrations(wanted(Agent::claude_code, Scope::project))[1].path == "/home/u/p/.mcp.json");
  CHECK(registrations(wanted(Agent::codex))[1].path == "/home/u/.codex/config.toml");
  auto moved = wanted(Agent::codex);
  moved.environment = [](const char* name) {
    return std::string(name) == "CODEX_HOME" ? std::optional<std::string>("/c") : std::nullopt;
  };
  CHECK(registrations(moved)[0].path == "/c/hooks.json");
}
