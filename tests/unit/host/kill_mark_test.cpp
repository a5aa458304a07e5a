#include "host/observe/kill_mark.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <limits>
#include <string>

#include "common/fd.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::host;
using jobward::test::TemporaryDirectory;

namespace {

constexpr auto kWhole =
    "by=watchdog\ntime_ms=1500\nlevel=kill\navailable=10\nthreshold=20\nsize=30\n";
constexpr KillMark kMark{1500, KillLevel::kill, 10, 20, 30};

std::string formatted(const KillMark& mark) {
  KillMarkBuffer buffer;
  return std::string(format_kill_mark(mark, buffer));
}

Fd opened(const TemporaryDirectory& dir, int flags = O_RDONLY) {
  return Fd(::open(dir.path().c_str(), flags | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

TEST_CASE("kill_mark: It is lines of key=value, as docs/watchdog.md says") {
  CHECK(formatted(kMark) == kWhole);
  CHECK(formatted({7, KillLevel::term, {}, {}, {}}) == "by=watchdog\ntime_ms=7\nlevel=term\n");
}

TEST_CASE("kill_mark: What is written is read again, also the largest that there is") {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  constexpr auto kLate = std::numeric_limits<UnixMillis>::max();
  for (const auto& mark : {kMark, KillMark{0, KillLevel::term, {}, {}, {}},
                           KillMark{kLate, KillLevel::term, kMost, kMost, kMost},
                           KillMark{kLate, KillLevel::term, kMost, kMost, kMost, true}}) {
    const auto parsed = parse_kill_mark(formatted(mark));
    REQUIRE(parsed);
    CHECK(*parsed == mark);
  }
}

TEST_CASE("kill_mark: Keys of a newer version are passed over") {
  const auto parsed = parse_kill_mark(std::string(kWhole) + "colour=a=b\nnote=\n");
  REQUIRE(parsed);
  CHECK(*parsed == kMark);
}

TEST_CASE("kill_mark: Without who, when or how it is an error") {
  for (const auto* text :
       {"", "time_ms=1\nlevel=term\n", "by=watchdog\nlevel=term\n", "by=watchdog\ntime_ms=1\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_kill_mark(text));
  }
}

TEST_CASE("kill_mark: A broken value of a known key is an error") {
  for (const auto* line :
       {"by=somebody", "by=", "time_ms=-1", "time_ms=", "time_ms=1 ", "time_ms=9223372036854775808",
        "level=TERM", "level=", "available=x", "available=-1", "threshold=1.5",
        "size=", "size=18446744073709551616", "junk"}) {
    CAPTURE(line);
    CHECK_FALSE(parse_kill_mark(std::string(kWhole) + line + "\n"));
  }
}

TEST_CASE("kill_mark: A directory without one has none") {
  const TemporaryDirectory dir;
  const auto read = read_kill_mark(opened(dir).get(), dir.path());
  REQUIRE(read);
  CHECK_FALSE(*read);
}

TEST_CASE("kill_mark: A directory keeps the last one that was written") {
  const TemporaryDirectory dir;
  const auto held = opened(dir);
  if (!write_kill_mark(held.get(), {1, KillLevel::term, {}, {}, {}}) && errno == ENOTSUP) {
    WARN("no extended attributes in " + dir.path());
    return;
  }
  REQUIRE(write_kill_mark(held.get(), kMark));
  const auto read = read_kill_mark(held.get(), dir.path());
  REQUIRE(read);
  REQUIRE(*read);
  CHECK(**read == kMark);
}

TEST_CASE("kill_mark: A broken one is an error, not none, and names the directory") {
  const TemporaryDirectory dir;
  if (::setxattr(dir.path().c_str(), kKillMarkName, "junk", 4, 0) != 0) {
    WARN("no extended attributes in " + dir.path());
    return;
  }
  const auto read = read_kill_mark(opened(dir).get(), dir.path());
  REQUIRE_FALSE(read);
  CHECK_THAT(read.error().message(), Catch::Contains(dir.path()));
}

TEST_CASE("kill_mark: A descriptor that cannot take it says so in errno") {
  const TemporaryDirectory dir;
  CHECK_FALSE(write_kill_mark(opened(dir, O_PATH).get(), kMark));
  CHECK(errno == EBADF);
}
