#include "host/observe/job_attribute.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <string>

#include "common/fd.h"
#include "tests/support/temporary_directory.h"

using namespace jobward::host;
using jobward::test::TemporaryDirectory;

namespace {

constexpr auto kWhole = "run=abc\nsupervisor=42\nboot=b00t\nowner=1000\n";

void check_same(const JobAttribute& got, const JobAttribute& expected) {
  CHECK(got.run_id == expected.run_id);
  CHECK(got.supervisor_pid == expected.supervisor_pid);
  CHECK(got.boot_id == expected.boot_id);
  CHECK(got.owner_uid == expected.owner_uid);
  CHECK(got.memory_p99_bytes == expected.memory_p99_bytes);
  CHECK(got.memory_limit_bytes == expected.memory_limit_bytes);
}

}  // namespace

TEST_CASE("job_attribute: What is encoded is decoded again") {
  const JobAttribute whole{"0abc", 42, "b00t-id", 4294967295U, 0, 18446744073709551615ULL};
  check_same(decode_job_attribute(encode(whole)).value(), whole);
  const JobAttribute unlimited{"0abc", 42, "b00t-id", 0, std::nullopt, std::nullopt};
  check_same(decode_job_attribute(encode(unlimited)).value(), unlimited);
}

TEST_CASE("job_attribute: A number that is not known is absent from the text") {
  const JobAttribute attribute{"0abc", 42, "b00t", 0, std::nullopt, std::nullopt};
  CHECK(encode(attribute).find("limit") == std::string::npos);
  CHECK(encode(attribute).find("p99") == std::string::npos);
}

TEST_CASE("job_attribute: Keys of a newer version are passed over") {
  const auto decoded = decode_job_attribute(std::string(kWhole) + "colour=a=b\nnote=\n");
  REQUIRE(decoded);
  CHECK(decoded->run_id == "abc");
}

TEST_CASE("job_attribute: A missing key is an error") {
  for (const auto* text :
       {"", "supervisor=42\nboot=b\nowner=1\n", "run=a\nboot=b\nowner=1\n",
        "run=a\nsupervisor=42\nboot=b\n", "run=\nsupervisor=42\nboot=b\nowner=1\n"}) {
    CAPTURE(text);
    CHECK_FALSE(decode_job_attribute(text));
  }
}

TEST_CASE("job_attribute: A missing boot id is an error") {
  CHECK_FALSE(decode_job_attribute("run=a\nsupervisor=42\nowner=1\n"));
}

TEST_CASE("job_attribute: A broken value is an error") {
  for (const auto* line : {"supervisor=x", "supervisor=", "supervisor=42 ",
                           "supervisor=99999999999", "owner=-1", "owner=4294967296", "p99=x",
                           "p99=", "limit=-1", "limit=1.5", "limit=18446744073709551616", "junk"}) {
    CAPTURE(line);
    CHECK_FALSE(decode_job_attribute(std::string(kWhole) + line + "\n"));
  }
}

TEST_CASE("job_attribute: A supervisor that is no process is an error") {
  for (const auto* pid : {"-1", "0", "-42"}) {
    CAPTURE(pid);
    CHECK_FALSE(
        decode_job_attribute(std::string("run=a\nboot=b\nowner=1\nsupervisor=") + pid + "\n"));
  }
}

TEST_CASE("job_attribute: A directory without one has none") {
  const TemporaryDirectory dir;
  CHECK_FALSE(read_job_attribute(dir.path()).value());
  CHECK_FALSE(read_job_attribute(dir.path("missing")).value());
}

TEST_CASE("job_attribute: A directory keeps what was written to it") {
  const TemporaryDirectory dir;
  const jobward::Fd held(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const JobAttribute attribute{"0abc", 42, "b00t", 7, 100, 200};
  const auto written = write_job_attribute(held.get(), dir.path(), attribute);
  if (!written && written.error().errnum == ENOTSUP) {
    WARN("no extended attributes in " + dir.path());
    return;
  }
  REQUIRE(written);
  const auto read = read_job_attribute(dir.path());
  REQUIRE(read);
  REQUIRE(*read);
  check_same(**read, attribute);
}

TEST_CASE("job_attribute: A broken attribute on a directory is an error, not none") {
  const TemporaryDirectory dir;
  if (::setxattr(dir.path().c_str(), kJobAttributeName, "junk", 4, 0) != 0) {
    WARN("no extended attributes in " + dir.path());
    return;
  }
  CHECK_FALSE(read_job_attribute(dir.path()));
}
