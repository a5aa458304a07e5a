#include "watchdog/journal_writer.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "common/files.h"
#include "common/text.h"
#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::test;
using namespace jobward::watchdog;

namespace {

using Lines = std::vector<std::string>;

std::unique_ptr<JournalWriter> started(const std::string& directory) {
  auto journal = Journal::open(directory, 8U << 20U, 2);
  if (!journal) FAIL(journal.error().message());
  auto writer = JournalWriter::start(std::move(*journal));
  if (!writer) FAIL(writer.error().message());
  return std::move(*writer);
}

Lines lines_of(const std::string& directory) {
  const auto text = read_file(directory + "/journal");
  REQUIRE(text);
  Lines out;
  for (const auto line : split(std::string_view(*text).substr(0, text->find('\0')), '\n'))
    if (!line.empty()) out.emplace_back(line);
  return out;
}

std::string numbered(int n, std::size_t size = 20) {
  std::string out = std::to_string(n) + " ";
  return out + std::string(size - out.size(), 'x');
}

}  // namespace

TEST_CASE("journal writer: What was taken is in the journal when it ends, in order") {
  const TemporaryDirectory dir;
  Lines expected;
  {
    const auto writer = started(dir.path("j"));
    for (int n = 0; n < 1000; ++n) {
      expected.push_back(numbered(n));
      REQUIRE(writer->append(expected.back()));
    }
  }
  CHECK(lines_of(dir.path("j")) == expected);
}

TEST_CASE("journal writer: Each line is written once, however the two threads meet") {
  const TemporaryDirectory dir("/dev/shm");  // the faster the disk, the more often they meet
  Lines expected;
  {
    const auto writer = started(dir.path("j"));
    for (int n = 0; n < 20'000; ++n) {
      expected.push_back(numbered(n, 400));
      REQUIRE(eventually([&] { return writer->append(expected.back()); }));
      // As fast as the thread, so that it is often done just while the next line is copied.
      const auto pause = std::chrono::nanoseconds(n * 7919 % 20'000);
      for (const auto end = std::chrono::steady_clock::now() + pause;
           std::chrono::steady_clock::now() < end;) {
      }
    }
  }
  CHECK((lines_of(dir.path("j")) == expected));
}

TEST_CASE("journal writer: It is on the disk without waiting for the end") {
  const TemporaryDirectory dir;
  const auto writer = started(dir.path("j"));
  REQUIRE(writer->append("one"));
  CHECK(eventually([&] { return lines_of(dir.path("j")) == Lines{"one"}; }));
  REQUIRE(writer->append("two"));
  CHECK(eventually([&] { return lines_of(dir.path("j")) == Lines{"one", "two"}; }));
}

TEST_CASE("journal writer: A line that there is no room for is refused, all others are kept") {
  const TemporaryDirectory dir;
  Lines expected;
  int refused = 0;
  {
    const auto writer = started(dir.path("j"));
    // As fast as can be: the disk falls behind at some time, and catches up.
    for (int n = 0; n < 3000; ++n) {
      const auto line = numbered(n, 2000);
      if (writer->append(line))
        expected.push_back(line);
      else {
        CHECK(errno == ENOBUFS);
        ++refused;
      }
    }
    CHECK_FALSE(writer->append(std::string(JournalWriter::kRoom, 'x')));
    CHECK(eventually([&] { return writer->append("last"); }));
    expected.emplace_back("last");
  }
  CHECK(lines_of(dir.path("j")) == expected);
  INFO(refused << " were refused");
  CHECK(expected.size() > 100);
}
