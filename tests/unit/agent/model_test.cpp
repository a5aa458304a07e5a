#include "agent/hooks/model.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "agent/hooks/permission_rules.h"
#include "agent/hooks/slow_list.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::hooks;

namespace {

std::string assistant(const std::string& model) {
  return R"({"type":"assistant","message":{"role":"assistant","model":")" + model +
         R"(","content":[]}})" + "\n";
}

ModelTiers tiers() {
  return {{"small", "strong"},
          {{"small", {"claude-haiku-*"}}, {"strong", {"claude-opus-*", "gemini-*-pro"}}}};
}

void put(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("model: The newest of a transcript, errors of the agent and half a line left out") {
  CHECK(model_in_transcript(Agent::claude_code, assistant("a") + assistant("b")) == "b");
  CHECK(model_in_transcript(Agent::claude_code, assistant("a") + assistant("<synthetic>")) == "a");
  CHECK(model_in_transcript(Agent::claude_code, assistant("a") + R"({"type":"assistant","mess)") ==
        "a");
  CHECK(model_in_transcript(Agent::claude_code, R"({"type":"user","message":{"model":"x"}})"
                                                "\n")
            .empty());
  CHECK(model_in_transcript(Agent::gemini, R"({"type":"gemini","model":"gemini-3-pro"})"
                                           "\n") == "gemini-3-pro");
}

TEST_CASE("model: A subagent has a transcript of its own") {
  const test::TemporaryDirectory directory;
  const std::filesystem::path root = directory.path();
  put(root / "s.jsonl", assistant("claude-opus-5"));
  put(root / "s/subagents/group/agent-a7.jsonl", assistant("claude-haiku-5"));
  Event event;
  event.transcript = root / "s.jsonl";
  CHECK(served_model(event).model == "claude-opus-5");
  event.subagent = "a7";
  CHECK(served_model(event).model == "claude-haiku-5");
  event.subagent = "a8";
  CHECK(served_model(event).model.empty());
  event.subagent = "../../s";
  CHECK(served_model(event).model.empty());
}

TEST_CASE("model: Agents that leave no evidence are unsupported") {
  Event event;
  event.agent = Agent::codex;
  event.model = "gpt-5";
  CHECK(served_model(event).model.empty());
  CHECK(served_model(event).evidence.find("unsupported") == 0);
}

TEST_CASE("model: Lower, unknown and unproved models do not pass") {
  CHECK(judge_model({"claude-opus-5", "t"}, "strong", tiers()).passed);
  CHECK(judge_model({"claude-opus-5", "t"}, "small", tiers()).passed);
  CHECK_FALSE(judge_model({"claude-haiku-5", "t"}, "strong", tiers()).passed);
  CHECK_FALSE(judge_model({"other", "t"}, "small", tiers()).passed);
  CHECK_FALSE(judge_model({"", "no transcript"}, "small", tiers()).passed);
  CHECK_FALSE(judge_model({"claude-opus-5", "t"}, "huge", tiers()).passed);
}

TEST_CASE("permission rules: Deny and ask rules about shell commands are found and matched") {
  const auto rules = shell_rules(R"json({"permissions":{"deny":["Bash(rm:*)","Read(x)"],
      "ask":["Bash(git push *)"],"allow":["Bash(make:*)"]}})json");
  CHECK(rules == std::vector<std::string>{"rm:*", "git push *"});
  CHECK(is_ruled(rules, "rm -rf build && make"));
  CHECK(is_ruled(rules, "make; git push origin"));
  CHECK(is_ruled(rules, "git push"));
  CHECK_FALSE(is_ruled(rules, "make"));
  CHECK(is_ruled({"*"}, "make"));
  CHECK(shell_rules("no JSON").empty());
  CHECK(shell_rules(R"({"permissions":{"deny":7}})").empty());
}

TEST_CASE("slow list: One that took long is known until it is quick again") {
  const std::string key(32, 'a');
  std::vector<SlowCommand> list;
  CHECK_FALSE(note_duration(list, {key, 5, 1}, 60));
  CHECK(note_duration(list, {key, 90, 2}, 60));
  list = read_slow_list(slow_list_text(list) + "garbage\nx y z\n");
  REQUIRE(find_slow(list, key) != nullptr);
  CHECK(find_slow(list, key)->seconds == 90);
  CHECK(note_duration(list, {key, 5, 3}, 60));
  CHECK(find_slow(list, key) == nullptr);
}

TEST_CASE("slow list: It has a bound, and the oldest goes") {
  std::vector<SlowCommand> list;
  for (std::size_t i = 0; i <= kMostSlow; ++i) {
    auto key = std::to_string(i);
    key.insert(0, 32 - key.size(), '0');
    note_duration(list, {key, 90, static_cast<std::int64_t>(i)}, 60);
  }
  CHECK(list.size() == kMostSlow);
  CHECK(find_slow(list, std::string(32, '0')) == nullptr);
}
