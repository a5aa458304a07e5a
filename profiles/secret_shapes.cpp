#include "profiles/secret_shapes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "profiles/option_scan.h"

namespace jobward::profiles {
namespace {

// As the end of one word of a name: "password", "pgpassword", "authtoken".
constexpr std::array<std::string_view, 18> kSecretEndings{
    "password",  "passwords", "passwd",      "passphrase", "passcode", "secret",
    "secrets",   "token",     "credentials", "credential", "apikey",   "secretkey",
    "accesskey", "bearer",    "cookie",      "pgpass",     "auth",     "sessionkey"};
// As the word before "key".
constexpr std::string_view kKinds = "api access secret private encryption signing master session";
// As the last word: the name is about a secret, its value is none.
constexpr std::string_view kAboutSecrets =
    "file path dir directory stdin prompt env len length size count limit min max name type policy "
    "ttl url uri helper";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_alnum(char c) { return is_digit(c) || is_lower(c) || is_upper(c); }
bool is_base64url(char c) { return is_alnum(c) || c == '_' || c == '-'; }
bool is_key_char(char c) { return is_base64url(c) || c == '.'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// "AWS_SecretKey" -> aws, secret, key.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool after_lower = i > 0 && !is_upper(name[i - 1]);
    const bool before_lower = i + 1 < name.size() && is_lower(name[i + 1]);
    if (!is_alnum(c) || (is_upper(c) && (after_lower || before_lower))) words.emplace_back();
    if (is_alnum(c)) words.back() += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  }
  words.erase(std::remove(words.begin(), words.end(), ""), words.end());
  return words;
}

// ffmpeg's `-pass 1`, PWD=/home/x.
bool is_harmless(std::string_view value) {
  const bool path = value.starts_with('/') || value.starts_with('.') || value.starts_with('~');
  return path || (value.size() < 3 && std::all_of(value.begin(), value.end(), is_digit));
}

std::size_t run_length(std::string_view text, bool (*fits)(char)) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), fits) - text.begin());
}

struct Shape {
  std::string_view prefix;
  std::size_t shortest;  // of what follows; real ones are longer, examples are not
};
constexpr std::array kShapes{
    Shape{"ghp_", 10},    Shape{"gho_", 10},    Shape{"ghu_", 10},        Shape{"ghs_", 10},
    Shape{"ghr_", 10},    Shape{"glpat-", 10},  Shape{"github_pat_", 10}, Shape{"sk-ant-", 8},
    Shape{"sk-proj-", 8}, Shape{"sk_live_", 8}, Shape{"sk_test_", 8},     Shape{"rk_live_", 8},
    Shape{"hf_", 20},     Shape{"npm_", 30},    Shape{"pypi-", 30},       Shape{"AIza", 30},
    Shape{"dop_v1_", 30},
};

// AKIA and ASIA: AWS key ids have 16 upper-case letters and digits behind the prefix.
std::size_t aws_length(std::string_view text) {
  if (!text.starts_with("AKIA") && !text.starts_with("ASIA")) return 0;
  const auto length = run_length(text, [](char c) { return is_upper(c) || is_digit(c); });
  return length == 20 ? length : 0;
}

// xoxb-, xoxp-, …: Slack.
std::size_t slack_length(std::string_view text) {
  if (!text.starts_with("xox") || text.size() < 5 || text[4] != '-') return 0;
  const auto length = run_length(text, is_base64url);
  return length >= 13 ? length : 0;
}

// sk-…: random letters and digits, which tells them from "sk-learn-forest".
std::size_t openai_length(std::string_view text) {
  if (!text.starts_with("sk-")) return 0;
  static constexpr std::size_t kEnough = 256;  // to judge by; keeps hostile text from costing n²
  const auto body = text.substr(3, run_length(text.substr(3, kEnough), is_base64url));
  const bool mixed = std::any_of(body.begin(), body.end(), is_digit);
  for (std::size_t at = 0; at < body.size(); ++at) {
    const auto run = run_length(body.substr(at), is_alnum);
    if (mixed && run >= 12) return 3 + run_length(text.substr(3), is_base64url);
    at += run;
  }
  return 0;
}

// eyJ….eyJ….signature, the last of which may be empty.
std::size_t jwt_length(std::string_view text) {
  if (!text.starts_with("eyJ")) return 0;
  const auto header = run_length(text, is_base64url);
  if (header < 8 || !text.substr(header).starts_with(".eyJ")) return 0;
  const auto payload = run_length(text.substr(header + 1), is_base64url);
  const auto end = header + 1 + payload;
  if (!text.substr(end).starts_with('.')) return 0;
  return end + 1 + run_length(text.substr(end + 1), is_base64url);
}

// The length of the token that text begins with, or 0. `fresh`: no character before it could be a
// token's.
std::size_t token_length(std::string_view text, bool fresh) {
  for (const auto& shape : kShapes) {
    if (!text.starts_with(shape.prefix)) continue;
    const auto rest = run_length(text.substr(shape.prefix.size()), is_base64url);
    if (rest >= shape.shortest) return shape.prefix.size() + rest;
  }
  const auto jwt = fresh ? jwt_length(text) : 0;
  return std::max({aws_length(text), slack_length(text), openai_length(text), jwt});
}

std::string mask_tokens(std::string_view text) {
  std::string masked;
  for (std::size_t at = 0; at < text.size();) {
    const bool starts = at == 0 || !is_alnum(text[at - 1]);
    const bool fresh = at == 0 || !is_base64url(text[at - 1]);
    const auto length = starts ? token_length(text.substr(at), fresh) : 0;
    if (length == 0) {
      masked += text[at++];
      continue;
    }
    masked += kMasked;
    at += length;
  }
  return masked;
}

// scheme://user:password@host. A password may hold '@' itself: the last one before the path counts.
std::string mask_urls(std::string_view text) {
  static constexpr std::string_view kMark = "://";
  std::string masked;
  for (auto mark = text.find(kMark); mark != std::string_view::npos; mark = text.find(kMark)) {
    masked += text.substr(0, mark + kMark.size());
    text.remove_prefix(mark + kMark.size());
    const auto authority = text.substr(0, text.find_first_of("/ \t\n\"'"));
    const auto at = authority.rfind('@');
    const auto colon = authority.find(':');
    if (at == std::string_view::npos || colon == std::string_view::npos || colon + 1 >= at)
      continue;
    masked += text.substr(0, colon + 1);
    masked += kMasked;
    text.remove_prefix(at);
  }
  return masked.append(text);
}

// How long the value of an embedded KEY= is: to its closing quote, or to what separates it from the
// rest.
std::size_t value_length(std::string_view text) {
  if (text.starts_with('"') || text.starts_with('\'')) {
    const auto close = text.find(text.front(), 1);
    return close == std::string_view::npos ? text.size() : close + 1;
  }
  return run_length(
      text, [](char c) { return !is_blank(c) && c != '&' && c != ';' && c != '"' && c != '\''; });
}

std::string mask_keys(std::string_view text) {
  std::string masked;
  for (auto equals = text.find('='); equals != std::string_view::npos; equals = text.find('=')) {
    auto start = equals;
    while (start > 0 && is_key_char(text[start - 1]))
      --start;
    const bool secret = names_secret(text.substr(start, equals - start), text.substr(equals + 1));
    masked += text.substr(0, equals + 1);
    text.remove_prefix(equals + 1);
    const auto length = secret ? value_length(text) : 0;
    if (length > 0) masked += kMasked;
    text.remove_prefix(length);
  }
  return masked.append(text);
}

}  // namespace

bool names_secret(std::string_view name, std::string_view value) {
  const auto words = words_of(name);
  if (words.empty() || words.front() == "no" || lists(kAboutSecrets, words.back())) return false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    for (const auto ending : kSecretEndings)
      if (word.ends_with(ending)) return true;
    if (i > 0 && word == "key" && lists(kKinds, words[i - 1])) return true;
    if ((word == "pass" || word == "pwd") && !is_harmless(value)) return true;
  }
  return false;
}

std::string mask_inside(std::string_view word) { return mask_tokens(mask_keys(mask_urls(word))); }

}  // namespace jobward::profiles
