#include "common/files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <string>

#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using test::TemporaryDirectory;

namespace {

unsigned mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777U;
}

std::size_t entries(const std::string& directory) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory))
    ++count;
  return count;
}

}  // namespace

TEST_CASE("files: A file is read whole, zero bytes included") {
  const TemporaryDirectory dir;
  const std::string text = std::string(10000, 'x') + '\0' + "\xff\n";
  CHECK(read_file(dir.write("a", text)).value() == text);
  CHECK(read_file(dir.write("empty", "")).value().empty());
}

TEST_CASE("files: A file of /proc is read whole although its size is 0") {
  CHECK_THAT(read_file("/proc/self/status").value(), Catch::Contains("Threads:"));
}

TEST_CASE("files: A missing file is an error with its name and errno") {
  const TemporaryDirectory dir;
  const auto text = read_file(dir.path("none"));
  REQUIRE_FALSE(text);
  CHECK(text.error().errnum == ENOENT);
  CHECK_THAT(text.error().message(), Catch::Contains(dir.path("none")));
  CHECK_FALSE(read_file(dir.path()));
}

TEST_CASE("files: A file longer than the limit is an error and one as long is not") {
  const TemporaryDirectory dir;
  const auto path = dir.write("a", std::string(5000, 'x'));
  CHECK(read_file(path, 5000).value().size() == 5000);
  CHECK_FALSE(read_file(path, 4999));
  CHECK_FALSE(read_file(path, 0));
}

TEST_CASE("files: A file is read relative to a directory") {
  const TemporaryDirectory dir;
  dir.write("a", "text");
  const Fd held(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(read_file_at(held.get(), "a").value() == "text");
  CHECK(read_file_at(held.get(), "b").error().errnum == ENOENT);
}

TEST_CASE("files: All of a text is written although the kernel takes it in parts") {
  const std::string text(1 << 20, 'y');
  auto pipe = test::make_pipe(O_CLOEXEC);
  test::Child writer([&](const auto& notify) {
    notify(0);
    const bool written = write_all(pipe.writer.get(), text, "pipe").has_value();
    ::_exit(written ? 0 : 1);
  });
  pipe.writer.reset();
  CHECK(read_fd(pipe.reader.get(), "pipe").value() == text);
  CHECK(writer.wait() == 0);
}

TEST_CASE("files: A write that fails is an error") {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  REQUIRE(full);
  CHECK(write_all(full.get(), "x", "/dev/full").error().errnum == ENOSPC);
}

TEST_CASE("files: A new file has mode 0600 and nothing is left beside it") {
  const TemporaryDirectory dir;
  REQUIRE(write_file_atomic(dir.path("a"), "new"));
  CHECK(read_file(dir.path("a")).value() == "new");
  CHECK(mode_of(dir.path("a")) == 0600);
  CHECK(entries(dir.path()) == 1);
}

TEST_CASE("files: A replaced file keeps its mode and is another file") {
  const TemporaryDirectory dir;
  const auto path = dir.write("a", "old, and longer than the new text");
  REQUIRE(::chmod(path.c_str(), 0644) == 0);
  const Fd reader(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(write_file_atomic(path, "new"));
  CHECK(read_file(path).value() == "new");
  CHECK(mode_of(path) == 0644);
  CHECK(read_fd(reader.get(), path).value() == "old, and longer than the new text");
}

TEST_CASE("files: What is no regular file is written in place") {
  const TemporaryDirectory dir;
  REQUIRE(write_file_atomic("/dev/null", "x"));
  const auto fifo = dir.path("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const Fd reader(::open(fifo.c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(write_file_atomic(fifo, "through"));
  std::string got(7, ' ');
  REQUIRE(::read(reader.get(), got.data(), got.size()) == 7);
  CHECK(got == "through");
  CHECK(entries(dir.path()) == 1);
}

TEST_CASE("files: A failed atomic write leaves nothing behind") {
  const TemporaryDirectory dir;
  CHECK_FALSE(write_file_atomic(dir.path("missing/a"), "x"));
  CHECK_FALSE(write_file_atomic(dir.path(), "x"));
  CHECK(entries(dir.path()) == 0);
}

TEST_CASE("files: Directories are made with mode 0700 and those there stay as they are") {
  const TemporaryDirectory dir;
  const auto there = dir.make_directory("there");
  REQUIRE(::chmod(there.c_str(), 0755) == 0);
  REQUIRE(make_private_directories(dir.path("there/a//b/")));
  CHECK(mode_of(there) == 0755);
  CHECK(mode_of(dir.path("there/a")) == 0700);
  CHECK(mode_of(dir.path("there/a/b")) == 0700);
  CHECK(make_private_directories(dir.path("there/a/b")));
}

TEST_CASE("files: A file in the way of a directory is an error") {
  const TemporaryDirectory dir;
  dir.write("a", "");
  CHECK_FALSE(make_private_directories(dir.path("a")));
  CHECK_FALSE(make_private_directories(dir.path("a/b")));
}
