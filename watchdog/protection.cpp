#include "watchdog/protection.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "common/files.h"
#include "common/text.h"
#include "watchdog/words.h"

namespace jobward::watchdog {
namespace {

constexpr std::size_t kLongestName = 15;                      // TASK_COMM_LEN - 1
constexpr std::size_t kLargestPasswd = 4U << 20U;             // bytes
constexpr std::size_t kPasswdFields = 7;                      // passwd(5)
constexpr uid_t kNobody = std::numeric_limits<uid_t>::max();  // (uid_t)-1: "no uid" to the kernel

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<uid_t> parse_uid(std::string_view text) {
  uid_t uid = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), uid);
  if (!all_digits(text) || ec != std::errc{} || uid == kNobody) return std::nullopt;
  return uid;
}

Result<uid_t> read_user(std::string_view text, const UserLookup& users) {
  if (all_digits(text)) {
    const auto uid = parse_uid(text);
    if (!uid) return error("use", "uid " + quoted(text), "larger than any uid");
    return *uid;
  }
  const auto uid = users ? users(text) : std::nullopt;
  if (!uid)
    return error("find", "user " + quoted(text), "not in the passwd file; a uid can be given too");
  return *uid;
}

Status check_glob(const std::string& kind, const std::string& glob) {
  if (glob.front() == '/' || glob.front() == '*') return {};
  return error("use", kind + quoted(glob), "a path begins with /, so this can never match");
}

// One "kind:value" into the rule.
Status read_field(std::string_view word, const UserLookup& users, ProtectRule& rule) {
  static const std::vector<std::string> kKinds{"exe", "name", "user", "cgroup"};
  const auto colon = word.find(':');
  const std::string kind(word.substr(0, colon));
  if (colon == std::string_view::npos ||
      std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end())
    return error("use", quoted(word),
                 "expected exe:GLOB, name:NAME, user:NAME_OR_UID or cgroup:GLOB");
  const std::string value(word.substr(colon + 1));
  if (value.empty()) return error("use", quoted(word), "nothing follows the colon");
  if (kind == "user") {
    if (rule.uid) return error("use", quoted(word), "a second user: in one rule; write two rules");
    auto uid = read_user(value, users);
    if (!uid) return tl::unexpected(std::move(uid).error());
    rule.uid = *uid;
    return {};
  }
  std::string& field = kind == "exe" ? rule.exe : kind == "name" ? rule.name : rule.cgroup;
  if (!field.empty())
    return error("use", quoted(word), "a second " + kind + ": in one rule; write two rules");
  if (kind != "name") JOBWARD_RETURN_IF_ERROR(check_glob(kind + ":", value));
  if (kind == "name" && value.size() > kLongestName)
    return error("use", quoted(word),
                 "a process name has at most 15 bytes, so this can never match");
  field = value;
  return {};
}

// "", "*", "/*", "/**/?*": any path.
bool matches_all(std::string_view glob) {
  return glob.find_first_not_of("*/?") == std::string_view::npos;
}

Status check_rule(const ProtectRule& rule) {
  if (!rule.name.empty() && !rule.uid)
    return error("use", "name: without user:",
                 "any process can take any name; add user:, or use exe: instead");
  if (rule.name.empty() && !rule.uid && matches_all(rule.exe) && matches_all(rule.cgroup))
    return error("use", quoted(rule.text),
                 "it protects every process, so that nothing could be ended");
  return {};
}

}  // namespace

Result<ProtectRule> parse_protect_rule(std::string_view text, const UserLookup& users) {
  auto words = split_words(text);
  if (!words) return tl::unexpected(std::move(words).error());
  if (words->empty()) return error("use", "an empty rule", "expected exe:GLOB or the like");
  ProtectRule rule;
  rule.text = printable(trim(text));
  for (const auto& word : *words)
    JOBWARD_RETURN_IF_ERROR(read_field(word, users, rule));
  JOBWARD_RETURN_IF_ERROR(check_rule(rule));
  return rule;
}

std::string format_protect_rule(const ProtectRule& rule) {
  std::vector<std::string> words;
  if (!rule.exe.empty()) words.push_back("exe:" + rule.exe);
  if (!rule.name.empty()) words.push_back("name:" + rule.name);
  if (rule.uid) words.push_back("user:" + std::to_string(*rule.uid));
  if (!rule.cgroup.empty()) words.push_back("cgroup:" + rule.cgroup);
  return join_words(words);
}

bool same_rule(const ProtectRule& a, const ProtectRule& b) {
  return a.exe == b.exe && a.name == b.name && a.uid == b.uid && a.cgroup == b.cgroup;
}

UserLookup passwd_lookup(const std::string& passwd_file) {
  return [passwd_file](std::string_view name) -> std::optional<uid_t> {
    const auto text = read_file(passwd_file, kLargestPasswd);
    if (!text || name.empty()) return std::nullopt;
    for (const auto line : split(*text, '\n')) {
      const auto fields = split(line, ':');
      if (fields.size() != kPasswdFields || fields[0] != name) continue;
      if (const auto uid = parse_uid(fields[2])) return uid;
    }
    return std::nullopt;
  };
}

bool glob_matches(std::string_view pattern, std::string_view text) {
  const auto fits = [](char in_pattern, char c) { return in_pattern == '?' || in_pattern == c; };
  // The end first: most paths differ from most patterns there, whatever they begin with.
  while (!pattern.empty() && pattern.back() != '*') {
    if (text.empty() || !fits(pattern.back(), text.back())) return false;
    pattern.remove_suffix(1);
    text.remove_suffix(1);
  }
  if (pattern.empty()) return text.empty();
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t after_star = std::string_view::npos;  // where to go on when what follows a '*' fails
  std::size_t star_end = 0;                         // how far that '*' reaches
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      after_star = ++p;
      star_end = t;
    } else if (p < pattern.size() && fits(pattern[p], text[t])) {
      ++p;
      ++t;
    } else if (after_star != std::string_view::npos) {
      p = after_star;
      t = ++star_end;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool exe_matches(std::string_view pattern, std::string_view exe) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (glob_matches(pattern, exe)) return true;
  return exe.ends_with(kDeleted) &&
         glob_matches(pattern, exe.substr(0, exe.size() - kDeleted.size()));
}

}  // namespace jobward::watchdog
