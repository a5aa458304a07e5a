#include "profiles/features.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/fake_file_probe.h"

using namespace jobward::profiles;
using jobward::test::FakeFileProbe;
using Words = std::vector<std::string>;

namespace {

FakeFileProbe some_files() {
  FakeFileProbe files;
  files.add_sized_file("/w/a.txt", 100).add_sized_file("/w/b.txt", 20);
  files.add_sized_file("/w/train.py", 7).add_sized_file("/w/10", 5).add_sized_file("/data/-x", 9);
  files.add_directory("/w", 1000)
      .add_directory("/w/tree", 300)
      .add_directory("/w/huge", std::nullopt);
  files.add_other("/dev/null");
  return files;
}

Features features(const Words& arguments) {
  const Program program{"train.py", "/w/train.py", "python3 train.py", arguments};
  return command_features(program, "/w", some_files());
}

}  // namespace

TEST_CASE("features: Sizes of the files that flags name") {
  CHECK(features({"--data", "a.txt"}) == Features{{"size:--data", 100}});
  CHECK(features({"--data=a.txt"}) == Features{{"size:--data", 100}});
  CHECK(features({"data=/w/a.txt"}) == Features{{"size:data", 100}});
  CHECK(features({"-i", "./tree/"}) == Features{{"size:-i", 300}});
}

TEST_CASE("features: Sizes of the files that operands name") {
  CHECK(features({"build", "--fast=yes", "a.txt"}) == Features{{"size:arg2", 100}});
  CHECK(features({"--", "../data/-x"}) == Features{{"size:arg1", 9}});
  CHECK(features({"."}) == Features{{"size:arg1", 1000}});
}

TEST_CASE("features: The total of several inputs") {
  CHECK(features({"a.txt", "b.txt"}) ==
        Features{{"size:arg1", 100}, {"size:arg2", 20}, {"size:total", 120}});
  CHECK(features({"--data", "a.txt", "--data", "b.txt"}) ==
        Features{{"size:--data", 120}, {"size:total", 120}});
}

TEST_CASE("features: What could not be measured is absent, and so is the sum that lacks it") {
  CHECK(features({"huge"}).empty());
  CHECK(features({"a.txt", "b.txt", "huge"}) == Features{{"size:arg1", 100}, {"size:arg2", 20}});
  CHECK(features({"--data", "a.txt", "--data", "huge"}).empty());
}

TEST_CASE("features: The script, devices, words and missing files are no inputs") {
  CHECK(features({"train.py", "./train.py", "/dev/null", "word", "missing.txt", "", "--data="})
            .empty());
}

TEST_CASE("features: An empty file is an input of size 0") {
  FakeFileProbe files;
  files.add_file("/w/empty", "");
  CHECK(command_features({"x", "", "x", {"empty"}}, "/w", files) == Features{{"size:arg1", 0}});
}

TEST_CASE("features: Numeric arguments") {
  CHECK(features({"--epochs", "3"}) == Features{{"num:--epochs", 3}});
  CHECK(features({"--lr=1e-3"}) == Features{{"num:--lr", 0.001}});
  CHECK(features({"--offset", "-5"}) == Features{{"num:--offset", -5}});
  CHECK(features({"--buffer", "2K"}) == Features{{"num:--buffer", 2048}});
  CHECK(features({"--buffer", "1.5G"}) == Features{{"num:--buffer", 1610612736.0}});
  CHECK(features({"seed=7", "4", "word", "5"}) ==
        Features{{"num:seed", 7}, {"num:arg1", 4}, {"num:arg3", 5}});
  CHECK(features({"-j8"}) == Features{{"num:-j", 8}});
  CHECK(features({"--epochs", "3", "--epochs", "9"}) == Features{{"num:--epochs", 9}});
}

TEST_CASE("features: What is no number") {
  CHECK(features({"--a", "inf", "--b=nan", "--c", "10ms", "--d=1e999", "--e=0x10", "3d"}).empty());
}

TEST_CASE("features: A number is not looked up as a file") {
  const auto files = some_files();
  CHECK(command_features({"x", "", "x", {"10"}}, "/w", files) == Features{{"num:arg1", 10}});
  CHECK(files.looked().empty());
}

TEST_CASE("features: A flag before a flag has no value") {
  CHECK(features({"--fast", "--epochs", "3"}) == Features{{"num:--epochs", 3}});
  CHECK(features({"--epochs"}).empty());
}

TEST_CASE("features: After -- nothing is a flag") {
  CHECK(features({"--", "--n", "5"}) == Features{{"num:arg2", 5}});
}

TEST_CASE("features: A thousand inputs leave a bounded record and a whole sum") {
  FakeFileProbe files;
  Words arguments;
  for (int i = 0; i < 1000; ++i) {
    arguments.push_back("f" + std::to_string(i));
    files.add_sized_file("/w/f" + std::to_string(i), 2);
  }
  const auto found = command_features({"cat", "", "cat", arguments}, "/w", files);
  CHECK(found.size() == 65);
  CHECK(found.at("size:total") == 2000);
}

TEST_CASE("features: Declared features") {
  const auto declared = declared_features({"rows=1e6", "a.B-c_9=-2"});
  REQUIRE(declared);
  CHECK(*declared == Features{{"feature:rows", 1e6}, {"feature:a.B-c_9", -2}});
  CHECK(declared_features({})->empty());
}

TEST_CASE("features: A bad declared feature is named") {
  for (const std::string text : {"rows", "=3", "ro ws=3", "é=3", "rows=", "rows=many", "rows=inf",
                                 "rows=nan", "rows=3x", "rows= 3", "rows=1e999", ""}) {
    CAPTURE(text);
    const auto declared = declared_features({"ok=1", text});
    REQUIRE_FALSE(declared);
    CHECK(declared.error().object == '"' + text + '"');
    CHECK(!declared.error().detail.empty());
  }
  const auto twice = declared_features({"a=1", "a=2"});
  REQUIRE_FALSE(twice);
  CHECK(twice.error().object == "\"a=2\"");
}
