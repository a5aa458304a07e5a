#include "trust/guard.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/text.h"
#include "trust/canonical.h"
#include "trust/stamp.h"

namespace jobward::trust {
namespace {

using Json = nlohmann::json;

// "--no-*" for any that begin so, "--max-rows=" for one with a value, else the word itself.
bool matches(const std::string& word, const std::string& pattern) {
  const std::string name = word.substr(0, word.find('='));
  if (pattern.back() == '*') return name.starts_with(pattern.substr(0, pattern.size() - 1));
  if (pattern.back() == '=') return name == pattern.substr(0, pattern.size() - 1);
  return name == pattern;
}

bool takes_next(const std::string& word, const std::string& pattern) {
  return pattern.back() == '=' && word.find('=') == std::string::npos;
}

Json texts(const std::vector<std::string>& words) {
  Json out = Json::array();
  for (const auto& word : words)
    out.push_back(json_text(word));
  return out;
}

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

void dropped(const char* flag, const std::vector<std::string>& before,
             const std::vector<std::string>& now, std::vector<std::string>& out) {
  for (const auto& one : before)
    if (!has(now, one) && !has(texts(now).get<std::vector<std::string>>(), one))
      out.push_back(std::string(flag) + " " + printable(one) +
                    " was left out; the last accepted run of this command had it");
}

}  // namespace

SplitArguments split_guarded(const std::vector<std::string>& arguments,
                             const std::vector<std::string>& patterns) {
  SplitArguments out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto pattern =
        std::find_if(patterns.begin(), patterns.end(),
                     [&](const std::string& one) { return matches(arguments[i], one); });
    if (pattern == patterns.end()) {
      out.plain.push_back(arguments[i]);
      continue;
    }
    std::string guarded = arguments[i];
    if (takes_next(guarded, *pattern) && i + 1 < arguments.size()) guarded += "=" + arguments[++i];
    out.guarded.push_back(std::move(guarded));
  }
  return out;
}

std::vector<std::string> reasons(const GuardAsk& ask, const std::optional<RunTerms>& recorded,
                                 const GuardRules& rules) {
  std::vector<std::string> out;
  const RunTerms& now = ask.terms;
  for (const auto& beyond : ask.beyond_caps)
    out.push_back(beyond.asked + " is beyond the policy's cap of " + beyond.cap);
  if (rules.no_limit && now.no_memory_limit)
    out.emplace_back("--no-limit takes the memory limit away");
  if (rules.no_time && now.no_time_limit) out.emplace_back("--no-time takes the wall limit away");
  if (!recorded) return out;
  if (rules.no_time && recorded->has_time_limit && !now.has_time_limit && !now.no_time_limit)
    out.emplace_back("--time was left out; the last accepted run of this command had it");
  if (rules.checks) {
    dropped("--verify", recorded->verify, now.verify, out);
    dropped("--require", recorded->require, now.require, out);
    dropped("--require-stamp", recorded->require_stamp, now.require_stamp, out);
    dropped("--require-review of", recorded->require_review, now.require_review, out);
  }
  for (const auto& flag : now.guarded_flags)
    if (!has(recorded->guarded_flags, json_text(flag)))
      out.push_back("the job's " + printable(flag) +
                    " is guarded; the last accepted run of this command did not have it");
  return out;
}

std::string action_text(const GuardAsk& ask) {
  Json caps = Json::object();
  for (const auto& beyond : ask.beyond_caps)
    caps[json_key(beyond.resource)] = {{"before", beyond.cap}, {"after", beyond.asked}};
  Json environment = Json::object();
  for (const auto& [name, digest] : ask.environment)
    environment[json_key(name)] = digest;
  const RunTerms& terms = ask.terms;
  return canonical({{"kind", "run"},
                    {"argv", texts(ask.shown_argv)},
                    {"argv_sha256", argv_digest(ask.argv)},
                    {"cwd", json_text(ask.cwd)},
                    {"script_sha256", ask.script_sha256},
                    {"environment_sha256", std::move(environment)},
                    {"caps", std::move(caps)},
                    {"no_memory_limit", terms.no_memory_limit},
                    {"no_time_limit", terms.no_time_limit},
                    {"has_time_limit", terms.has_time_limit},
                    {"verify", texts(terms.verify)},
                    {"require", texts(terms.require)},
                    {"require_stamp", texts(terms.require_stamp)},
                    {"require_review", texts(terms.require_review)}});
}

std::string canonical_text(const RunTerms& terms) {
  return canonical({{"no_memory_limit", terms.no_memory_limit},
                    {"no_time_limit", terms.no_time_limit},
                    {"has_time_limit", terms.has_time_limit},
                    {"verify", texts(terms.verify)},
                    {"require", texts(terms.require)},
                    {"require_stamp", texts(terms.require_stamp)},
                    {"require_review", texts(terms.require_review)},
                    {"guarded_flags", texts(terms.guarded_flags)}});
}

std::optional<RunTerms> read_run_terms(std::string_view text) {
  const auto value = Json::parse(text, nullptr, false);
  if (!value.is_object()) return std::nullopt;
  const auto truth = [&](const char* name) {
    const auto found = value.find(name);
    return found != value.end() && found->is_boolean() && found->get<bool>();
  };
  RunTerms out;
  out.no_memory_limit = truth("no_memory_limit");
  out.no_time_limit = truth("no_time_limit");
  out.has_time_limit = truth("has_time_limit");
  out.verify = text_list(value, "verify");
  out.require = text_list(value, "require");
  out.require_stamp = text_list(value, "require_stamp");
  out.require_review = text_list(value, "require_review");
  out.guarded_flags = text_list(value, "guarded_flags");
  return out;
}

}  // namespace jobward::trust
