#include "agent/hooks/permission_rules.h"

#include <algorithm>

#include "agent/hooks/event.h"
#include "agent/hooks/shell_text.h"
#include "agent/hooks/weigh.h"
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

}  // namespace

std::vector<std::string> shell_rules(std::string_view settings) {
  const auto object = Json::parse(settings, nullptr, false);
  std::vector<std::string> out;
  if (!object.is_object() || !object.contains("permissions")) return out;
  const auto& permissions = object["permissions"];
  for (const char* list : {"deny", "ask"}) {
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

bool is_ruled(const std::vector<std::string>& rules, std::string_view command) {
  if (rules.empty()) return false;
  std::vector<std::string> texts{std::string(trim(command))};
  for (const auto& one : read_shell(command).commands) {
    std::string text;
    for (const auto& word : one.words)
      text += (text.empty() ? "" : " ") + word;
    texts.push_back(std::move(text));
  }
  return std::any_of(rules.begin(), rules.end(), [&](const std::string& rule) {
    return std::any_of(texts.begin(), texts.end(),
                       [&](const std::string& text) { return matches(rule, text); });
  });
}

}  // namespace jobward::hooks
