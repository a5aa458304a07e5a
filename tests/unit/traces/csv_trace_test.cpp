#include "traces/csv_trace.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.h"
#include "tests/unit/traces/read_text.h"

using namespace jobward;
using jobward::test::used;
using traces::HistoryFormat;

namespace {

test::ReadHistory read(const std::string& text, bool skip_bad = false) {
  return test::read_text(HistoryFormat::csv, text, skip_bad);
}

profiles::PastRun one_run(const std::string& text) {
  auto read_of_text = read(text);
  INFO(text);
  CHECK(read_of_text.error.empty());
  REQUIRE(read_of_text.runs.size() == 1);
  return read_of_text.runs.front();
}

// The error of a file with one row, of which one column has this text.
std::string error_of(const std::string& column, const std::string& value) {
  return read("job," + column + ",memory_bytes\nalign," + value + ",4096\n").error;
}

}  // namespace

TEST_CASE("csv trace: A row with all of its columns") {
  const auto run = one_run(
      "job,role,submitted_ms,started_ms,finished_ms,input_bytes,memory_bytes,wall_seconds,"
      "requested_bytes,read_bytes,written_bytes,cpu_seconds,disk_growth_bytes,outcome,program,"
      "command,id,feature:rows\n"
      "align,history,1700000000000,1700000001000,1700000061500,5000,1073741824,60.5,2147483648,"
      "4096,8192,100.25,1024,ok,bwa,bwa mem 'a b',r1,-3\n");
  CHECK(run.source == "csv");
  CHECK(run.id == "r1");
  CHECK(run.job == "align");
  CHECK(run.command == std::vector<std::string>{"bwa", "mem", "a b"});
  CHECK(run.history);
  CHECK(run.line == 2);
  CHECK(run.submitted == 1700000000000);
  CHECK(run.started == 1700000001000);
  CHECK(run.finished == 1700000061500);
  CHECK(run.requested_bytes == 2147483648.0);
  CHECK(run.observation.features == profiles::Features{{"size:input", 5000}, {"feature:rows", -3}});
  CHECK(used(run, Resource::memory) == "1073741824");
  CHECK(used(run, Resource::wall) == "60.5");
  CHECK(used(run, Resource::io_read) == "4096");
  CHECK(used(run, Resource::io_write) == "8192");
  CHECK(used(run, Resource::cpu_time) == "100.25");
  CHECK(used(run, Resource::disk_growth) == "1024");
}

TEST_CASE("csv trace: Columns are known by name, in any order") {
  const auto run = one_run("wall_seconds,job\n7,align\n");
  CHECK(run.job == "align");
  CHECK(used(run, Resource::wall) == "7");
  CHECK(used(run, Resource::memory).empty());
}

TEST_CASE("csv trace: Kinds are keyed by job, and by program where it is given") {
  const auto history = read("job,program,memory_bytes\na,,1\na,tool,1\nb,tool,1\na,,1\n");
  REQUIRE(history.runs.size() == 4);
  const auto& runs = history.runs;
  CHECK(runs[0].fingerprint.masked == profiles::kind_fingerprint("a").masked);
  CHECK(runs[0].fingerprint.exact.empty());
  CHECK(runs[0].fingerprint.program.empty());
  CHECK(runs[1].fingerprint.masked == runs[0].fingerprint.masked);
  CHECK(runs[1].fingerprint.program == profiles::kind_fingerprint("a", "tool").program);
  CHECK(runs[2].fingerprint.masked != runs[0].fingerprint.masked);
  CHECK(runs[2].fingerprint.program == runs[1].fingerprint.program);
  CHECK(runs[3].fingerprint.masked == runs[0].fingerprint.masked);
  CHECK(runs[3].fingerprint.program.empty());
}

TEST_CASE("csv trace: An empty field is not measured, 0 is, but not of memory") {
  const auto run = one_run(
      "job,role,memory_bytes,wall_seconds,requested_bytes,read_bytes,written_bytes,input_bytes\n"
      "a,,0,0,0,0,,\n");
  CHECK_FALSE(run.history);
  CHECK(used(run, Resource::memory).empty());
  CHECK_FALSE(run.requested_bytes);
  CHECK(used(run, Resource::wall) == "0");
  CHECK(used(run, Resource::io_read) == "0");
  CHECK(used(run, Resource::io_write).empty());
  CHECK(run.observation.features.empty());
  CHECK_FALSE(run.submitted);
}

TEST_CASE("csv trace: How a run ended says how its figures are meant") {
  const auto history = read(
      "job,memory_bytes,wall_seconds,outcome\n"
      "a,100,5,\na,100,5,memory_limit\na,100,5,wall_limit\na,100,5,failed\na,100,5,signaled\n");
  CHECK(history.error.empty());
  std::vector<std::string> memory;
  std::vector<std::string> wall;
  for (const auto& run : history.runs) {
    memory.push_back(used(run, Resource::memory));
    wall.push_back(used(run, Resource::wall));
  }
  CHECK(memory == std::vector<std::string>{"100", "more than 100", "at least 100", "at least 100",
                                           "at least 100"});
  CHECK(wall ==
        std::vector<std::string>{"5", "at least 5", "at least 5", "at least 5", "at least 5"});
}

TEST_CASE("csv trace: A run that never started says nothing and is left out") {
  const auto history = read("job,memory_bytes,outcome\na,1,refused\na,1,\n");
  CHECK(history.error.empty());
  CHECK(history.runs.size() == 1);
  CHECK(history.summary.rows == 2);
  CHECK(history.summary.skipped == 1);
  CHECK(history.summary.broken == 0);
  REQUIRE(history.summary.remarks.size() == 1);
  CHECK_THAT(history.summary.remarks[0],
             Catch::Contains("never started (refused)") && Catch::Contains("FILE:2"));
}

TEST_CASE("csv trace: Quotes as in RFC 4180, CRLF, and blanks around fields") {
  const auto run = one_run("job , memory_bytes\r\n\"a, \"\"b\"\"\" , 12 \r\n");
  CHECK(run.job == "a, \"b\"");
  CHECK(used(run, Resource::memory) == "12");
}

TEST_CASE("csv trace: Several quoted fields of any length") {
  const std::string job(50, 'j');
  const std::string id(300, 'i');
  const auto run = one_run("job,id,command,memory_bytes\n\"" + job + "\",\"" + id +
                           "\",\"a \"\"b c\"\"\",\"12\"\n");
  CHECK(run.job == job);
  CHECK(run.id == id);
  CHECK(run.command == std::vector<std::string>{"a", "b c"});
  CHECK(used(run, Resource::memory) == "12");
}

TEST_CASE("csv trace: A command line is split as a shell would, and nothing expanded") {
  const auto words = [](const std::string& field) {
    return one_run("job,wall_seconds,command\na,1," + field + "\n").command;
  };
  using Words = std::vector<std::string>;
  CHECK(words("python3 x.py --n=3 $HOME *.c") == Words{"python3", "x.py", "--n=3", "$HOME", "*.c"});
  CHECK(words("\"a 'b c' d\\ e \"\"\"\" \"\"q\\\"\"r\"\"\"") ==
        Words{"a", "b c", "d e", "", "q\"r"});
  CHECK(words("").empty());
  CHECK_THAT(
      read("job,wall_seconds,command\na,1,it's\n").error,
      Catch::Contains("FILE:2") && Catch::Contains("column command") && Catch::Contains("it's"));
}

TEST_CASE("csv trace: A broken field is named with file, line, column and what would be right") {
  const auto check = [](const std::string& column, const std::string& value,
                        const std::string& expected) {
    CAPTURE(column, value);
    CHECK_THAT(error_of(column, value),
               Catch::Contains("FILE:2") && Catch::Contains("column " + column) &&
                   Catch::Contains("\"" + value + "\"") && Catch::Contains("expected " + expected));
  };
  for (const auto* bad :
       {"-1", "nan", "inf", "-inf", "1e400", "12x", "1 2", "0x10", "8G", "1.2e18"})
    check("read_bytes", bad, "bytes");
  for (const auto* bad : {"-0.1", "NaN", "infinity", "3155760001", "5s"})
    check("wall_seconds", bad, "seconds");
  for (const auto* bad : {"-1", "32535216000000", "2024-01-02", "nan"})
    check("started_ms", bad, "milliseconds");
  for (const auto* bad : {"nan", "1e999", "big"})
    check("feature:rows", bad, "a finite");
  check("role", "train", "history or test");
  check("outcome", "oom", "an outcome");
}

TEST_CASE("csv trace: The largest values that are believed") {
  const auto run = one_run(
      "job,memory_bytes,wall_seconds,started_ms\n"
      "a,1152921504606846976,3155760000,32535215999999\n");
  CHECK(used(run, Resource::memory) == "1152921504606846976");
  CHECK(used(run, Resource::wall) == "3155760000");
  CHECK(run.started == 32535215999999);
}

TEST_CASE("csv trace: Numbers as other tools write them") {
  const auto run = one_run("job,memory_bytes,started_ms\na,1.5e9,1700000000000.0\n");
  CHECK(used(run, Resource::memory) == "1500000000");
  CHECK(run.started == 1700000000000);
}

TEST_CASE("csv trace: A row needs a job, and as many fields as there are columns") {
  CHECK_THAT(read("job,memory_bytes\n,12\n").error, Catch::Contains("FILE:2: column job"));
  CHECK_THAT(read("job,memory_bytes\na,1\na\n").error,
             Catch::Contains("FILE:3: 1 field where the header has 2 columns"));
  CHECK_THAT(read("job,memory_bytes\na,1,2\n").error,
             Catch::Contains("3 fields where the header has 2 columns"));
}

TEST_CASE("csv trace: Quotes that are wrong are an error of their line") {
  CHECK_THAT(read("job,memory_bytes\n\"a\nb\",1\n").error,
             Catch::Contains("FILE:2") && Catch::Contains("field 1 are not closed"));
  CHECK_THAT(read("job,memory_bytes\n\"a\"b,1\n").error,
             Catch::Contains("closing quote of field 1"));
  CHECK_THAT(read("job,memory_bytes\na \"b\",1\n").error, Catch::Contains("a quote in its middle"));
}

TEST_CASE("csv trace: A hostile field is shown printable and short") {
  const auto error = error_of("read_bytes", "\x1b[2J" + std::string(5000, 'x'));
  CHECK_THAT(error, Catch::Contains("\\x1b[2Jxxx"));
  CHECK(error.size() < 300);
  CHECK(one_run("job,memory_bytes\na\x1b[2J\xff,1\n").job == "a\\x1b[2J\\xff");
}

TEST_CASE("csv trace: A header that cannot be used is an error of its line") {
  const auto check = [](const std::string& header, const std::string& what) {
    CAPTURE(header);
    CHECK_THAT(read(header + "\n").error, Catch::Contains("FILE:1") && Catch::Contains(what));
  };
  check("align,12,7", "no header");
  check("job;memory_bytes", "with commas");
  check("\n\n", "no header");
  check("memory_bytes,wall_seconds", "no column job");
  check("job,read_bytes", "no column memory_bytes and none wall_seconds");
  check("job,memory_bytes,job", "\"job\" is there twice");
  check("job,memory_byte", "no column memory_bytes");
  check("job,memory_bytes,wal_seconds",
        "unknown column \"wal_seconds\"; did you mean wall_seconds?");
  check("job,memory_bytes,", "unknown column \"\"");
  check("job,memory_bytes,feature:a b", "the name of a feature");
  check("job,memory_bytes,\"outcome", "not closed");
  CHECK_THAT(read("").error, Catch::Contains("FILE") && Catch::Contains("empty"));
}

TEST_CASE("csv trace: A header without rows is a history without runs") {
  const auto history = read("job,memory_bytes");
  CHECK(history.error.empty());
  CHECK(history.summary.rows == 0);
}

TEST_CASE("csv trace: Times of a run that ended before it began are left out and told") {
  const auto history =
      read("job,submitted_ms,started_ms,finished_ms,wall_seconds\na,1,2000,1999,5\na,5,4,4,5\n");
  REQUIRE(history.runs.size() == 2);
  CHECK_FALSE(history.runs[0].submitted);
  CHECK_FALSE(history.runs[0].started);
  CHECK_FALSE(history.runs[0].finished);
  CHECK(used(history.runs[0], Resource::wall) == "5");
  CHECK(history.runs[1].submitted == 5);  // clocks of two machines, or rounded
  REQUIRE(history.summary.remarks.size() == 1);
  CHECK_THAT(history.summary.remarks[0],
             Catch::Contains("finished before it started") && Catch::Contains("FILE:2"));
}

TEST_CASE("csv trace: An id that is there twice is an error of the second line") {
  CHECK_THAT(read("id,job,memory_bytes\nx,a,1\n,a,1\n,a,1\nx,a,1\n").error,
             Catch::Contains("FILE:5: column id: \"x\" is there twice"));
}

TEST_CASE("csv trace: After an error every call gives the same one") {
  auto source = traces::TextSource::from_text("job,memory_bytes\na,1\na,x\na,1\n", "FILE");
  REQUIRE(source);
  auto reader = traces::read_history(HistoryFormat::csv, *std::move(source), {});
  REQUIRE(reader);
  CHECK((*reader)->next());
  const auto first = (*reader)->next();
  const auto second = (*reader)->next();
  REQUIRE_FALSE(first);
  REQUIRE_FALSE(second);
  CHECK(first.error().message() == second.error().message());
  CHECK((*reader)->summary().rows == 2);
  CHECK((*reader)->summary().used == 1);
  CHECK((*reader)->summary().broken == 1);
}

TEST_CASE("csv trace: Bad lines can be skipped, and are counted and described") {
  std::string text = "job,memory_bytes,colour,outcome\na,1,red,ok\n";
  for (int i = 0; i < 30; ++i)
    text += "a,x" + std::to_string(i) + ",red,ok\n";
  text += "a\n\"a\na,2,red,ok\na,3,red,lost\n";
  const auto history = read(text, true);
  CHECK(history.error.empty());
  CHECK(history.runs.size() == 2);
  CHECK(history.summary.rows == 35);
  CHECK(history.summary.used == 2);
  CHECK(history.summary.skipped == 33);
  CHECK(history.summary.broken == 33);
  REQUIRE(history.summary.complaints.size() == 20);
  CHECK_THAT(history.summary.complaints[0],
             Catch::StartsWith("FILE:3: column memory_bytes: \"x0\"; expected"));
  REQUIRE(history.summary.remarks.size() == 1);
  CHECK_THAT(history.summary.remarks[0], Catch::Contains("unknown column \"colour\""));
}

TEST_CASE("csv trace: Damage of the file is an error also where bad lines are skipped") {
  const std::string text = "job,memory_bytes\na,1\n" + std::string((1U << 20U) + 1, 'x');
  const auto history = read(text, true);
  CHECK(history.runs.size() == 1);
  CHECK_THAT(history.error, Catch::Contains("FILE:3"));
}

TEST_CASE("csv trace: A file that is not there is named") {
  const test::TemporaryDirectory directory;
  const auto reader = traces::open_history(HistoryFormat::csv, directory.path("none.csv"), {});
  REQUIRE_FALSE(reader);
  CHECK_THAT(reader.error().message(), Catch::Contains("none.csv"));
  CHECK(
      traces::open_history(HistoryFormat::csv, directory.write("a.csv", "job,memory_bytes\n"), {}));
}
