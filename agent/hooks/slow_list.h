// Commands that the shipped list does not know and that turned out to take long: a small text, a
// line each, kept by the hooks between their calls.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobward::hooks {

struct SlowCommand {
  std::string key;           // of what counts as the same command: 32 hexadecimal digits
  double seconds = 0;        // of the last time
  std::int64_t last_ms = 0;  // when
};

// "KEY SECONDS MS" a line; a line that is none is passed over: what is forgotten is learned again.
std::vector<SlowCommand> read_slow_list(std::string_view text);
std::string slow_list_text(const std::vector<SlowCommand>& list);

// So many; the one that was seen longest ago goes.
inline constexpr std::size_t kMostSlow = 2000;

// It took so long now: slow ones go in, one that is not any more goes out. Did anything change?
bool note_duration(std::vector<SlowCommand>& list, const SlowCommand& now, double slow_seconds);

const SlowCommand* find_slow(const std::vector<SlowCommand>& list, std::string_view key);

}  // namespace jobward::hooks
