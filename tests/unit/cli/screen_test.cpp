#include "cli/screen.h"

#include <catch2/catch.hpp>

using jobward::cli::fitted;

TEST_CASE("screen: A text that fits into the window stays as it is") {
  CHECK(fitted("one\ntwo\n", 3, 2) == "one\ntwo\n");
  CHECK(fitted("one\n\ntwo", 0, 0) == "one\n\ntwo\n");
  CHECK(fitted("", 10, 10).empty());
}

TEST_CASE("screen: Lines are cut after whole characters") {
  CHECK(fitted("abcdef\nab\n", 4, 0) == "abcd\nab\n");
  CHECK(fitted("äöüß\n", 2, 0) == "äö\n");
}

TEST_CASE("screen: The last line of a window that is too small says how many are missing") {
  CHECK(fitted("1\n2\n3\n4\n", 0, 3) == "1\n2\n... 2 more lines\n");
  CHECK(fitted("1\n2\n", 0, 1) == "... 2 more lines\n");
}
