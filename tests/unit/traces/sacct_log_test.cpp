#include "traces/sacct_log.h"

#include <catch2/catch.hpp>
#include <cctype>
#include <string>
#include <vector>

#include "tests/unit/traces/read_text.h"
#include "traces/sacct_fields.h"

using namespace jobward;
using jobward::test::used;
using traces::HistoryFormat;
using Words = std::vector<std::string>;

namespace {

test::ReadHistory read(const std::string& text, bool skip_bad = false) {
  return test::read_text(HistoryFormat::sacct, text, skip_bad);
}

profiles::PastRun one_run(const std::string& text) {
  return test::one_run(HistoryFormat::sacct, text);
}

const std::string kHeader = "JobID|JobName|State|ElapsedRaw|MaxRSS|ReqMem|AllocCPUS|NTasks\n";

// A job of one step, which used 2 GiB.
std::string job(const std::string& id, const std::string& state, const std::string& request) {
  return id + "|align|" + state + "|100||" + request + "|4|\n" + id + ".batch|batch|" + state +
         "|100|2097152K||4|1\n";
}

}  // namespace

TEST_CASE("sacct log: A job with its steps") {
  const auto run = one_run(
      "JobID|JobName|State|ExitCode|Submit|Start|End|Elapsed|MaxRSS|ReqMem|AllocCPUS|NNodes|"
      "TotalCPU|NTasks|MaxDiskRead|SubmitLine\n"
      "4711|align|COMPLETED|0:0|2024-03-09T10:00:00|2024-03-09T10:05:00|2024-03-10T11:05:30|"
      "1-01:00:30||16G|4|1|02:03:04.500|||sbatch -n 4 --mem=16G align.sh a.fq\n"
      "4711.batch|batch|COMPLETED|0:0|2024-03-09T10:05:00|2024-03-09T10:05:00|"
      "2024-03-10T11:05:30|1-01:00:30|8126464K||4|1|00:01.500|1|12.5M|\n"
      "4711.extern|extern|COMPLETED|0:0|2024-03-09T10:05:00|2024-03-09T10:05:00|"
      "2024-03-10T11:05:30|1-01:00:30|900G||4|1|00:00:00|1|0|\n"
      "4711.0|bwa|COMPLETED|0:0|2024-03-09T10:05:01|2024-03-09T10:05:01|"
      "2024-03-10T11:05:30|1-01:00:29|1024K||4|1|02:03:03|1|99M|\n");
  CHECK(run.source == "sacct");
  CHECK(run.job == "align");
  CHECK(run.fingerprint.masked == profiles::kind_fingerprint("align").masked);
  CHECK(run.id == "4711@1709978700");
  CHECK(run.line == 2);
  CHECK(run.command == Words{"align.sh", "a.fq"});
  CHECK(run.submitted == 1709978400000);
  CHECK(run.started == 1709978700000);
  CHECK(run.finished == 1710068730000);
  CHECK(run.requested_bytes == 17179869184.0);
  CHECK(used(run, Resource::memory) == "8321499136");  // of the largest step, not of the last
  CHECK(used(run, Resource::wall) == "90030");
  CHECK(used(run, Resource::cpu_time) == "7384.5");
  CHECK(used(run, Resource::io_read).empty());  // what Slurm counts is not I/O of a disk
}

TEST_CASE("sacct log: Lines that end with a separator (sacct -p), names in any case") {
  const auto run = one_run("jobid|jobname|STATE|elapsedraw|maxrss|\n1|a|COMPLETED|5|1234K|\n");
  CHECK(used(run, Resource::wall) == "5");
  CHECK(used(run, Resource::memory) == "1263616");
}

TEST_CASE("sacct log: Sizes") {
  const auto memory = [](const std::string& text) {
    return used(one_run("JobID|JobName|State|MaxRSS\n1|a|COMPLETED|" + text + "\n"),
                Resource::memory);
  };
  CHECK(memory("1234K") == "1263616");
  CHECK(memory("1.50G") == "1610612736");
  CHECK(memory("2T") == "2199023255552");
  CHECK(memory("4096") == "4096");
  CHECK(memory("0").empty());
  CHECK(memory("").empty());
}

TEST_CASE("sacct log: What was requested, of all nodes and processors together") {
  const auto requested = [](const std::string& request, const std::string& cpus,
                            const std::string& nodes) {
    return one_run("JobID|JobName|State|ElapsedRaw|ReqMem|AllocCPUS|NNodes\n1|a|COMPLETED|1|" +
                   request + "|" + cpus + "|" + nodes + "\n")
        .requested_bytes;
  };
  CHECK(requested("16G", "4", "1") == 17179869184.0);
  CHECK(requested("4000Mc", "4", "1") == 16777216000.0);
  CHECK(requested("16Gn", "4", "2") == 34359738368.0);
  CHECK_FALSE(requested("4000Mc", "", "1"));
  CHECK_FALSE(requested("16Gn", "4", ""));
  CHECK_FALSE(requested("0n", "4", "1"));
  CHECK_FALSE(requested("", "4", "1"));
}

TEST_CASE("sacct log: A request that cannot be added up is told") {
  const auto history =
      read("JobID|JobName|State|MaxRSS|ReqMem\n1|a|COMPLETED|1K|16Gn\n2|a|COMPLETED|1K|1Gc\n");
  CHECK(history.error.empty());
  CHECK(history.runs.size() == 2);
  REQUIRE(history.summary.remarks.size() == 2);
  CHECK_THAT(history.summary.remarks[0],
             Catch::Contains("for a node") && Catch::Contains("FILE:2"));
  CHECK_THAT(history.summary.remarks[1], Catch::Contains("for a processor"));
}

TEST_CASE("sacct log: Out of memory means more than the limit") {
  const auto memory = [](const std::string& text) {
    return used(one_run(kHeader + text), Resource::memory);
  };
  CHECK(memory(job("1", "OUT_OF_MEMORY", "4G")) == "more than 4294967296");
  CHECK(memory(job("1", "OUT_OF_MEMORY", "2Gc")) == "more than 8589934592");
  CHECK(memory(job("1", "OUT_OF_MEMORY", "4Gn")) == "more than 4294967296");
  CHECK(memory(job("1", "OUT_OF_MEMORY", "")) == "more than 2147483648");
  // The script went on without the step that was killed.
  CHECK(memory("1|a|COMPLETED|100||4G|4|\n1.batch|batch|COMPLETED|100|1K||4|1\n"
               "1.0|x|OUT_OF_MEMORY|50|1K||4|1\n") == "more than 4294967296");
  const auto run = one_run(kHeader + job("1", "OUT_OF_MEMORY", "4G"));
  CHECK(used(run, Resource::wall) == "at least 100");
}

TEST_CASE("sacct log: At the time limit and failed: at least what was measured") {
  for (const auto* state : {"TIMEOUT", "FAILED", "DEADLINE"}) {
    CAPTURE(state);
    const auto run = one_run(kHeader + job("1", state, "4G"));
    CHECK(used(run, Resource::memory) == "at least 2147483648");
    CHECK(used(run, Resource::wall) == "at least 100");
  }
}

TEST_CASE("sacct log: What was ended from outside or is not over is left out with the reason") {
  const auto history =
      read(kHeader + job("1", "CANCELLED by 1000", "4G") + job("2", "NODE_FAIL", "4G") +
           job("3", "PREEMPTED", "4G") + "4|a|RUNNING|100||4G|4|\n5_[1-9]|a|PENDING|0||4G|4|\n" +
           job("6", "COMPLETED", "4G"));
  CHECK(history.error.empty());
  CHECK(history.runs.size() == 1);
  CHECK(history.summary.rows == 6);
  CHECK(history.summary.skipped == 5);
  CHECK(history.summary.broken == 0);
  CHECK(history.summary.remarks.size() == 5);
  CHECK_THAT(history.summary.remarks[0],
             Catch::Contains("CANCELLED: ended from outside") && Catch::Contains("FILE:2"));
}

TEST_CASE("sacct log: A step of several tasks tells only of one of them") {
  const auto history = read(kHeader +
                            "1|mpi|COMPLETED|100||4G|4|\n1.batch|batch|COMPLETED|100|3G||4|1\n"
                            "1.0|mpi|COMPLETED|100|1G||4|16\n");
  REQUIRE(history.runs.size() == 1);
  CHECK(used(history.runs[0], Resource::memory).empty());
  CHECK(used(history.runs[0], Resource::wall) == "100");
  REQUIRE(history.summary.remarks.size() == 1);
  CHECK_THAT(history.summary.remarks[0], Catch::Contains("MaxRSS is that of one task"));
  const auto nodes =
      one_run("JobID|JobName|State|ElapsedRaw|MaxRSS|NNodes\n1|a|COMPLETED|5|1G|2\n");
  CHECK(used(nodes, Resource::memory).empty());
}

TEST_CASE("sacct log: A MaxRSS that is not there is not measured, and told") {
  const auto history = read(kHeader + "1|a|COMPLETED|100||4G|4|\n");
  REQUIRE(history.runs.size() == 1);
  CHECK(used(history.runs[0], Resource::memory).empty());
  REQUIRE(history.summary.remarks.size() == 1);
  CHECK_THAT(history.summary.remarks[0], Catch::Contains("no MaxRSS"));
}

TEST_CASE("sacct log: Without NTasks one task is assumed, and told") {
  const auto history =
      read("JobID|JobName|State|MaxRSS\n1|a|COMPLETED|\n1.batch|batch|COMPLETED|1G\n");
  REQUIRE(history.runs.size() == 1);
  CHECK(used(history.runs[0], Resource::memory) == "1073741824");
  REQUIRE(history.summary.remarks.size() == 1);
  CHECK_THAT(history.summary.remarks[0], Catch::Contains("NTasks is not there"));
}

TEST_CASE("sacct log: Array and heterogeneous jobs, and steps without their job") {
  const auto history = read(kHeader + "9.0|x|COMPLETED|1|1K||4|1\n" +
                            job("7_1", "COMPLETED", "4G") + job("7_2", "COMPLETED", "4G") +
                            job("8+0", "COMPLETED", "4G") + "7_1.0|x|COMPLETED|1|900G||4|1\n");
  CHECK(history.error.empty());
  CHECK(history.runs.size() == 3);
  CHECK(history.summary.rows == 3);
  for (const auto& run : history.runs)
    CHECK(used(run, Resource::memory) == "2147483648");
  REQUIRE(history.summary.remarks.size() == 1);
  CHECK_THAT(history.summary.remarks[0],
             Catch::Contains("a step whose job") && Catch::Contains("2 times, first FILE:2"));
}

TEST_CASE("sacct log: A job that was started again is another run, the same line twice is not") {
  const std::string header = "JobID|JobName|State|Start|ElapsedRaw\n";
  const std::string first = "1|a|COMPLETED|2024-03-09T10:05:00|5\n";
  const auto history = read(header + first + "1|a|COMPLETED|2024-03-09T11:05:00|5\n" + header +
                            first + "2|a|COMPLETED|Unknown|5\n");
  CHECK(history.error.empty());
  CHECK(history.runs.size() == 3);
  CHECK(history.summary.rows == 4);
  CHECK(history.summary.skipped == 1);
}

TEST_CASE("sacct log: Processor time") {
  const auto cpu = [](const std::string& total, const std::string& user,
                      const std::string& system) {
    return used(one_run("JobID|JobName|State|ElapsedRaw|TotalCPU|UserCPU|SystemCPU\n"
                        "1|a|COMPLETED|5|" +
                        total + "|" + user + "|" + system + "\n"),
                Resource::cpu_time);
  };
  CHECK(cpu("01:30.250", "", "") == "90.25");
  CHECK(cpu("", "01:00", "00:30.500") == "90.5");
  CHECK(cpu("", "01:00", "").empty());
  CHECK(cpu("00:00:00", "", "").empty());  // what it says without accounting
}

TEST_CASE("sacct log: A broken line is named, and breaks its job only") {
  const auto check = [](const std::string& column, const std::string& value) {
    CAPTURE(column, value);
    const auto error =
        read("JobID|JobName|State|Elapsed|" + column + "\n1|a|COMPLETED|01:00|" + value + "\n")
            .error;
    std::string lower = column;
    for (char& c : lower)
      c = static_cast<char>(std::tolower(c));
    CHECK_THAT(error, Catch::Contains("FILE:2: column " + lower + ": \"" + value + "\"; expected"));
  };
  for (const auto* bad : {"-1K", "1Q", "big", "nan", "99999P"})
    check("MaxRSS", bad);
  for (const auto* bad : {"yesterday", "2024-13-01T00:00:00", "2024-02-30T00:00:00"})
    check("Start", bad);
  for (const auto* bad : {"-5", "1e99", "x"})
    check("ElapsedRaw", bad);
  for (const auto* bad : {"5", "1:2:3:4", "1-", "00:99", "INVALID"})
    check("TotalCPU", bad);
  check("ReqMem", "16Gx");
  CHECK_THAT(read("JobID|JobName|State|Elapsed\n1|a|DONE|01:00\n").error,
             Catch::Contains("column state"));
  CHECK_THAT(read("JobID|JobName|State|Elapsed\n|a|COMPLETED|01:00\n").error,
             Catch::Contains("column jobid"));
  CHECK_THAT(read("JobID|JobName|State|Elapsed\n1||COMPLETED|01:00\n").error,
             Catch::Contains("column jobname"));
}

TEST_CASE("sacct log: With bad lines skipped a job is used whole or not at all") {
  const auto history = read(kHeader + job("1", "COMPLETED", "4G") +
                                "2|a|COMPLETED|x||4G|4|\n2.batch|batch|COMPLETED|1|1G||4|1\n" +
                                "3|a|COMPLETED|1||4G|4|\n3.batch|batch|COMPLETED|1|1G||4|1\n"
                                "3.0|a|b|COMPLETED|1|8G||4|1\n" +
                                "4|a|b|COMPLETED|1||4G|4|\n4.batch|batch|COMPLETED|1|1G||4|1\n" +
                                job("5", "COMPLETED", "4G"),
                            true);
  CHECK(history.error.empty());
  CHECK(history.runs.size() == 2);
  CHECK(history.summary.rows == 5);
  CHECK(history.summary.broken == 3);
  REQUIRE(history.summary.complaints.size() == 3);
  CHECK_THAT(history.summary.complaints[0], Catch::StartsWith("FILE:4: column elapsedraw"));
  CHECK_THAT(history.summary.complaints[1], Catch::StartsWith("FILE:8: 9 fields where"));
  CHECK_THAT(history.summary.complaints[2], Catch::StartsWith("FILE:9: 9 fields where"));
  CHECK(history.summary.remarks.empty());
}

TEST_CASE("sacct log: A header of something else is an error") {
  const auto check = [](const std::string& header, const std::string& what) {
    CAPTURE(header);
    CHECK_THAT(read(header + "\n").error, Catch::Contains("FILE:1") && Catch::Contains(what));
  };
  check("JobID           JobName      State", "--parsable2");
  check("1|a|COMPLETED|100", "--parsable2");
  check("JobID|JobName|State", "no column MaxRSS");
  check("JobID|JobName|State|Elapsed|State", "\"state\" is there twice");
  check("\n", "no header");
}

TEST_CASE("sacct log: The command of a submit line, where it can be told") {
  using traces::submitted_command;
  CHECK(submitted_command("sbatch job.sh a b") == Words{"job.sh", "a", "b"});
  CHECK(submitted_command("/usr/bin/sbatch -n 4 -p fast --mem 4G --time=1:00 -n4 job.sh -x") ==
        Words{"job.sh", "-x"});
  CHECK(submitted_command("srun --exclusive -N1 ./mpi 3") == Words{"./mpi", "3"});
  CHECK(submitted_command("sbatch --unheard-of job.sh").empty());
  CHECK(submitted_command("sbatch --wrap=python3 x.py").empty());
  CHECK(submitted_command("sbatch --wrap python3 x.py").empty());
  CHECK(submitted_command("salloc -n 4 bash").empty());
  CHECK(submitted_command("sbatch -n").empty());
  CHECK(submitted_command("sbatch").empty());
  CHECK(submitted_command("").empty());
}
