#include "host/observe/proc_parse.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace jobward::host;
using Pids = std::vector<int>;

namespace {

constexpr auto kMeminfo =
    "MemTotal:       24117248 kB\nMemFree:         1234567 kB\nMemAvailable:   20000000 kB\n"
    "Buffers:           12345 kB\nSwapCached:            0 kB\nSwapTotal:       2097148 kB\n"
    "SwapFree:        1048576 kB\nHugePages_Total:       0\nHugepagesize:       2048 kB\n";

constexpr auto kPressure =
    "some avg10=1.50 avg60=0.30 avg300=0.07 total=123456\n"
    "full avg10=0.00 avg60=0.10 avg300=0.02 total=65432\n";

// /proc/PID/stat of a process with this name, state and number of threads.
std::string stat_text(const std::string& name, char state = 'S', int threads = 3) {
  return "4242 (" + name + ") " + state +
         " 17 4242 4000 34816 5000 4194304 1500 0 2 0 77 33 5 6 20 0 " + std::to_string(threads) +
         " 0 987654 1000000 500 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n";
}

}  // namespace

TEST_CASE("proc_parse: meminfo is read in bytes") {
  const auto memory = parse_meminfo(kMeminfo);
  REQUIRE(memory);
  CHECK(memory->total == 24117248ULL * 1024);
  CHECK(memory->available == 20000000ULL * 1024);
  CHECK(memory->swap_total == 2097148ULL * 1024);
  CHECK(memory->swap_free == 1048576ULL * 1024);
}

TEST_CASE("proc_parse: meminfo that lacks or breaks a line is an error") {
  CHECK_FALSE(parse_meminfo(""));
  CHECK_FALSE(parse_meminfo("MemTotal: 5 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"));
  for (const auto* broken :
       {"", "x kB", "5", "5 MB", "-5 kB", "5 kB 6", "18446744073709551615 kB"}) {
    CAPTURE(broken);
    CHECK_FALSE(parse_meminfo(std::string("MemTotal: 5 kB\nMemAvailable: ") + broken +
                              "\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"));
  }
}

TEST_CASE("proc_parse: pressure has both lines, or only some") {
  const auto both = parse_pressure(kPressure);
  REQUIRE(both);
  CHECK(both->some.avg10 == Approx(1.5));
  CHECK(both->some.avg300 == Approx(0.07));
  CHECK(both->some.total_us == 123456);
  REQUIRE(both->full);
  CHECK(both->full->avg60 == Approx(0.1));
  CHECK(both->full->total_us == 65432);
  const auto cpu = parse_pressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  REQUIRE(cpu);
  CHECK_FALSE(cpu->full);
}

TEST_CASE("proc_parse: broken pressure is an error") {
  for (const auto* text :
       {"", "\n", "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", "some avg10=0.00\n",
        "some avg10=x avg60=0.00 avg300=0.00 total=0\n",
        "some avg10=nan avg60=0 avg300=0 total=0\n",
        "some avg10=-1 avg60=0.00 avg300=0.00 total=0\n", "some avg60=0 avg10=0 avg300=0 total=0\n",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=-1\n",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=1.5\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_pressure(text));
  }
}

TEST_CASE("proc_parse: pressure that is no finite number is an error") {
  CHECK_FALSE(parse_pressure("some avg10=inf avg60=0.00 avg300=0.00 total=0\n"));
}

TEST_CASE("proc_parse: stat is read field by field") {
  const auto stat = parse_stat(stat_text("cat"));
  REQUIRE(stat);
  CHECK(stat->pid == 4242);
  CHECK(stat->name == "cat");
  CHECK(stat->state == 'S');
  CHECK(stat->parent == 17);
  CHECK(stat->process_group == 4242);
  CHECK(stat->session == 4000);
  CHECK(stat->user_ticks == 77);
  CHECK(stat->system_ticks == 33);
  CHECK(stat->waited_ticks == 5 + 6);
  CHECK(stat->threads == 3);
  CHECK(stat->start_ticks == 987654);
}

TEST_CASE("proc_parse: A hostile process name misleads nobody") {
  for (const auto* name :
       {"foo) Z ", ")))(((", "", "(", ")", "a\nb", "\n", "\t", " ", ") R 1 1 1 (", "caf\xc3",
        "\x1b[2J", "x) Z 1 1 1 0 0 0 0 ", "MemTotal: 1"}) {
    CAPTURE(name);
    const auto stat = parse_stat(stat_text(name));
    REQUIRE(stat);
    CHECK(stat->name == name);
    CHECK(stat->pid == 4242);
    CHECK(stat->state == 'S');
    CHECK(stat->parent == 17);
    CHECK(stat->start_ticks == 987654);
  }
}

TEST_CASE("proc_parse: A zombie leader shows how many threads it has left") {
  const auto stat = parse_stat(stat_text("leader", 'Z', 2));
  REQUIRE(stat);
  CHECK(stat->state == 'Z');
  CHECK(stat->threads == 2);
}

TEST_CASE("proc_parse: A broken stat is an error") {
  for (const std::string& text :
       {std::string(), std::string("4242"), std::string("4242 cat S 1"),
        std::string("4242 (cat) S 1 2"), std::string(")4242("), "x" + stat_text("cat"),
        stat_text("cat", ' '),
        std::string("4242 (cat) SS 17 1 1 0 0 0 0 0 0 0 7 3 0 0 20 0 1 0 9 0\n"),
        std::string("4242 (cat) S 99999999999 1 1 0 0 0 0 0 0 0 7 3 0 0 20 0 1 0 9 0\n"),
        std::string("4242 (cat) S 17 1 1 0 0 0 0 0 0 0 -7 3 0 0 20 0 1 0 9 0\n"),
        std::string("4242 (cat) S 17 1 1 0 0 0 0 0 0 0 7 3 x 0 20 0 1 0 9 0\n"),
        std::string(
            "4242 (cat) S 17 1 1 0 0 0 0 0 0 0 7 3 0 9223372036854775808 20 0 1 0 9 0\n")}) {
    CAPTURE(text);
    CHECK_FALSE(parse_stat(text));
  }
}

TEST_CASE("proc_parse: The time of children is signed in the kernel, and less than none is none") {
  const auto stat = parse_stat("4242 (cat) S 17 1 1 0 0 0 0 0 0 0 7 3 -8 6 20 0 1 0 9 0\n");
  REQUIRE(stat);
  CHECK(stat->waited_ticks == 6);
}

TEST_CASE("proc_parse: io counts storage, not what the caches took") {
  const auto io = parse_io(
      "rchar: 11\nwchar: 12\nsyscr: 13\nsyscw: 14\nread_bytes: 4096\nwrite_bytes: 8192\n"
      "cancelled_write_bytes: 0\n");
  REQUIRE(io);
  CHECK(io->read_bytes == 4096);
  CHECK(io->write_bytes == 8192);
  CHECK(io->transferred == 11 + 12);  // also through caches, pipes and terminals
  for (const auto* text : {"", "read_bytes: 1\n", "read_bytes: 1\nwrite_bytes: -1\n",
                           "read_bytes: x\nwrite_bytes: 1\n", "read_bytes 1 2\nwrite_bytes: 1\n",
                           "rchar: x\nread_bytes: 1\nwrite_bytes: 1\n",
                           "wchar: -1\nread_bytes: 1\nwrite_bytes: 1\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_io(text));
  }
}

TEST_CASE("proc: statm tells what is in memory and what is private, in bytes") {
  const auto sizes = parse_statm("2078 412 356 5 0 161 0\n", 4096);
  REQUIRE(sizes);
  CHECK(sizes->resident == 412U * 4096);
  CHECK(sizes->data == 161U * 4096);
  for (const char* text : {"", "2078 412", "2078 412 356 5 0\n", "a b c d e f g", "1 -2 3 4 5 6 7"})
    CHECK_FALSE(parse_statm(text, 4096));
}

TEST_CASE("proc_parse: The memory of a process is read from its status") {
  const auto memory = parse_status_memory(
      "Name:\tRssAnon\\n\nUmask:\t0022\nVmRSS:\t    4096 kB\nRssAnon:\t    1024 kB\n"
      "RssFile:\t    2048 kB\nRssShmem:\t    512 kB\nVmSwap:\t     256 kB\nThreads:\t1\n");
  REQUIRE(memory);
  REQUIRE(*memory);
  CHECK((*memory)->anon == 1024 * 1024);
  CHECK((*memory)->file == 2048 * 1024);
  CHECK((*memory)->shmem == 512 * 1024);
  CHECK((*memory)->swap == 256 * 1024);
}

TEST_CASE("proc_parse: A kernel thread has no memory, which is no error") {
  const auto memory = parse_status_memory("Name:\tkthreadd\nState:\tS (sleeping)\nThreads:\t1\n");
  REQUIRE(memory);
  CHECK_FALSE(*memory);
  CHECK_FALSE(parse_status_memory("RssAnon:\tlots\nRssFile:\t1 kB\nRssShmem:\t1 kB\n"));
}

TEST_CASE("proc_parse: The proportional set size leaves out what can be reclaimed") {
  const std::string head = "55d0c0c00000-7ffd5a5f2000 ---p 00000000 00:00 0          [rollup]\n";
  CHECK(parse_smaps_rollup(head + "Rss: 900 kB\nPss: 500 kB\nPss_Anon: 100 kB\nPss_File: 390 kB\n"
                                  "Pss_Shmem: 10 kB\nSwap: 9 kB\nSwapPss: 5 kB\n")
            .value() == 115 * 1024);
  CHECK(parse_smaps_rollup(head + "Pss: 500 kB\nSwapPss: 5 kB\n").value() == 505 * 1024);
  CHECK_FALSE(parse_smaps_rollup(head));
  CHECK_FALSE(parse_smaps_rollup(""));
}

TEST_CASE("proc_parse: Proportional sizes that overflow are an error, not a small number") {
  const std::string huge = "18014398509481983 kB\n";  // just under 2^64 bytes
  CHECK_FALSE(parse_smaps_rollup("Pss_Anon: " + huge + "Pss_Shmem: " + huge + "SwapPss: 0 kB\n"));
}

TEST_CASE("proc_parse: Keyed files give a number for each key") {
  const auto keyed =
      parse_flat_keyed("oom_kill_disable 0\nunder_oom 0\noom_kill 18446744073709551615\n");
  REQUIRE(keyed);
  CHECK(keyed->size() == 3);
  CHECK(keyed->at("oom_kill") == 18446744073709551615ULL);
  CHECK(parse_flat_keyed("").value().empty());
  for (const auto* text : {"key\n", "key \n", " 5\n", "key -1\n", "key 1 2\n", "key 1.5\n",
                           "key 18446744073709551616\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_flat_keyed(text));
  }
}

TEST_CASE("proc_parse: A counter is a number, and max is none") {
  CHECK(parse_counter("42\n").value() == 42U);
  CHECK(parse_counter("0").value() == 0U);
  CHECK_FALSE(parse_counter("max\n").value());
  for (const auto* text :
       {"", "\n", "-1\n", "maximum\n", "4 2\n", "18446744073709551616\n", "0x1\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_counter(text));
  }
}

TEST_CASE("proc_parse: Process ids come by line or by space") {
  CHECK(parse_pids("1\n22\n333\n").value() == Pids{1, 22, 333});
  CHECK(parse_pids("22 333 ").value() == Pids{22, 333});
  CHECK(parse_pids("").value().empty());
}

TEST_CASE("proc_parse: A pid that is not there to signal is never returned") {
  CHECK(parse_pids("0\n5\n").value() == Pids{5});  // 0: outside of our pid namespace
  for (const auto* text : {"-1\n", "x\n", "1\n2x\n", "4294967296\n", "1,2\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_pids(text));
  }
}

TEST_CASE("proc_parse: A list of CPUs is numbers and ranges, ascending") {
  using Cpus = std::vector<int>;
  CHECK(parse_cpu_list("0\n").value() == Cpus{0});
  CHECK(parse_cpu_list("0-3,8\n").value() == Cpus{0, 1, 2, 3, 8});
  CHECK(parse_cpu_list("5-5,7,9-10").value() == Cpus{5, 7, 9, 10});
  CHECK(parse_cpu_list("8190-8191").value() == Cpus{8190, 8191});
  CHECK(parse_cpu_list("0-8191").value().size() == 8192);
}

TEST_CASE("proc_parse: An empty list of CPUs is no error") {
  CHECK(parse_cpu_list("").value().empty());
  CHECK(parse_cpu_list("\n").value().empty());
}

TEST_CASE("proc_parse: A broken list of CPUs is an error, and costs no memory") {
  for (const auto* text :
       {"x",    "-1",     "1-",           "-",          ",",          "1,",  ",1",   "1,,2", "3-1",
        "2,1",  "1,1",    "0-3,3",        "1-2-3",      "+1",         "1 2", "1, 2", "1;2",  "0x1",
        "8192", "0-8192", "0-2147483647", "2147483647", "99999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_cpu_list(text));
  }
}
