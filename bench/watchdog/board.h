// The board: a page that all processes of a trial share. Who takes part puts its pid there, waits
// for the start and tells what it has filled; the arena gives the start and looks. No library, no
// allocation: it must work while memory runs out.
#pragma once

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace board {

constexpr int roles = 8;
// Whose death is right, is wrong, or ends nothing: the order is that of the names in arena.cpp.
enum Role : std::int32_t { hog, innocent, guarded, ballast };

struct Entry {
  std::atomic<std::int32_t> role;
  std::atomic<std::int32_t> pid;  // written last; 0: not yet
  std::atomic<std::uint64_t> filled_bytes;
  std::atomic<std::uint64_t> filled_at_ns;  // when it was full
};

struct Ticker {
  std::atomic<std::int32_t> pid;
  std::atomic<std::uint64_t> last_ns, longest_ns, ticks;
};

constexpr std::uint32_t most_entries = 4096;
struct Board {
  std::atomic<std::uint32_t> go;     // 0, then 1: a futex
  std::atomic<std::uint32_t> count;  // of entries
  Ticker tickers[4];
  Entry entries[most_entries];
};

inline std::uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::uint64_t(now.tv_sec) * 1'000'000'000U + std::uint64_t(now.tv_nsec);
}

[[noreturn]] inline void die(const char* what) {
  std::perror(what);
  std::exit(2);
}

// The file exists already and is zeros: the driver makes it.
inline Board& open_board(const char* path) {
  const int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) die(path);
  void* mapped = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) die("mmap of the board");
  close(file);
  return *static_cast<Board*>(mapped);
}

inline Entry& join(Board& here, Role role) {
  const std::uint32_t place = here.count.fetch_add(1);
  if (place >= most_entries) std::exit(3);
  Entry& mine = here.entries[place];
  mine.role = role;
  mine.pid = getpid();
  return mine;
}

inline void wait_for_start(Board& here) {
  while (here.go == 0)
    syscall(SYS_futex, &here.go, FUTEX_WAIT, 0, nullptr, nullptr, 0);
}

inline void start(Board& here) {
  here.go = 1;
  syscall(SYS_futex, &here.go, FUTEX_WAKE, 1 << 30, nullptr, nullptr, 0);
}

}  // namespace board
