// Text from outside, made safe: valid UTF-8 without control characters, and readable by a shell as
// it was.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/text.h"
#include "tests/fuzz/check.h"

using namespace jobward;
using fuzz::require;

namespace {

bool is_clean(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return false;
    const bool c1 =
        byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c1) return false;
  }
  return is_utf8(text);
}

unsigned hex_digit(char c) {
  return static_cast<unsigned>(c >= 'a' ? c - 'a' + 10 : c >= 'A' ? c - 'A' + 10 : c - '0');
}

// Inside $'…', at a backslash: the escapes that shell_quoted has reason to use. Others stand for a
// violation.
char take_escape(std::string_view text, std::size_t& at) {
  const char kind = at + 1 < text.size() ? text[at + 1] : '?';
  if (kind == 'x' && at + 3 < text.size()) {
    const auto value = hex_digit(text[at + 2]) * 16 + hex_digit(text[at + 3]);
    at += 4;
    return static_cast<char>(value);
  }
  require(kind == '\'' || kind == '\\', "an escape in $'' is one that means the same everywhere",
          text);
  at += 2;
  return kind;
}

// What a shell makes of one line; REQUIRES: only the kinds of quoting named in text.h.
std::vector<std::string> read_as_shell(std::string_view line) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while (at < line.size()) {
    std::string word;
    while (at < line.size() && line[at] != ' ') {
      const bool ansi = line.substr(at, 2) == "$'";
      if (ansi || line[at] == '\'') {
        at += ansi ? 2 : 1;
        while (at < line.size() && line[at] != '\'')
          word += ansi && line[at] == '\\' ? take_escape(line, at) : line[at++];
        require(at < line.size(), "every quotation ends", line);
        ++at;
      } else if (line[at] == '\\' && at + 1 < line.size()) {
        word += line[at + 1];
        at += 2;
      } else {
        word += line[at++];
      }
    }
    words.push_back(word);
    ++at;
  }
  return words;
}

void check_shell(std::string_view text) {
  std::vector<std::string> argv;
  for (const auto word : split(text, '\0'))
    argv.emplace_back(word);
  const std::string line = shell_quoted(argv);
  require(is_clean(line), "a quoted command line is clean", line);
  require(read_as_shell(line) == argv, "a shell reads the words as they were", line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string shown = printable(text);
  require(is_clean(shown), "printable text is clean", shown);
  require(printable(shown) == shown, "printable text is left alone", shown);
  require(!is_clean(text) || shown == text, "clean text is printable", text);
  const std::string lossy = utf8_lossy(text);
  require(is_utf8(lossy), "lossy text is UTF-8", lossy);
  require(is_utf8(text) == (lossy == text), "only invalid bytes are lost", text);
  check_shell(text);
  static_cast<void>(nearest_word(text.substr(0, 64), {"history", "estimate", ""}));
  return 0;
}
