// Sources that are large, deep or broken: an answer in bounded time, never a crash, never "passed".
#include <catch2/catch.hpp>

#include "scan/sources.h"
#include "tests/unit/scan/scan_helpers.h"

using namespace jobward::scan;

namespace {

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i)
    out += text;
  return out;
}

const std::string kDef = "def checkpoint():\n    save()\n";

}  // namespace

TEST_CASE("hostile source: a syntax error is a problem with its line") {
  const auto report = judged({{"m.py", kDef + "x = (\n"}, {"n.py", kDef}}, {"checkpoint"});
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0].file == "m.py");
  CHECK(report.problems[0].line >= 3);
  CHECK(!report.passed());
  CHECK(judge_of("def checkpoint(:\n    save()\n", "checkpoint") == "problem");
  CHECK(judge_of("def checkpoint()\n    save()\n", "checkpoint") == "problem");
}

TEST_CASE("hostile source: deep nesting is refused, not followed") {
  CHECK(judge_of(kDef + "x = " + repeated("(", 100000) + repeated(")", 100000) + "\n",
                 "checkpoint") == "problem");
  CHECK(judge_of(kDef + "x = " + repeated("(", 5000) + "1" + repeated(")", 5000) + "\n",
                 "checkpoint") == "problem");
  CHECK(judge_of(kDef + "x = " + repeated("a + ", 5000) + "1\n", "checkpoint") == "problem");
  CHECK(judge_of(kDef + "x = " + repeated("not ", 1900) + "1\n", "checkpoint") == "ok");
  CHECK(judge_of(kDef + "x = " + repeated("lambda: ", 1900) + "1\n", "checkpoint") == "ok");
  std::string blocks;
  for (int i = 0; i < 300; ++i)
    blocks += std::string(static_cast<std::size_t>(i), ' ') + "if x:\n";
  blocks += std::string(300, ' ') + "pass\n";
  CHECK(!judge_of(kDef + blocks, "checkpoint").empty());
}

TEST_CASE("hostile source: names that stand for names without end") {
  std::string chain = "a0 = a0\n";
  for (int i = 1; i < 2000; ++i)
    chain += "a" + std::to_string(i) + " = a" + std::to_string(i - 1) + " and a" +
             std::to_string(i - 1) + "\n";
  CHECK(judge_of(chain + kDef + "if a1999:\n    checkpoint = a1999\n", "checkpoint") == "replaced");
  std::string classes = "class C0(C0):\n    pass\n";
  for (int i = 1; i < 300; ++i) {
    const auto before = "C" + std::to_string(i - 1);
    classes += "class C" + std::to_string(i) + "(" + before + ", " + before + "):\n    pass\n";
  }
  CHECK(judge_of(classes + "def checkpoint():\n    C299().go()\n    save()\n", "checkpoint") ==
        "ok");
  std::string calls;
  for (int i = 0; i < 20000; ++i)
    calls += "def f" + std::to_string(i) + "():\n    f" + std::to_string(i + 1) + "()\n";
  CHECK(judge_of(calls + "def checkpoint():\n    f0()\n", "checkpoint") == "ok");
}
