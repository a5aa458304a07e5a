#include "cli/arguments.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using jobward::cli::Arguments;
using Words = std::vector<std::string>;

namespace {

Arguments split(Words words) {
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  return jobward::cli::split_arguments(static_cast<int>(argv.size()), argv.data());
}

}  // namespace

TEST_CASE("arguments: What stands behind -- is the command, byte for byte") {
  const Words command{"\xff\xfe", "", "a\nb", "--mem", "8G", "$(x)", "caf\xc3\xa9"};
  Words all{"--quiet", "--"};
  all.insert(all.end(), command.begin(), command.end());
  const auto arguments = split(all);
  CHECK(arguments.options == Words{"--quiet"});
  REQUIRE(arguments.command);
  CHECK(*arguments.command == command);
}

TEST_CASE("arguments: Only the first -- ends the options, the others are the command's") {
  const auto arguments = split({"--mem", "8G", "--", "git", "log", "--", "file"});
  CHECK(arguments.options == Words{"--mem", "8G"});
  REQUIRE(arguments.command);
  CHECK(*arguments.command == Words{"git", "log", "--", "file"});
}

TEST_CASE("arguments: Without -- there is no command, with nothing behind it an empty one") {
  const auto without = split({"train.py", "---", "-"});
  CHECK(without.options == Words{"train.py", "---", "-"});
  CHECK(!without.command);
  const auto empty = split({"--"});
  CHECK(empty.options.empty());
  REQUIRE(empty.command);
  CHECK(empty.command->empty());
  CHECK(!split({}).command);
}
