#include "common/text.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

using namespace jobward;
using Words = std::vector<std::string>;

namespace {

// What bash makes of a command line's words, each ended by a zero byte.
std::string read_by_bash(const std::string& words) {
  const std::string command = "exec bash -c " + shell_quoted({"printf '%s\\0' " + words});
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), &::pclose);
  REQUIRE(pipe);
  std::string out;
  std::array<char, 256> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe.get()))
    out.append(buffer.data(), got);
  return out;
}

void check_survives_bash(const std::string& word) {
  CAPTURE(word, shell_quoted({word}));
  CHECK(read_by_bash(shell_quoted({word})) == word + '\0');
}

}  // namespace

TEST_CASE("text: Printable text is left alone") {
  CHECK(printable("a b\"c'\\ ~") == "a b\"c'\\ ~");
  CHECK(printable("zażółć 日本 😀") == "zażółć 日本 😀");
  CHECK(printable("").empty());
}

TEST_CASE("text: Control characters become hexadecimal escapes") {
  CHECK(printable("a\nb\tc\x1b[0m") == "a\\x0ab\\x09c\\x1b[0m");
  CHECK(printable(std::string("\0\x7f", 2)) == "\\x00\\x7f");
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");  // U+009B starts an escape sequence as ESC [ does
  CHECK(printable("\xc2\xa0") == "\xc2\xa0");
}

TEST_CASE("text: Invalid UTF-8 becomes hexadecimal escapes") {
  CHECK(printable("\xff") == "\\xff");
  CHECK(printable("caf\xe9!") == "caf\\xe9!");
  CHECK(printable("\xe2\x82") == "\\xe2\\x82");           // cut off
  CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");           // overlong
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
}

TEST_CASE("text: is_utf8 knows the corners of the table") {
  for (const auto* good : {"", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    INFO(printable(good));
    CHECK(is_utf8(good));
  }
  for (const auto* bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41",
                          "\xe0\x9f\xbf", "\xe1\x80", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "ok\xfe"}) {
    INFO(printable(bad));
    CHECK_FALSE(is_utf8(bad));
  }
}

TEST_CASE("text: Lossy UTF-8 keeps what is valid and replaces each invalid byte") {
  CHECK(utf8_lossy("za\xc5\xbc\n") == "za\xc5\xbc\n");
  CHECK(utf8_lossy("a\xff\xfe"
                   "b") ==
        "a\xEF\xBF\xBD\xEF\xBF\xBD"
        "b");
  CHECK(utf8_lossy("\xe2\x82") == "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("text: Words that a shell takes as they are stay unquoted") {
  CHECK(shell_quoted({"python3", "train.py", "--lr=0.1", "/data/x_y-1.csv"}) ==
        "python3 train.py --lr=0.1 /data/x_y-1.csv");
  CHECK(shell_quoted({}).empty());
}

TEST_CASE("text: Words are quoted where they must be") {
  CHECK(shell_quoted({"a b"}) == "'a b'");
  CHECK(shell_quoted({"", "x"}) == "'' x");
  CHECK(shell_quoted({"a\nb"}) == "$'a\\x0ab'");
}

TEST_CASE("text: A program whose name looks like an assignment is quoted") {
  CHECK(shell_quoted({"A=1", "x"}) != "A=1 x");
}

TEST_CASE("text: A shell reads a quoted word as it was") {
  for (const auto* word :
       {"a b",    "it's",        "$HOME", "`id`",          "*",      "~",    "a\"b", "\\",
        "a\\b",   "!x",          "#c",    "{a,b}",         "zażółć", "a\nb", "\t",   "\xff",
        "it's\n", "\x1b[31mred", "\n0a",  "a;b|c&d<e>f(g)"})
    check_survives_bash(word);
}

TEST_CASE("text: A shell reads a word with a backslash beside a control character as it was") {
  for (const auto* word : {"a\\tb\n", "\\\n", "\\x41\n", "\\'\n", "C:\\new\xff"})
    check_survives_bash(word);
}

TEST_CASE("text: Splitting keeps empty parts") {
  using Views = std::vector<std::string_view>;
  CHECK(split("a,b", ',') == Views{"a", "b"});
  CHECK(split("", ',') == Views{""});
  CHECK(split(",a,", ',') == Views{"", "a", ""});
}

TEST_CASE("text: Trimming takes white space from both ends only") {
  CHECK(trim(" \t a b\r\n") == "a b");
  CHECK(trim("").empty());
  CHECK(trim(" \n ").empty());
}

TEST_CASE("text: The nearest known word is found for a typing error") {
  const Words known{"history", "estimate", "doctor"};
  CHECK(nearest_word("histroy", known) == "history");
  CHECK(nearest_word("estimat", known) == "estimate");
  CHECK(nearest_word("doctor", known) == "doctor");
}

TEST_CASE("text: A word that resembles nothing has no nearest word") {
  CHECK_FALSE(nearest_word("xyzzyqwv", {"history", "estimate"}));
  CHECK_FALSE(nearest_word("run", {}));
}
