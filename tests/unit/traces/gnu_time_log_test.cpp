#include "traces/gnu_time_log.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/unit/traces/read_text.h"

using namespace jobward;
using jobward::test::used;
using traces::HistoryFormat;
using Words = std::vector<std::string>;

namespace {

test::ReadHistory read(const std::string& text, bool skip_bad = false) {
  return test::read_text(HistoryFormat::gnu_time, text, skip_bad);
}

struct Shape {
  std::string command = "python3 train.py --epochs 3";
  std::string elapsed = "1:02.50";
  std::string kilobytes = "2048";
  std::string status = "0";
  std::string faults = "57";
};

// As GNU time 1.9 prints it.
std::string report(const Shape& shape) {
  return "\tCommand being timed: \"" + shape.command +
         "\"\n\tUser time (seconds): 60.25\n\tSystem time (seconds): 1.50\n"
         "\tPercent of CPU this job got: 98%\n"
         "\tElapsed (wall clock) time (h:mm:ss or m:ss): " +
         shape.elapsed +
         "\n\tAverage shared text size (kbytes): 0\n\tAverage unshared data size (kbytes): 0\n"
         "\tAverage stack size (kbytes): 0\n\tAverage total size (kbytes): 0\n"
         "\tMaximum resident set size (kbytes): " +
         shape.kilobytes +
         "\n\tAverage resident set size (kbytes): 0\n"
         "\tMajor (requiring I/O) page faults: 0\n"
         "\tMinor (reclaiming a frame) page faults: " +
         shape.faults +
         "\n\tVoluntary context switches: 1\n\tInvoluntary context switches: 0\n\tSwaps: 0\n"
         "\tFile system inputs: 8\n\tFile system outputs: 16\n"
         "\tSocket messages sent: 0\n\tSocket messages received: 0\n\tSignals delivered: 0\n"
         "\tPage size (bytes): 4096\n\tExit status: " +
         shape.status + "\n";
}

profiles::PastRun one_run(const std::string& text) {
  return test::one_run(HistoryFormat::gnu_time, text);
}

}  // namespace

TEST_CASE("gnu time log: A report") {
  const auto run = one_run(report({}));
  CHECK(run.source == "gnu-time");
  CHECK(run.job == "python3");
  CHECK(run.fingerprint.masked == profiles::kind_fingerprint("python3").masked);
  CHECK(run.command == Words{"python3", "train.py", "--epochs", "3"});
  CHECK(run.line == 1);
  CHECK(run.id.size() == 32);
  CHECK_FALSE(run.started);
  CHECK(used(run, Resource::memory) == "2097152");
  CHECK(used(run, Resource::wall) == "62.5");
  CHECK(used(run, Resource::cpu_time) == "61.75");
  CHECK(used(run, Resource::io_read) == "4096");
  CHECK(used(run, Resource::io_write) == "8192");
}

TEST_CASE("gnu time log: Elapsed times") {
  const auto wall = [](const std::string& elapsed) {
    Shape shape;
    shape.elapsed = elapsed;
    return used(one_run(report(shape)), Resource::wall);
  };
  CHECK(wall("0:00.00") == "0");
  CHECK(wall("59:59.99") == "3599.99");
  CHECK(wall("1:02:03") == "3723");
  CHECK(wall("100:00:00") == "360000");
}

TEST_CASE("gnu time log: Several reports, with what the programs wrote between them") {
  Shape other;
  other.command = "/usr/bin/sort -k 2";
  const auto history = read("epoch 1\nMaximum resident set size (kbytes): 9\n" + report({}) +
                            "\nwarning: 12\r\n50%" + report(other) + "done");
  CHECK(history.error.empty());
  REQUIRE(history.runs.size() == 2);
  CHECK(history.runs[0].line == 3);
  CHECK(history.runs[1].job == "sort");
  CHECK(history.runs[1].line == 28);
  CHECK(history.summary.rows == 2);
}

TEST_CASE("gnu time log: A command with quotes and with a line end in it") {
  Shape shape;
  shape.command = "sh -c echo \"a\"\nexit";
  const auto run = one_run(report(shape));
  CHECK(run.command == Words{"sh", "-c", "echo", "\"a\"\nexit"});
  CHECK(used(run, Resource::memory) == "2097152");
}

TEST_CASE("gnu time log: Lines that end with CRLF") {
  std::string text;
  for (const char c : report({}))
    text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(used(one_run(text), Resource::memory) == "2097152");
}

TEST_CASE("gnu time log: A failed or killed program needed at least what was measured") {
  Shape shape;
  shape.status = "2";
  const auto failed = one_run("Command exited with non-zero status 2\n" + report(shape));
  CHECK(used(failed, Resource::memory) == "at least 2097152");
  CHECK(used(failed, Resource::wall) == "at least 62.5");
  const auto killed = one_run("Command terminated by signal 9\n" + report({}));
  CHECK(used(killed, Resource::memory) == "at least 2097152");
  CHECK(used(killed, Resource::io_read) == "at least 4096");
  const auto unended = one_run("50%Command terminated by signal 15\n" + report({}));
  CHECK(used(unended, Resource::memory) == "at least 2097152");
}

TEST_CASE("gnu time log: A signal counts for the report right behind it only") {
  Shape other;
  other.faults = "58";
  const auto history = read("Command terminated by signal 9\n" + report({}) + report(other) +
                            "Command terminated by signal 9\nmore\n" + report({"ls"}));
  REQUIRE(history.runs.size() == 3);
  CHECK(used(history.runs[0], Resource::memory) == "at least 2097152");
  CHECK(used(history.runs[1], Resource::memory) == "2097152");
  CHECK(used(history.runs[2], Resource::memory) == "2097152");
}

TEST_CASE("gnu time log: 0 kbytes is not measured") {
  Shape shape;
  shape.kilobytes = "0";
  CHECK(used(one_run(report(shape)), Resource::memory).empty());
}

TEST_CASE("gnu time log: The same report is the same run") {
  Shape other;
  other.faults = "58";
  CHECK(one_run(report({})).id == one_run("noise\n" + report({})).id);
  CHECK(one_run(report({})).id != one_run(report(other)).id);
  const auto history = read(report({}) + report(other) + report({}));
  CHECK(history.runs.size() == 2);
  CHECK(history.summary.skipped == 1);
  REQUIRE(history.summary.remarks.size() == 1);
  CHECK_THAT(history.summary.remarks[0], Catch::Contains("told twice"));
}

TEST_CASE("gnu time log: A report that cannot be read is named by its first line") {
  const auto check = [](const Shape& shape, const std::string& what) {
    CHECK_THAT(read("noise\n" + report(shape)).error,
               Catch::Contains("FILE:2") && Catch::Contains(what));
  };
  Shape shape;
  for (const auto* bad : {"-1", "nan", "x", "", "1e30"}) {
    shape.kilobytes = bad;
    check(shape, "Maximum resident set size (kbytes): \"" + std::string(bad) + "\"; expected");
  }
  shape = {};
  for (const auto* bad : {"5", "1:2:3:4", "x:1", "-1:00", "0:99"}) {
    shape.elapsed = bad;
    check(shape, "Elapsed (wall clock) time");
  }
  shape = {};
  shape.status = "?";
  check(shape, "Exit status");
  shape = {};
  shape.command = "";
  check(shape, "the command is empty");
  shape.command = "/ x";
  check(shape, "is no program");
}

TEST_CASE("gnu time log: A report without an end is broken") {
  const auto cut = report({}).substr(0, 400);
  CHECK_THAT(read(cut).error, Catch::Contains("FILE:1") && Catch::Contains("has no end"));
  const auto history = read(cut + "\n" + report({}), true);
  CHECK(history.error.empty());
  CHECK(history.runs.size() == 1);
  CHECK(history.summary.broken == 1);
}

TEST_CASE("gnu time log: A file without any report is an error") {
  CHECK_THAT(read("job,memory_bytes\na,1\n").error,
             Catch::Contains("FILE") && Catch::Contains("/usr/bin/time -v"));
}
