#include "common/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <memory>
#include <utility>

namespace jobward::log {
namespace {

constexpr std::array kNames{
    std::pair{"trace", Level::trace}, std::pair{"debug", Level::debug}, std::pair{"info", Level::info},
    std::pair{"warn", Level::warn},   std::pair{"error", Level::error}, std::pair{"off", Level::off}};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::trace: return spdlog::level::trace;
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warn: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
    case Level::off: return spdlog::level::off;
  }
  return spdlog::level::off;
}

// Before init nothing is logged: a library user that never asked for lines gets none.
std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> instance;
  return instance;
}

}  // namespace

Result<Level> parse_level(std::string_view text) {
  for (const auto& [name, level] : kNames)
    if (text == name) return level;
  return jobward::error("read log level", "\"" + std::string(text) + "\"",
                        "expected trace, debug, info, warn, error or off");
}

void init(Level level) {
  if (level == Level::off) return;
  logger() = std::make_shared<spdlog::logger>("jobward",
                                              std::make_shared<spdlog::sinks::stderr_sink_st>());
  logger()->set_level(to_spdlog(level));
  logger()->set_pattern("jobward[%P] %H:%M:%S.%e %l: %v");
}

bool enabled(Level level) { return logger() && logger()->should_log(to_spdlog(level)); }

void write(Level level, const std::string& text) {
  if (enabled(level)) logger()->log(to_spdlog(level), text);
}

}  // namespace jobward::log
