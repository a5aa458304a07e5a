#include "traces/nextflow_trace.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/unit/traces/read_text.h"

using namespace jobward;
using jobward::test::used;
using traces::HistoryFormat;

namespace {

test::ReadHistory read(const std::string& text, bool skip_bad = false) {
  return test::read_text(HistoryFormat::nextflow, text, skip_bad);
}

// The columns of a trace without `trace.fields`, and three of those one can add.
const std::string kHeader =
    "task_id\thash\tnative_id\tname\tstatus\texit\tsubmit\tduration\trealtime\t%cpu\tpeak_rss\t"
    "peak_vmem\trchar\twchar\tmemory\tread_bytes\twrite_bytes\n";

std::string row(const std::string& hash, const std::string& name, const std::string& status,
                const std::string& exit, const std::string& rss, const std::string& memory) {
  return "3\t" + hash + "\t21234\t" + name + "\t" + status + "\t" + exit +
         "\t2024-03-09 10:11:12.345\t2m 5s\t1m 58s\t187.5%\t" + rss + "\t3 GB\t1 GB\t10 MB\t" +
         memory + "\t512 MB\t1.5 KB\n";
}

profiles::PastRun one_run(const std::string& text) {
  return test::one_run(HistoryFormat::nextflow, text);
}

}  // namespace

TEST_CASE("nextflow trace: A task as it is written for people") {
  const auto run = one_run(
      kHeader + row("3f/a1b2c3", "RNA:ALIGN (sample 1)", "COMPLETED", "0", "1.5 GB", "6 GB"));
  CHECK(run.source == "nextflow");
  CHECK(run.job == "RNA:ALIGN");
  CHECK(run.fingerprint.masked == profiles::kind_fingerprint("RNA:ALIGN").masked);
  CHECK(run.id == "3f/a1b2c3@2024-03-09 10:11:12.345");
  CHECK(run.line == 2);
  CHECK(run.submitted == 1709979072345);
  CHECK_FALSE(run.started);
  CHECK(run.requested_bytes == 6442450944.0);
  CHECK(used(run, Resource::memory) == "1610612736");  // units count in 1024
  CHECK(used(run, Resource::wall) == "118");
  CHECK(used(run, Resource::cpu_time) == "221.25");
  CHECK(used(run, Resource::io_read) == "536870912");
  CHECK(used(run, Resource::io_write) == "1536");
}

TEST_CASE("nextflow trace: A task as it is written raw, with its process") {
  const auto run = one_run(
      "process\tname\tstatus\tsubmit\tstart\tcomplete\trealtime\t%cpu\tpeak_rss\tmemory\n"
      "QC\tQC (a (b))\tCOMPLETED\t1709979072345\t1709979073000\t1709979075500\t2345\t98.0\t"
      "123456789\t-\n");
  CHECK(run.job == "QC");
  CHECK(run.submitted == 1709979072345);
  CHECK(run.started == 1709979073000);
  CHECK(run.finished == 1709979075500);
  CHECK(used(run, Resource::wall) == "2.345");
  CHECK(used(run, Resource::memory) == "123456789");
  CHECK_FALSE(run.requested_bytes);
}

TEST_CASE("nextflow trace: A name without its tag is the job") {
  for (const auto* name : {"ALIGN", "ALIGN (1)", "ALIGN (a (b))"}) {
    CAPTURE(name);
    CHECK(one_run(kHeader + row("a/b", name, "COMPLETED", "0", "1 GB", "-")).job == "ALIGN");
  }
}

TEST_CASE("nextflow trace: Durations") {
  const auto seconds = [](const std::string& text) {
    return used(one_run("name\tstatus\trealtime\nA\tCOMPLETED\t" + text + "\n"), Resource::wall);
  };
  CHECK(seconds("3m 12s") == "192");
  CHECK(seconds("1h 2m 3s") == "3723");
  CHECK(seconds("2d 3h") == "183600");
  CHECK(seconds("1.5s") == "1.5");
  CHECK(seconds("250ms") == "0.25");
  CHECK(seconds("0") == "0");
  CHECK(seconds("1500") == "1.5");
  CHECK(seconds("-").empty());
  CHECK(seconds("").empty());
}

TEST_CASE("nextflow trace: What is not there, or 0 bytes of memory, is not measured") {
  const auto run = one_run(kHeader + row("a/b", "A", "COMPLETED", "0", "0", "-"));
  CHECK(used(run, Resource::memory).empty());
  CHECK_FALSE(run.requested_bytes);
}

TEST_CASE("nextflow trace: A failed task needed at least what was measured") {
  const auto failed = one_run(kHeader + row("a/b", "A", "FAILED", "1", "1 GB", "6 GB"));
  CHECK(used(failed, Resource::memory) == "at least 1073741824");
  CHECK(used(failed, Resource::wall) == "at least 118");
}

TEST_CASE("nextflow trace: A killed task needed at least its request") {
  const auto killed = one_run(kHeader + row("a/b", "A", "FAILED", "137", "1 GB", "6 GB"));
  CHECK(used(killed, Resource::memory) == "at least 6442450944");
  const auto unlimited = one_run(kHeader + row("a/b", "A", "FAILED", "137", "1 GB", "-"));
  CHECK(used(unlimited, Resource::memory) == "at least 1073741824");
  const auto stopped = one_run(kHeader + row("a/b", "A", "FAILED", "143", "1 GB", "6 GB"));
  CHECK(used(stopped, Resource::memory) == "at least 1073741824");
}

TEST_CASE("nextflow trace: Cached and aborted tasks are no runs, and are told") {
  const auto history =
      read(kHeader + row("a/1", "A", "CACHED", "0", "1 GB", "-") +
           row("a/2", "A", "CACHED", "0", "1 GB", "-") + row("a/3", "A", "ABORTED", "-", "-", "-") +
           row("a/4", "A", "COMPLETED", "0", "1 GB", "-"));
  CHECK(history.error.empty());
  CHECK(history.runs.size() == 1);
  CHECK(history.summary.rows == 4);
  CHECK(history.summary.skipped == 3);
  CHECK(history.summary.broken == 0);
  REQUIRE(history.summary.remarks.size() == 2);
  CHECK_THAT(history.summary.remarks[0], Catch::Contains("ABORTED") && Catch::Contains("FILE:4"));
  CHECK_THAT(history.summary.remarks[1],
             Catch::Contains("CACHED") && Catch::Contains("2 times, first FILE:2"));
}

TEST_CASE("nextflow trace: Traces put one after another: their headers, and the same task twice") {
  const auto task = row("a/1", "A", "COMPLETED", "0", "1 GB", "-");
  const auto history =
      read(kHeader + task + kHeader + task + row("a/2", "A", "COMPLETED", "0", "1 GB", "-"));
  CHECK(history.error.empty());
  CHECK(history.runs.size() == 2);
  CHECK(history.summary.rows == 3);
  REQUIRE(history.summary.remarks.size() == 1);
  CHECK_THAT(history.summary.remarks[0], Catch::Contains("told twice"));
}

TEST_CASE("nextflow trace: What it is known by without a hash") {
  const auto id = [](const std::string& header, const std::string& fields) {
    return one_run(header + "\tname\tstatus\trealtime\n" + fields + "\tA\tCOMPLETED\t1s\n").id;
  };
  CHECK(id("task_id\tnative_id\tstart", "4\t99\t2024-03-09 10:11:12.345") ==
        "4/99@2024-03-09 10:11:12.345");
  CHECK(id("task_id\tnative_id", "4\t99").empty());  // every pipeline has a task 4
}

TEST_CASE("nextflow trace: A broken field is named") {
  const auto check = [](const std::string& column, const std::string& value) {
    CAPTURE(column, value);
    const auto error =
        read("name\tstatus\trealtime\t" + column + "\nA\tCOMPLETED\t1s\t" + value + "\n").error;
    CHECK_THAT(error,
               Catch::Contains("FILE:2: column " + column + ": \"" + value + "\"; expected"));
  };
  for (const auto* bad : {"1 GiBs", "1,5 GB", "-1", "lots", "nan", "9999 EB"})
    check("peak_rss", bad);
  for (const auto* bad : {"yesterday", "2024-02-30 00:00:00", "2024-01-01", "1969-12-31 23:59:59"})
    check("submit", bad);
  for (const auto* bad : {"-5%", "nan", "fast"})
    check("%cpu", bad);
  const auto durations = [](const std::string& value) {
    return read("name\tstatus\trealtime\nA\tCOMPLETED\t" + value + "\n").error;
  };
  for (const auto* bad : {"1x", "1m 2", "m", "-1", "nan", "40000d", "1e99"}) {
    CAPTURE(bad);
    CHECK_THAT(durations(bad), Catch::Contains("FILE:2: column realtime"));
  }
}

TEST_CASE("nextflow trace: A row that is no task is broken") {
  CHECK_THAT(read(kHeader + row("a/b", "A", "DONE", "0", "1 GB", "-")).error,
             Catch::Contains("FILE:2: column status: \"DONE\""));
  CHECK_THAT(read(kHeader + row("a/b", "-", "COMPLETED", "0", "1 GB", "-")).error,
             Catch::Contains("column name"));
  const auto history = read(
      kHeader + "only\tthree\tfields\n" + row("a/b", "A", "COMPLETED", "0", "1 GB", "-"), true);
  CHECK(history.error.empty());
  CHECK(history.runs.size() == 1);
  REQUIRE(history.summary.complaints.size() == 1);
  CHECK_THAT(history.summary.complaints[0], Catch::Contains("3 fields where"));
}

TEST_CASE("nextflow trace: A header of something else is an error") {
  const auto check = [](const std::string& header, const std::string& what) {
    CAPTURE(header);
    CHECK_THAT(read(header + "\n").error, Catch::Contains("FILE:1") && Catch::Contains(what));
  };
  check("job,memory_bytes", "no column process");
  check("name\trealtime", "no column status");
  check("name\tstatus\texit", "no column peak_rss");
  check("name\tstatus\trealtime\tname", "\"name\" is there twice");
  check("\n", "no header");
}
