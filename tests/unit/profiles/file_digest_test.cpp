#include "profiles/file_digest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <string>

#include "tests/support/temporary_directory.h"

using jobward::profiles::digest_file;
using jobward::profiles::kDigestLimit;
using jobward::test::TemporaryDirectory;

TEST_CASE("file_digest: A file is recorded with its size, its time and its SHA-256") {
  const TemporaryDirectory directory;
  const auto file = directory.write("data", "abc");
  const std::array<timespec, 2> times{timespec{0, 0}, timespec{1'600'000'000, 123'999'999}};
  REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times.data(), 0) == 0);
  const auto digest = digest_file("input", file);
  REQUIRE(digest);
  CHECK(digest->role == "input");
  CHECK(digest->path == file);
  CHECK(digest->bytes == 3);
  CHECK(digest->mtime_ms == 1'600'000'000'123);
  CHECK(digest->sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("file_digest: An empty file has a digest as well") {
  const TemporaryDirectory directory;
  const auto digest = digest_file("output", directory.write("empty", ""));
  REQUIRE(digest);
  CHECK(digest->bytes == 0);
  CHECK(digest->sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("file_digest: Of a file that is too large the size is recorded and no digest") {
  const TemporaryDirectory directory;
  const auto file = directory.write("huge", "");
  REQUIRE(::truncate(file.c_str(), static_cast<off_t>(kDigestLimit) + 1) == 0);
  const auto digest = digest_file("input", file);
  REQUIRE(digest);
  CHECK(digest->bytes == kDigestLimit + 1);
  CHECK(digest->mtime_ms > 0);
  CHECK(digest->sha256.empty());
}

TEST_CASE("file_digest: A link is its file") {
  const TemporaryDirectory directory;
  const auto file = directory.write("data", "abc");
  const auto link = directory.path() + "/link";
  REQUIRE(::symlink(file.c_str(), link.c_str()) == 0);
  const auto digest = digest_file("script", link);
  REQUIRE(digest);
  CHECK(digest->path == link);
  CHECK(digest->bytes == 3);
}

TEST_CASE("file_digest: What is no regular file has none, and a fifo does not hold it up") {
  const TemporaryDirectory directory;
  const auto fifo = directory.path() + "/fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(!digest_file("input", fifo));
  CHECK(!digest_file("input", directory.path()));
  CHECK(!digest_file("input", directory.path() + "/missing"));
  CHECK(!digest_file("input", "/dev/null"));
  CHECK(!digest_file("input", ""));
}
