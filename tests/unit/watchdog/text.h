// What the tests of the watchdog's text share.
#pragma once

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "watchdog/config.h"

namespace jobward::watchdog {

inline std::optional<uid_t> two_users(std::string_view name) {
  if (name == "root") return 0;
  if (name == "alice") return 1000;
  return std::nullopt;
}

inline Config parsed(const std::string& text) {
  const auto config = parse_config(text, "w.conf", two_users);
  INFO(text << (config ? "" : config.error().message()));
  REQUIRE(config);
  return *config;
}

// The message for a text that must be refused.
inline std::string refusal(const std::string& text) {
  const auto config = parse_config(text, "w.conf", two_users);
  INFO(text);
  REQUIRE_FALSE(config);
  return config.error().message();
}

}  // namespace jobward::watchdog
