#include "host/observe/kernel_text.h"

#include <fcntl.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <string>
#include <vector>

#include "common/fd.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::host;
using jobward::test::TemporaryDirectory;

namespace {

// As Linux 6.1 has it, for a process of this name.
std::string stat_of(const std::string& name, const std::string& rest = "") {
  return "4711 (" + name + ") " +
         (rest.empty()
              ? "Z 17 4711 4711 34816 4711 4194560 1 2 3 4 5 6 7 8 20 0 12 0 987654 1 2 3\n"
              : rest);
}

}  // namespace

TEST_CASE("kernel_text: What /proc/PID/stat says, whatever the process calls itself") {
  const std::vector<std::string> names{"sh",
                                       "",
                                       "foo) Z ",
                                       ")))(((",
                                       "a\nb",
                                       "tab\tand space",
                                       "(",
                                       ")",
                                       ") S 1 1 1",
                                       "\xE2\x82",
                                       "\xFF\x00x",
                                       std::string("nul\0nul", 7),
                                       "123456789012345",
                                       "4711 (x) R 1"};
  for (const auto& name : names) {
    CAPTURE(name);
    const auto text = stat_of(name);
    const auto line = stat_line(text);
    REQUIRE(line);
    CHECK(line->name == name);
    CHECK(line->state == 'Z');
    CHECK(line->parent == 17);
    CHECK(line->threads == 12);
    CHECK(line->start_ticks == 987654);
    CHECK_FALSE(line->is_kernel_thread());
  }
}

TEST_CASE("kernel_text: A kernel thread is known by its flag, not by its name") {
  const auto with_flags = [](const std::string& name, const std::string& flags) {
    const auto text = stat_of(name, "S 2 0 0 0 -1 " + flags + " 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0\n");
    const auto line = stat_line(text);
    REQUIRE(line);
    return line->is_kernel_thread();
  };
  CHECK(with_flags("kworker/0:1", "69238880"));
  CHECK(with_flags("anything", "2097152"));
  CHECK_FALSE(with_flags("[kworker/0:1]", "4194304"));
}

TEST_CASE("kernel_text: A line of stat that is cut anywhere gives nothing or the same") {
  const std::string whole = stat_of("a b) c");
  const auto expected = stat_line(whole);
  REQUIRE(expected);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(whole.substr(0, size));
    const auto line = stat_line(std::string_view(whole).substr(0, size));
    if (!line) continue;
    CHECK(line->name == expected->name);
    CHECK(line->parent == expected->parent);
    CHECK(line->threads == expected->threads);
    // The last field that is read may itself be cut: nothing says where it ends but what follows.
    CHECK(std::to_string(expected->start_ticks).starts_with(std::to_string(line->start_ticks)));
  }
}

TEST_CASE("kernel_text: Nonsense in the place of a number is no process") {
  for (const auto* rest : {"S x 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5\n",
                           "S 1 1 1 0 -1 -5 0 0 0 0 0 0 0 0 20 0 1 0 5\n",
                           "S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 one 0 5\n",
                           "S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 -5\n",
                           "SS 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5\n",
                           "S 1 1 1 0 -1 99999999999999999999999 0 0 0 0 0 0 0 0 20 0 1 0 5\n"})
    CHECK_FALSE(stat_line(stat_of("x", rest)));
  for (const auto* text : {"", "4711", "4711 x S 1", ") (", "()", "\n"})
    CHECK_FALSE(stat_line(text));
}

TEST_CASE("kernel_text: Fields of kB are bytes, what is missing or broken is absent") {
  constexpr auto kText =
      "MemTotal:       24683676 kB\nMemFree:            12 kB\nBadUnit:  5 MB\nNone:\nWord: x kB\n"
      "Huge: 18446744073709551615 kB\nNegative: -1 kB\nNoUnit: 7\n"
      "Cut:  12";
  CHECK(kibibytes_of(kText, "MemTotal") == std::uint64_t{24683676} * 1024);
  CHECK(kibibytes_of(kText, "MemFree") == 12 * 1024);
  for (const auto* key : {"BadUnit", "None", "Word", "Huge", "Negative", "NoUnit", "Cut", "Absent",
                          "Mem", "emTotal", ""}) {
    CAPTURE(key);
    CHECK_FALSE(kibibytes_of(kText, key));
  }
  CHECK(kibibytes_of("Pss_Anon: 1 kB\nPss: 2 kB\n", "Pss") == 2048);
}

TEST_CASE("kernel_text: A process cannot forge a field of status by its name") {
  // The kernel escapes line feeds in Name.
  constexpr auto kStatus = "Name:\ta\\nVmRSS:\t1 kB\nVmRSS:\t     900 kB\n";
  CHECK(kibibytes_of(kStatus, "VmRSS") == 900 * 1024);
}

TEST_CASE("kernel_text: Keyed numbers, unknown keys are passed over") {
  constexpr auto kText =
      "anon 5\nanon_thp 7\nnew_key 1 2 3\nshmem 18446744073709551615\nbroken x\nlast 9";
  CHECK(number_of(kText, "anon") == 5);
  CHECK(number_of(kText, "shmem") == UINT64_MAX);
  CHECK(number_of(kText, "last") == 9);
  for (const auto* key : {"new_key", "broken", "absent", "an", ""})
    CHECK_FALSE(number_of(kText, key));
}

TEST_CASE("kernel_text: Pressure as a share, off, missing or impossible is absent") {
  constexpr auto kText =
      "some avg10=12.34 avg60=1.00 avg300=0.00 total=12345\n"
      "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
  CHECK(pressure_avg10(kText, "some").value_or(-1) == Approx(0.1234));
  CHECK(pressure_avg10(kText, "full") == 0.0);
  for (const auto* text : {"", "full", "full \n", "full avg10=\n", "full avg60=1.0 avg10=2.0\n",
                           "full avg10=-1.0\n", "full avg10=nan\n", "full avg10=inf\n",
                           "full avg10=100.01\n", "full avg10=1.0x\n", "some avg10=1.0\n"}) {
    CAPTURE(text);
    CHECK_FALSE(pressure_avg10(text, "full"));
  }
}

TEST_CASE("kernel_text: The path in one hierarchy") {
  constexpr auto kText =
      "9:name=systemd:/init.scope\n4:cpu,cpuacct:/a:b\n3:memory:/user/with: "
      "colon\n2:memoryless:/no\n0::/v2/x\n";
  CHECK(cgroup_path(kText, "memory") == "/user/with: colon");
  CHECK(cgroup_path(kText, "cpuacct") == "/a:b");
  CHECK(cgroup_path(kText, "") == "/v2/x");
  CHECK_FALSE(cgroup_path(kText, "pids"));
  for (const auto* text : {"", "3:memory", "3:memory:", "3:memory:relative\n", ":::\n", "\n\n"})
    CHECK_FALSE(cgroup_path(text, "memory"));
  CHECK_FALSE(cgroup_path("3:memory:/x\n", ""));
}

TEST_CASE("kernel_text: Whole numbers only") {
  CHECK(to_number("0") == 0);
  CHECK(to_number("18446744073709551615") == UINT64_MAX);
  for (const auto* text : {"", " 1", "1 ", "+1", "-1", "1x", "0x1", "18446744073709551616", "max"})
    CHECK_FALSE(to_number(text));
  CHECK(to_signed("-1000") == -1000);
  CHECK_FALSE(to_signed("9223372036854775808"));
}

TEST_CASE("kernel_text: Words and lines end with the text") {
  std::string_view text = "  a\tb c";
  CHECK(take_word(text) == "a");
  CHECK(take_word(text) == "b");
  CHECK(take_word(text) == "c");
  CHECK(take_word(text).empty());
  CHECK(text.empty());
  text = "one\n\nlast";
  CHECK(take_line(text) == "one");
  CHECK(take_line(text).empty());
  CHECK(take_line(text) == "last");
  CHECK(text.empty());
}

TEST_CASE("kernel_text: A file that is missing or too long is absent, and errno says which") {
  const TemporaryDirectory dir;
  const Fd at(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::array<char, 8192> buffer{};
  CHECK_FALSE(read_into(at.get(), "absent", buffer));
  CHECK(errno == ENOENT);
  dir.write("empty", "");
  CHECK(read_into(at.get(), "empty", buffer) == "");
  const std::string most(buffer.size() - 1, 'x');
  dir.write("most", most);
  CHECK(read_into(at.get(), "most", buffer) == most);
  dir.write("more", most + "yz");
  CHECK_FALSE(read_into(at.get(), "more", buffer));
  CHECK(errno == EFBIG);
}

TEST_CASE("kernel_text: A file that is kept open tells what it holds now") {
  const TemporaryDirectory dir;
  const Fd file(::open(dir.write("f", "first").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 64> buffer{};
  CHECK(reread_into(file.get(), buffer) == "first");
  dir.write("f", "2nd");
  CHECK(reread_into(file.get(), buffer) == "2nd");
}
