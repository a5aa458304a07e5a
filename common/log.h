// Diagnostics for whoever debugs Jobward itself: to stderr, level by JOBWARD_LOG (trace, debug,
// info, warn, error, off; default warn). What a user must read is not a log line: the front ends
// print that.
#pragma once

#include <string>
#include <string_view>

#include "common/result.h"

namespace jobward::log {

enum class Level { trace, debug, info, warn, error, off };

// Reads JOBWARD_LOG's text; an unknown word is an error that lists the known ones.
Result<Level> parse_level(std::string_view text);

// Call once, from main, before the first line. Not thread-safe.
void init(Level level);

// Thread-safe. Cheap when the level is off, but the text is built by the caller: guard what costs
// with enabled().
bool enabled(Level level);
void write(Level level, const std::string& text);

inline void debug(const std::string& text) { write(Level::debug, text); }
inline void info(const std::string& text) { write(Level::info, text); }
inline void warn(const std::string& text) { write(Level::warn, text); }
inline void error(const std::string& text) { write(Level::error, text); }

}  // namespace jobward::log
