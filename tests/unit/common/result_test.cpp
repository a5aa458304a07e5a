#include "common/result.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>

using namespace jobward;

namespace {

Status fail_inside() { return error("read", "size", "too large"); }

Result<int> pass_on(bool fail) {
  if (fail) JOBWARD_RETURN_IF_ERROR(fail_inside());
  JOBWARD_RETURN_IF_ERROR(Status{});
  return 7;
}

}  // namespace

TEST_CASE("result: A message names operation, object and what the kernel said") {
  const Error failure{"open", "/x", ENOENT, {}, {}};
  CHECK(failure.message() == std::string("cannot open /x: ") + std::strerror(ENOENT));
}

TEST_CASE("result: A message puts the detail before what the kernel said") {
  const Error failure{"open", "/x", EACCES, "not ours", {}};
  CHECK(failure.message() ==
        std::string("cannot open /x: not ours (") + std::strerror(EACCES) + ")");
}

TEST_CASE("result: A message without errno ends with the detail") {
  CHECK(Error{"read", "size", 0, "too large", {}}.message() == "cannot read size: too large");
  CHECK(Error{"read", "", 0, "", {}}.message() == "cannot read");
}

TEST_CASE("result: Context is told from the outside in") {
  const auto inner = Error{"open", "/x", 0, "gone", {}}.with_context("inner").with_context("outer");
  CHECK(inner.context == std::vector<std::string>{"inner", "outer"});
  CHECK(inner.message() == "outer: inner: cannot open /x: gone");
}

TEST_CASE("result: errno is captured as it was at the call") {
  errno = EBADF;
  const Status failed =
      errno_error("write", "a file with a name that is longer than any small string");
  CHECK(failed.error().errnum == EBADF);
  errno = 0;
  CHECK(Status(errno_error("write", "x", EIO)).error().errnum == EIO);
}

TEST_CASE("result: An error passes through the macro and a value does not stop it") {
  CHECK(pass_on(false).value() == 7);
  const auto failed = pass_on(true);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().detail == "too large");
}

TEST_CASE("result: An error that is passed on gains one entry of context") {
  const Result<int> outer = rethrow(fail_inside().error(), "starting");
  CHECK(outer.error().message() == "starting: cannot read size: too large");
}
