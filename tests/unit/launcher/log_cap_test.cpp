#include "launcher/log_cap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/fd.h"
#include "common/files.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using launcher::LogCap;

namespace {

constexpr std::uint64_t kKeep = 128U << 10U;

struct Log {
  test::TemporaryDirectory directory;
  std::string path = directory.path() + "/log";
  Fd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};

  void write(char c, std::size_t bytes) const {
    REQUIRE(write_all(fd.get(), std::string(bytes, c), "log"));
  }
  std::uint64_t on_disk() const {
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    return static_cast<std::uint64_t>(info.st_blocks) * 512;
  }
};

}  // namespace

TEST_CASE("log_cap: A short log stays as it is") {
  const Log log;
  log.write('a', kKeep);
  LogCap cap({log.fd.get()}, kKeep);
  CHECK(cap.look(1) <= 1);
  CHECK(read_file(log.path).value() == std::string(kKeep, 'a'));
}

TEST_CASE("log_cap: Of a long one the beginning and the end stay, the rest takes no room") {
  const Log log;
  LogCap cap({log.fd.get()}, kKeep);
  log.write('a', kKeep / 2);
  log.write('b', 20 * kKeep);
  log.write('c', kKeep / 2);
  cap.look(1);
  const auto text = read_file(log.path).value();
  CHECK(cap.problem().empty());
  CHECK(text.substr(0, kKeep / 2) == std::string(kKeep / 2, 'a'));
  CHECK(text.substr(text.size() - kKeep / 2) == std::string(kKeep / 2, 'c'));
  CHECK(text[text.size() / 2] == '\0');
  CHECK(log.on_disk() < 2 * kKeep);
}

TEST_CASE("log_cap: A log that grows fast is looked at sooner") {
  const Log log;
  LogCap cap({log.fd.get()}, kKeep);
  cap.look(1);
  log.write('b', 10 * kKeep);
  CHECK(cap.look(1.5) < 0.1);
  CHECK(cap.look(2.5) == 1);
}
