#include <catch2/catch.hpp>
#include <string>

#include "agent/hooks/answer.h"
#include "agent/hooks/event.h"

using namespace jobward;
using namespace jobward::hooks;
using Moment = Event::Moment;

namespace {

Event event_of(Agent agent, const std::string& text) {
  const auto event = read_event(agent, text);
  INFO(text);
  REQUIRE(event);
  return *event;
}

Json answered(const Event& event, Decision decision) {
  return Json::parse(answer_of(event, decision).out);
}

const Decision kWrap{Decision::Kind::wrap, "wrapped", ""};
const Decision kDeny{Decision::Kind::deny, "", "because"};
const Decision kNote{Decision::Kind::note, "", "told"};

const std::string kClaude =
    R"({"session_id":"s1","transcript_path":"/t.jsonl","cwd":"/w","hook_event_name":"PreToolUse",
        "tool_name":"Bash","tool_use_id":"toolu_1","agent_id":"a7","agent_type":"reviewer",
        "tool_input":{"command":"make","description":"d","timeout":5000,"run_in_background":true}})";

}  // namespace

TEST_CASE("hook formats: Claude Code") {
  const auto event = event_of(Agent::claude_code, kClaude);
  CHECK(event.moment == Moment::before);
  CHECK(event.command == "make");
  CHECK(event.cwd == "/w");
  CHECK(event.conversation == "s1");
  CHECK(event.call == "toolu_1");
  CHECK(event.subagent == "a7");
  CHECK(event.role == "reviewer");
  CHECK(event.in_background);
  CHECK(answer_of(event, {}).out.empty());
  // The whole input comes back, and no decision: the permission flow goes on.
  CHECK(answered(event, kWrap) ==
        Json::parse(R"({"hookSpecificOutput":{"hookEventName":"PreToolUse","updatedInput":
            {"command":"wrapped","description":"d","timeout":5000,"run_in_background":true}}})"));
  CHECK(answered(event, kDeny) ==
        Json::parse(R"({"hookSpecificOutput":{"hookEventName":"PreToolUse",
            "permissionDecision":"deny","permissionDecisionReason":"because"}})"));
}

TEST_CASE("hook formats: Claude Code after a command, well or not") {
  for (const char* name : {"PostToolUse", "PostToolUseFailure"}) {
    auto json = Json::parse(kClaude);
    json["hook_event_name"] = name;
    json["duration_ms"] = 61000;
    const auto event = event_of(Agent::claude_code, json.dump());
    CHECK(event.moment == Moment::after);
    CHECK(event.seconds == 61);
    CHECK(answered(event, kNote)["hookSpecificOutput"] ==
          Json{{"hookEventName", name}, {"additionalContext", "told"}});
  }
}

TEST_CASE("hook formats: Codex takes no field that it does not know, and no change without allow") {
  const auto event = event_of(Agent::codex, kClaude);
  CHECK(event.moment == Moment::before);
  CHECK_FALSE(can_replace(Agent::codex));
  const auto out = answered(event, kDeny);
  CHECK(out.size() == 1);
  CHECK(out["hookSpecificOutput"].size() == 3);
}

TEST_CASE("hook formats: Gemini CLI") {
  const auto event =
      event_of(Agent::gemini,
               R"({"session_id":"s","cwd":"/w","hook_event_name":"BeforeTool","transcript_path":"",
          "tool_name":"run_shell_command","tool_input":{"command":"make","dir_path":"/other"}})");
  CHECK(event.moment == Moment::before);
  CHECK(event.cwd == "/other");
  CHECK(answered(event, kWrap) ==
        Json::parse(R"({"hookSpecificOutput":{"tool_input":{"command":"wrapped",
            "dir_path":"/other"}}})"));
  CHECK(answered(event, kDeny) == Json::parse(R"({"decision":"deny","reason":"because"})"));
}

TEST_CASE("hook formats: Cursor always gets an object, and never an allow with another command") {
  const auto event = event_of(Agent::cursor,
                              R"({"conversation_id":"c","hook_event_name":"beforeShellExecution",
                                  "model":"m","command":"make","cwd":"/w","duration":1})");
  CHECK(event.moment == Moment::before);
  CHECK(event.command == "make");
  CHECK(event.conversation == "c");
  CHECK(event.model == "m");
  CHECK_FALSE(can_replace(Agent::cursor));
  CHECK(answer_of(event, {}).out == "{}\n");
  CHECK(answered(event, kDeny)["permission"] == "deny");
  CHECK(answered(event, kDeny)["agent_message"] == "because");
}

TEST_CASE("hook formats: Other tools and other events are none of our business") {
  auto json = Json::parse(kClaude);
  json["tool_name"] = "Edit";
  CHECK(event_of(Agent::claude_code, json.dump()).moment == Moment::other);
  json["tool_name"] = "Bash";
  json["hook_event_name"] = "Notification";
  CHECK(event_of(Agent::claude_code, json.dump()).moment == Moment::other);
  // Cursor runs Claude Code's hooks as well as its own.
  json["hook_event_name"] = "PreToolUse";
  json["cursor_version"] = "3.1";
  CHECK(event_of(Agent::claude_code, json.dump()).moment == Moment::other);
}

TEST_CASE("hook formats: Bad input is an error that names what is wrong") {
  for (const char* text : {"", "[]", "null", "{", "\"x\"", "{\"tool_input\":1}",
                           "{\"tool_input\":{\"command\":[\"a\"]}}", "{\"cwd\":5}"})
    CHECK_FALSE(read_event(Agent::claude_code, text));
  CHECK_FALSE(read_event(Agent::codex, "{\"a\":" + std::string(100000, '[')));
  CHECK(read_event(Agent::cursor, "\xef\xbb\xbf{}"));
}
