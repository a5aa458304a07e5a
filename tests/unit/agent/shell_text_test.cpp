#include "agent/hooks/shell_text.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace jobward::hooks;
using Words = std::vector<std::string>;

namespace {

// The commands of a text, each as its words with "|" between them.
std::vector<std::string> commands(const std::string& text) {
  std::vector<std::string> out;
  for (const auto& command : read_shell(text).commands) {
    std::string words;
    for (const auto& word : command.words)
      words += (words.empty() ? "" : "|") + word;
    out.push_back(words);
  }
  return out;
}

}  // namespace

TEST_CASE("shell text: Quotes are undone and expansions stay as they are written") {
  CHECK(commands(R"(echo 'a b' "c $HOME" d\ e $'x\n' ~/f *.py)") ==
        Words{R"(echo|a b|c $HOME|d e|x\n|~/f|*.py)"});
}

TEST_CASE("shell text: Lists, pipes, groups and loops are one command after the other") {
  CHECK(commands("a 1 && b 2 || c; d & e | f |& g") ==
        Words{"a|1", "b|2", "c", "d", "e", "f", "g"});
  CHECK(commands("(a; b)\n{ c; }\nif d; then e; else f; fi") ==
        Words{"a", "b", "c", "d", "e", "f"});
  CHECK(commands("for x in 1 2; do a $x; done; while b; do c; done") == Words{"a|$x", "b", "c"});
  CHECK(commands("case $x in one) a;; two|three) b;; esac") == Words{"a", "two", "b"});
}

TEST_CASE("shell text: What stands in a substitution is a command too") {
  CHECK(commands("a $(b $(c)) `d` <(e) \"$(f)\"") ==
        Words{"a|$(b $(c))|`d`|$(f)", "b|$(c)", "c", "d", "e", "f"});
}

TEST_CASE("shell text: Redirections and assignments are no words") {
  const auto text = read_shell("A=1 B+=2 a >out 2>&1 <in &>>log 3<>x b");
  REQUIRE(text.commands.size() == 1);
  CHECK(text.commands[0].words == Words{"a", "b"});
  CHECK(text.commands[0].assigned == Words{"A", "B"});
  CHECK(text.commands[0].fed);
}

TEST_CASE("shell text: Comments and here-documents are no commands") {
  CHECK(commands("# make\na # make") == Words{"a"});
  const auto text = read_shell("cat <<'EOF' > f\nmake\nEOF\nb <<-X\n\tmake\n\tX\nc <<< make");
  REQUIRE(text.commands.size() == 3);
  CHECK(text.commands[0].here_text == "make\n");
  CHECK(text.commands[1].here_text == "make\n");
  CHECK(text.commands[2].here_text == "make");
  CHECK_FALSE(text.unfinished);
}

TEST_CASE("shell text: A function's body only defines it") {
  const auto text = read_shell("f() { make; }\nfunction g { b; }\na");
  CHECK(text.functions == Words{"f", "g"});
  REQUIRE(text.commands.size() == 3);
  CHECK(text.commands[0].function == "f");
  CHECK(text.commands[1].function == "g");
  CHECK(text.commands[2].function.empty());
}

TEST_CASE("shell text: What is not closed is said to be unfinished") {
  for (const char* text : {"a 'b", "a \"b", "a $(b", "a `b", "(a", "cat <<EOF\nx", "a ${b", "((1"})
    CHECK(read_shell(text).unfinished);
}

TEST_CASE("shell text: A command apart is told from one of the shell itself") {
  const auto text = read_shell("(cd a); cd b | c; cd d; $(cd e); cd f &");
  REQUIRE(text.commands.size() >= 6);
  CHECK(text.commands[0].apart);
  CHECK(text.commands[1].apart);
  CHECK_FALSE(text.commands[3].apart);
  CHECK(text.commands.back().in_background);
}

TEST_CASE("shell text: Nesting is looked into up to a bound") {
  std::string deep = "make";
  for (int i = 0; i < 200; ++i)
    deep = "echo $(" + deep + ")";
  CHECK(read_shell(deep).unfinished);
  CHECK_FALSE(read_shell(std::string(100000, '(')).commands.size() > 1);
}
