// bystander BOARD PLACE [--unlocked]: idle but for a tick every 10 ms; its longest gap between two
// ticks is the stall that a user would feel. Locked in memory it feels the scheduler and the
// kernel's locks alone; unlocked it goes through 8 MiB of its own, a sixteenth a tick, and feels
// what is paged out, too.
#include <cstring>
#include <string_view>

#include "board.h"

namespace {
constexpr std::uint64_t period = 10'000'000;
constexpr std::size_t own = 8U << 20U;
char memory[own];
}  // namespace

int main(int count, char** words) {
  if (count < 3) board::die("bystander BOARD PLACE [--unlocked]");
  board::Ticker& mine = board::open_board(words[1]).tickers[std::atoi(words[2]) & 3];
  const bool unlocked = count > 3 && std::string_view(words[3]) == "--unlocked";
  if (unlocked)
    std::memset(memory, 1, own);
  else if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
    board::die("mlockall");
  mine.last_ns = board::now_ns();
  mine.pid = getpid();
  std::uint64_t next = mine.last_ns + period;
  for (std::size_t part = 0;; part = (part + 1) % 16) {
    const timespec at{time_t(next / 1'000'000'000U), long(next % 1'000'000'000U)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
    for (std::size_t i = 0; unlocked && i < own / 16; i += 4096)
      ++memory[part * (own / 16) + i];
    const std::uint64_t now = board::now_ns(), gap = now - mine.last_ns;
    if (gap > mine.longest_ns) mine.longest_ns = gap;
    mine.last_ns = now;
    ++mine.ticks;
    next = now - next > period ? now + period : next + period;
  }
}
