#include "common/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <memory>
#include <utility>

namespace jobward::log {
namespace {

constexpr std::array kNames{std::pair{"trace", Level::trace}, std::pair{"debug", Level::debug},
                            std::pair{"info", Level::info},   std::pair{"warn", Level::warn},
                            std::pair{"error", Level::error}, std::pair{"off", Level::off}};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::trace:
      return spdlog::level::trace;
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

// Before init nothing is logged: a library user that never asked for lines gets none.
std::atomic<Level>& threshold() {
  static std::atomic<Level> level{Level::off};
  return level;
}

// Made at the first line: most runs have none.
spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_unique<spdlog::logger>("jobward",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_level(spdlog::level::trace);
    made->set_pattern("jobward[%P] %H:%M:%S.%e %l: %v");
    return made;
  }();
  return *instance;
}

}  // namespace

Result<Level> parse_level(std::string_view text) {
  for (const auto& [name, level] : kNames)
    if (text == name) return level;
  return jobward::error("read log level", "\"" + std::string(text) + "\"",
                        "expected trace, debug, info, warn, error or off");
}

void init(Level level) { threshold().store(level); }

bool enabled(Level level) { return level >= threshold().load(std::memory_order_relaxed); }

void write(Level level, const std::string& text) {
  if (enabled(level)) logger().log(to_spdlog(level), text);
}

}  // namespace jobward::log
