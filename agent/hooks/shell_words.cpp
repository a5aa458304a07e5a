#include "agent/hooks/shell_words.h"

#include <algorithm>

namespace jobward::hooks {
namespace {

constexpr std::string_view kEndsWord = " \t\r\n;&|()<>";

}  // namespace

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool contains(std::string_view set, char c) { return set.find(c) != std::string_view::npos; }

void ShellWords::skip_arithmetic() {
  const auto end = text_.find("))", at_);
  if (end == std::string_view::npos) {
    unfinished_ = true;
    at_ = text_.size();
    return;
  }
  at_ = end + 2;
}

std::string ShellWords::read_word(bool& quoted) {
  std::string word;
  while (at_ < text_.size() && !contains(kEndsWord, peek())) {
    const char c = text_[at_++];
    if (c == '\\') {
      if (at_ < text_.size() && text_[at_] != '\n') word += text_[at_];
      if (at_ < text_.size()) ++at_;
      quoted = true;
    } else if (c == '\'') {
      read_single(word);
      quoted = true;
    } else if (c == '"') {
      read_double(word);
      quoted = true;
    } else if (c == '`' || c == '$') {
      --at_;
      read_expansion(word, quoted, false);
    } else {
      word += c;
    }
  }
  return word;
}

void ShellWords::read_single(std::string& word) {
  const auto end = text_.find('\'', at_);
  if (end == std::string_view::npos) {
    unfinished_ = true;
    word += text_.substr(at_);
    at_ = text_.size();
    return;
  }
  word += text_.substr(at_, end - at_);
  at_ = end + 1;
}

void ShellWords::read_double(std::string& word) {
  bool quoted = true;
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c == '"') return;
    if (c == '\\' && at_ < text_.size() && contains("\"\\$`\n", text_[at_])) {
      if (text_[at_] != '\n') word += text_[at_];
      ++at_;
    } else if (c == '`' || c == '$') {
      --at_;
      read_expansion(word, quoted, true);
    } else {
      word += c;
    }
  }
  unfinished_ = true;
}

// $'…' as far as it matters here: the end of it is found, escapes stay.
void ShellWords::read_escaped(std::string& word) {
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c == '\'') return;
    word += c;
    if (c == '\\' && at_ < text_.size()) word += text_[at_++];
  }
  unfinished_ = true;
}

// At a "$" or a "`".
void ShellWords::read_expansion(std::string& word, bool& quoted, bool in_double) {
  const std::size_t begin = at_;
  if (starts("$((")) {
    skip_arithmetic();
  } else if (starts("$(")) {
    at_ += 2;
    inside(matching(')'));
  } else if (starts("${")) {
    at_ += 2;
    static_cast<void>(matching('}'));
  } else if (peek() == '`') {
    ++at_;
    const auto end = closing_backtick();
    inside(text_.substr(at_, end - at_));
    at_ = std::min(end + 1, text_.size());
  } else if (starts("$'") && !in_double) {
    at_ += 2;
    quoted = true;
    read_escaped(word);
    return;
  } else if (starts("$\"") && !in_double) {
    at_ += 2;
    quoted = true;
    read_double(word);
    return;
  } else {
    ++at_;
  }
  word += text_.substr(begin, at_ - begin);
}

std::size_t ShellWords::closing_backtick() {
  std::size_t at = at_;
  while (at < text_.size() && text_[at] != '`')
    at += text_[at] == '\\' ? 2U : 1U;
  if (at >= text_.size()) unfinished_ = true;
  return std::min(at, text_.size());
}

// The text up to the bracket that closes, which is passed over.
std::string_view ShellWords::matching(char close) {
  const char opening = close == ')' ? '(' : '{';
  const std::size_t begin = at_;
  int open = 1;
  std::vector<std::string> ends;  // of here-documents whose bodies come with the next line
  while (at_ < text_.size()) {
    if (close == ')' && starts("<<") && !starts("<<<")) {
      at_ += starts("<<-") ? 3U : 2U;
      skip_blanks();
      bool quoted = false;
      ends.push_back(read_word(quoted));
      continue;
    }
    const char c = text_[at_++];
    if (c == '\n' && !ends.empty()) {
      skip_bodies(ends);
      ends.clear();
    } else if (c == '\\') {
      if (at_ < text_.size()) ++at_;
    } else if (c == '\'' && close == ')') {
      std::string ignored;
      read_single(ignored);
    } else if (c == '"') {
      skip_double();
    } else if (c == opening) {
      ++open;
    } else if (c == close && --open == 0) {
      return text_.substr(begin, at_ - 1 - begin);
    }
  }
  unfinished_ = true;
  return text_.substr(std::min(begin, text_.size()));
}

void ShellWords::skip_bodies(const std::vector<std::string>& ends) {
  for (const auto& end : ends) {
    bool closed = false;
    while (at_ < text_.size() && !closed) {
      const auto line_end = std::min(text_.find('\n', at_), text_.size());
      auto line = text_.substr(at_, line_end - at_);
      line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
      at_ = std::min(line_end + 1, text_.size());
      closed = line == end;
    }
    if (!closed) unfinished_ = true;
  }
}

void ShellWords::skip_double() {
  while (at_ < text_.size()) {
    const char c = text_[at_++];
    if (c == '"') return;
    if (c == '\\' && at_ < text_.size()) ++at_;
  }
  unfinished_ = true;
}

void ShellWords::skip_blanks() {
  while (peek() == ' ' || peek() == '\t')
    ++at_;
}

}  // namespace jobward::hooks
