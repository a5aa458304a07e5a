// What fills memory in the trials. Options in any order:
//
//   --board FILE       takes part there: joins, and waits for the start
//   --role ROLE        hog (default), innocent, guarded, ballast
//   --now              fills at once and does not wait for the start
//   --mib N            stops filling at N MiB and sleeps (default: never stops)
//   --rate N           MiB a second (default: as fast as it can)
//   --until-free N     stops filling when N MiB are available
//   --children N       N children do the filling, one after another, --every-ms apart (20)
//   --fork             each process that has filled its --mib starts two that do the same, --depth
//   deep (7)
//   --tmpfs DIR        fills a file there, not its own memory
//   --thrash           writes to all that it has, in random order, again and again while it grows
//   --hard             half of each page does not compress
//   --ignore-term      ignores SIGTERM
//   --exit             ends when it is full, with status 0
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "board.h"

namespace {

using std::uint64_t;
constexpr uint64_t mib = 1U << 20U, chunk = 4 * mib, page = 4096;

struct Options {
  const char* board = nullptr;
  const char* tmpfs = nullptr;
  board::Role role = board::hog;
  uint64_t bytes = ~uint64_t{0}, rate = 0, until_free = 0;
  int children = 0, depth = 7, every_ms = 20;
  bool now = false, forks = false, thrash = false, hard = false, ignore_term = false, exits = false;
};

board::Role role_of(std::string_view name) {
  if (name == "hog") return board::hog;
  if (name == "innocent") return board::innocent;
  if (name == "guarded") return board::guarded;
  if (name == "ballast") return board::ballast;
  board::die("--role");
}

Options parse(int count, char** words) {
  Options out;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const auto flag = [&](const char* name, bool& value) { return word == name && (value = true); };
    if (flag("--now", out.now) || flag("--fork", out.forks) || flag("--thrash", out.thrash) ||
        flag("--hard", out.hard) || flag("--ignore-term", out.ignore_term) ||
        flag("--exit", out.exits))
      continue;
    if (++i == count) board::die("an option without a value");
    const char* value = words[i];
    if (word == "--board")
      out.board = value;
    else if (word == "--role")
      out.role = role_of(value);
    else if (word == "--tmpfs")
      out.tmpfs = value;
    else if (word == "--mib")
      out.bytes = std::strtoull(value, nullptr, 10) * mib;
    else if (word == "--rate")
      out.rate = std::strtoull(value, nullptr, 10) * mib;
    else if (word == "--until-free")
      out.until_free = std::strtoull(value, nullptr, 10) * mib;
    else if (word == "--children")
      out.children = std::atoi(value);
    else if (word == "--depth")
      out.depth = std::atoi(value);
    else if (word == "--every-ms")
      out.every_ms = std::atoi(value);
    else
      board::die("an unknown option");
  }
  return out;
}

void sleep_until(uint64_t ns) {
  const timespec at{time_t(ns / 1'000'000'000U), long(ns % 1'000'000'000U)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) != 0) {
  }
}

[[noreturn]] void sleep_for_ever() {
  while (true)
    pause();
}

uint64_t available_bytes() {
  static const int file = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
  char text[512];
  const ssize_t length = pread(file, text, sizeof text - 1, 0);
  text[std::max<ssize_t>(length, 0)] = 0;
  const char* found = std::strstr(text, "MemAvailable:");
  return found ? std::strtoull(found + 13, nullptr, 10) * 1024 : ~uint64_t{0};
}

uint64_t random_state = 88172645463325252U;
uint64_t next_random() {  // xorshift: fast, and the same each time
  random_state ^= random_state << 13U;
  random_state ^= random_state >> 7U;
  random_state ^= random_state << 17U;
  return random_state;
}

void touch(char* memory, uint64_t bytes, bool hard) {
  for (uint64_t at = 0; at < bytes; at += page) {
    if (!hard) {
      memory[at] = 1;
      continue;
    }
    for (uint64_t word = 0; word < page / 2; word += 8) {
      const uint64_t value = next_random();
      std::memcpy(memory + at + word, &value, 8);
    }
  }
}

// Address space for all that a machine may have, so that growing needs no further call.
char* reserve(uint64_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) board::die("mmap");
  return static_cast<char*>(memory);
}

class Filler {
 public:
  Filler(const Options& options, board::Entry* entry) : options_(options), entry_(entry) {
    if (options.tmpfs) {
      file_ = open(options.tmpfs, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      if (file_ < 0) board::die(options.tmpfs);
    } else {
      size_ = std::min(options.bytes, uint64_t{64} << 30U);
      memory_ = reserve(reserved());
    }
  }

  Filler(const Filler&) = delete;
  Filler& operator=(const Filler&) = delete;
  ~Filler() {
    if (memory_) munmap(memory_, reserved());
    if (file_ >= 0) close(file_);
  }

  void fill() {
    const uint64_t begun = board::now_ns();
    uint64_t filled = 0;
    while (filled < options_.bytes) {
      if (options_.until_free != 0 && available_bytes() <= options_.until_free) break;
      const uint64_t step = std::min(options_.rate != 0 ? mib : chunk, options_.bytes - filled);
      if (!one(filled, step)) break;
      filled += step;
      if (entry_) entry_->filled_bytes = filled;
      if (options_.thrash) shuffle(filled, step);
      if (options_.rate != 0)
        sleep_until(begun + uint64_t(double(filled) / double(options_.rate) * 1e9));
    }
    if (entry_) entry_->filled_at_ns = board::now_ns();
    while (options_.thrash)
      shuffle(filled, chunk);
  }

 private:
  [[nodiscard]] uint64_t reserved() const { return (size_ + chunk - 1) / chunk * chunk; }

  bool one(uint64_t at, uint64_t bytes) {
    if (!options_.tmpfs) {
      touch(memory_ + at, bytes, options_.hard);
      return true;
    }
    static char zeros[mib];
    for (uint64_t done = 0; done < bytes; done += mib)
      if (write(file_, zeros, mib) <= 0) return false;
    return true;
  }

  // Twenty writes elsewhere for each new page.
  void shuffle(uint64_t filled, uint64_t step) {
    for (uint64_t i = 0; i < 20 * step / page; ++i) {
      const uint64_t at = next_random() % (filled / page) * page;
      ++memory_[at + page - 1];
    }
  }

  const Options& options_;
  board::Entry* entry_;
  char* memory_ = nullptr;
  uint64_t size_ = 0;
  int file_ = -1;
};

board::Entry* join(const Options& options, board::Board* here) {
  return here ? &board::join(*here, options.role) : nullptr;
}

// Each fills and then starts two; what it has itself is not handed on.
[[noreturn]] void fork_and_fill(const Options& options, board::Board* here, board::Entry* entry) {
  for (int depth = 0;; ++depth) {
    Filler filler(options, entry);  // a child lets go of its copy when this iteration ends
    filler.fill();
    bool child = false;
    for (int i = 0; i < 2 && !child && depth < options.depth; ++i)
      child = fork() == 0;
    if (!child) sleep_for_ever();
    entry = join(options, here);
  }
}

}  // namespace

int main(int count, char** words) {
  const Options options = parse(count, words);
  if (options.ignore_term) signal(SIGTERM, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);  // nobody waits: they are gone when they are dead
  board::Board* here = options.board ? &board::open_board(options.board) : nullptr;
  board::Entry* entry = join(options, here);
  if (here && !options.now) board::wait_for_start(*here);
  if (options.forks) {
    fork_and_fill(options, here, entry);
  } else if (options.children > 0) {
    uint64_t at = board::now_ns();
    for (int i = 0; i < options.children; ++i) {
      if (fork() == 0) {
        Filler filler(options, join(options, here));
        filler.fill();
        sleep_for_ever();
      }
      sleep_until(at += uint64_t(options.every_ms) * 1'000'000U);
    }
  } else {
    Filler filler(options, entry);  // keeps what it has
    filler.fill();
    if (options.exits) return 0;
    sleep_for_ever();
  }
  sleep_for_ever();
}
