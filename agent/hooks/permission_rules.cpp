#include "agent/hooks/permission_rules.h"

#include <algorithm>
#include <initializer_list>

#include "agent/hooks/event.h"
#include "agent/hooks/shell_text.h"
#include "agent/hooks/unwrap.h"
#include "agent/hooks/weigh.h"
#include "common/json_depth.h"
#include "common/text.h"

namespace jobward::hooks {
namespace {

bool matches(std::string_view rule, std::string_view command) {
  if (rule.ends_with(":*")) {
    const auto prefix = rule.substr(0, rule.size() - 2);
    return command == prefix || command.starts_with(std::string(prefix) + " ");
  }
  if (rule.ends_with(" *") && command == rule.substr(0, rule.size() - 2)) return true;
  return matches_glob(command, rule);
}

std::vector<std::string> rules_in(std::string_view settings,
                                  std::initializer_list<const char*> lists) {
  std::vector<std::string> out;
  if (is_nested_deeper(settings, kDeepestJson)) return out;
  const auto object = Json::parse(settings, nullptr, false);
  if (!object.is_object() || !object.contains("permissions")) return out;
  const auto& permissions = object["permissions"];
  for (const char* list : lists) {
    if (!permissions.is_object() || !permissions.contains(list)) continue;
    for (const auto& entry : permissions[list]) {
      if (!entry.is_string()) continue;
      const auto rule = entry.get<std::string>();
      if (rule == "Bash") out.emplace_back("*");
      if (rule.starts_with("Bash(") && rule.ends_with(")"))
        out.push_back(rule.substr(5, rule.size() - 6));
    }
  }
  return out;
}

constexpr int kDeepest = 8;

// The commands of a text, and what is behind their wrappers.
void add_texts(std::string_view command, std::vector<std::string>& out, int depth) {
  if (depth > kDeepest) return;
  for (const auto& one : read_shell(command).commands) {
    Words words = one.words;
    for (int layer = 0; layer < kDeepest && !words.empty(); ++layer) {
      std::string text;
      for (const auto& word : words)
        text += (text.empty() ? "" : " ") + word;
      out.push_back(std::move(text));
      auto behind = unwrap(words);
      if (behind.kind == Unwrapped::Kind::text) add_texts(behind.text, out, depth + 1);
      if (behind.kind != Unwrapped::Kind::command) break;
      words = std::move(behind.words);
    }
  }
}

}  // namespace

std::vector<std::string> shell_rules(std::string_view settings) {
  return rules_in(settings, {"deny", "ask"});
}

std::vector<std::string> allowed_rules(std::string_view settings) {
  return rules_in(settings, {"allow"});
}

bool is_ruled(const std::vector<std::string>& rules, std::string_view command) {
  if (rules.empty()) return false;
  std::vector<std::string> texts{std::string(trim(command))};
  add_texts(command, texts, 0);
  return std::any_of(rules.begin(), rules.end(), [&](const std::string& rule) {
    return std::any_of(texts.begin(), texts.end(),
                       [&](const std::string& text) { return matches(rule, text); });
  });
}

}  // namespace jobward::hooks
