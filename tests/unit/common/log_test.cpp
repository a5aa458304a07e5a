#include "common/log.h"

#include <catch2/catch.hpp>

using namespace jobward;

TEST_CASE("log: Every level is read by its name") {
  using log::Level;
  CHECK(log::parse_level("trace").value() == Level::trace);
  CHECK(log::parse_level("debug").value() == Level::debug);
  CHECK(log::parse_level("info").value() == Level::info);
  CHECK(log::parse_level("warn").value() == Level::warn);
  CHECK(log::parse_level("error").value() == Level::error);
  CHECK(log::parse_level("off").value() == Level::off);
}

TEST_CASE("log: An unknown level is an error that lists the known ones") {
  for (const auto* text : {"", "WARN", "warning", "2", "debug ", "verbose"}) {
    const auto level = log::parse_level(text);
    REQUIRE_FALSE(level);
    for (const auto* known : {"trace", "debug", "info", "warn", "error", "off"})
      CHECK_THAT(level.error().message(), Catch::Contains(known));
  }
}

TEST_CASE("log: Before init nothing is logged") {
  CHECK_FALSE(log::enabled(log::Level::error));
  log::error("must not be seen");
}
