#include "cli/lesson_report.h"

#include <catch2/catch.hpp>
#include <string>

using namespace jobward::cli;

namespace {

LessonReport sample() {
  LessonReport report;
  report.file = "trace\x1b.csv";
  report.read = 5;
  report.fresh = 3;
  report.known = 1;
  report.skipped = 1;
  report.complaints = {"trace.csv:7: \x1b[31mbad"};
  report.remarks = {"left out: cached (1, first on line 3)"};
  report.kinds["sort it"] = {1, 1, true};
  report.kinds["train.py"] = {3, 2, false};
  return report;
}

}  // namespace

TEST_CASE("lesson_report: What was read, why not all, the kinds, and what to do next") {
  CHECK(report_text(sample()) ==
        "trace\\x1b.csv: 5 runs read, 3 imported, 1 known already, 1 skipped\n"
        "  trace.csv:7: \\x1b[31mbad\n"
        "  left out: cached (1, first on line 3)\n"
        "2 kinds:\n"
        "  train.py: 3 runs, 2 new\n"
        "  sort it: 1 run, 1 new\n"
        "next: jobward estimate --kind 'sort it'\n"
        "      jobward run --kind 'sort it' -- COMMAND\n"
        "      jobward estimate -- COMMAND, for those that are known by their command\n");
}

TEST_CASE("lesson_report: A dry run says that nothing was written, many kinds are cut short") {
  auto report = sample();
  report.dry_run = true;
  for (int i = 0; i < 20; ++i)
    report.kinds["kind" + std::to_string(i)] = {1, 1, true};
  const auto text = report_text(report);
  CHECK_THAT(text, Catch::Contains("3 would be imported") && Catch::Contains("22 kinds:\n") &&
                       Catch::Contains("  and 7 other kinds\n") &&
                       Catch::EndsWith("nothing was written: without --dry-run it is learned\n"));
}
