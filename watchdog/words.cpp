#include "watchdog/words.h"

#include <array>
#include <cstdio>

#include "common/text.h"

namespace jobward::watchdog {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

}  // namespace

std::string_view without_comment(std::string_view line) {
  bool in_quotes = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') in_quotes = !in_quotes;
    const bool begins_word = i == 0 || is_blank(line[i - 1]);
    if (line[i] == '#' && begins_word && !in_quotes) return line.substr(0, i);
  }
  return line;
}

Result<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> words;
  bool in_quotes = false;
  bool in_word = false;
  for (const char c : text) {
    if (is_blank(c) && !in_quotes) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == '"')
      in_quotes = !in_quotes;
    else
      words.back() += c;
  }
  if (in_quotes) return error("read", quoted(text), "a \" is not closed");
  return words;
}

std::string join_words(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) {
    if (!text.empty()) text += ' ';
    const bool plain = !word.empty() && word.find_first_of(" \t#") == std::string::npos;
    text += plain ? word : '"' + word + '"';
  }
  return text;
}

std::string decimal(double value) {
  std::array<char, 400> buffer{};  // the largest double has 309 digits
  std::snprintf(buffer.data(), buffer.size(), "%.9f", value);
  std::string text(buffer.data());
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  const std::string_view rest = text.size() > kLongest ? "…" : "";
  return '"' + printable(text.substr(0, kLongest)) + std::string(rest) + '"';
}

}  // namespace jobward::watchdog
