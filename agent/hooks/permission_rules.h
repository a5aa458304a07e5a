// Claude Code's own permission rules about shell commands. A command that one of them denies or
// asks about is not wrapped: under another name the rule would not know it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jobward::hooks {

// The deny and ask rules of one settings file, "Bash" and "Bash(…)" only, without their brackets;
// "Bash" alone is "*". None where it is no JSON, or has none.
std::vector<std::string> shell_rules(std::string_view settings);

// Its allow rules, in the same way.
std::vector<std::string> allowed_rules(std::string_view settings);

// Does one of the rules mean this command, or a command in it? As Claude Code has them: "npm test"
// is that command, "npm test:*" and "npm test *" any that begins so. Wrappers (timeout, sudo, bash
// -c) are looked through.
bool is_ruled(const std::vector<std::string>& rules, std::string_view command);

}  // namespace jobward::hooks
