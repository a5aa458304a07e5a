#include "common/fd.h"

#include <fcntl.h>

#include <catch2/catch.hpp>
#include <utility>

#include "tests/support/child.h"

using jobward::Fd;
using jobward::test::make_pipe;

namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

}  // namespace

TEST_CASE("fd: A new one holds nothing") {
  const Fd fd;
  CHECK_FALSE(fd);
  CHECK(fd.get() == -1);
}

TEST_CASE("fd: The destructor closes what is held") {
  auto pipe = make_pipe();
  const int number = pipe.reader.get();
  {
    const Fd moved(std::move(pipe.reader));
    CHECK(moved.get() == number);
    CHECK(is_open(number));
  }
  CHECK_FALSE(is_open(number));
}

TEST_CASE("fd: Moving leaves nothing behind") {
  auto pipe = make_pipe();
  const Fd moved(std::move(pipe.reader));
  CHECK_FALSE(pipe.reader);  // NOLINT(bugprone-use-after-move): that is what is tested
  CHECK(moved);
}

TEST_CASE("fd: Assigning closes what was held") {
  auto pipe = make_pipe();
  const int reader = pipe.reader.get();
  const int writer = pipe.writer.get();
  pipe.reader = std::move(pipe.writer);
  CHECK_FALSE(is_open(reader));
  CHECK(is_open(writer));
  CHECK(pipe.reader.get() == writer);
}

TEST_CASE("fd: Moving onto itself keeps it open") {
  auto pipe = make_pipe();
  const int number = pipe.reader.get();
  Fd& same = pipe.reader;
  pipe.reader = std::move(same);
  CHECK(pipe.reader.get() == number);
  CHECK(is_open(number));
}

TEST_CASE("fd: Released is not closed") {
  auto pipe = make_pipe();
  const int number = pipe.reader.release();
  CHECK_FALSE(pipe.reader);
  CHECK(is_open(number));
  ::close(number);
}

TEST_CASE("fd: Reset closes and takes over the new one") {
  auto pipe = make_pipe();
  const int reader = pipe.reader.get();
  const int writer = pipe.writer.release();
  pipe.reader.reset(writer);
  CHECK_FALSE(is_open(reader));
  CHECK(is_open(writer));
  pipe.reader.reset();
  CHECK_FALSE(is_open(writer));
}
