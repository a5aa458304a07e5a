// arena BOARD [--seconds N] [--quiet-ms N] [--done-ms N] [--whole] [--term PERCENT] [--kill
// PERCENT]: gives the start of a trial and watches it to its end; prints one line of JSON. Locked
// in memory and of real-time priority, so that its times hold on a machine that stalls.
//
// Every 2 ms (20 while there is plenty) it reads /proc/meminfo: when available memory, and memory
// and swap together, first were at or below the thresholds. Deaths are seen through pidfds, when
// the kernel has taken the memory back. The trial ends when all hogs are dead, when nothing
// happened for --quiet-ms (3000) after a death, --done-ms after the hogs have all that they want
// (0: no matter), or after --seconds (20); with --whole only then. Times are milliseconds since the
// start; what did not happen is null.
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "board.h"

namespace {

using std::uint64_t;
const char* const role_names[] = {"hog", "innocent", "guarded", "ballast"};

struct Memory {
  uint64_t total = 0, available = 0, swap_total = 0, swap_free = 0;  // KiB
};

uint64_t field(const char* text, const char* name) {
  const char* found = std::strstr(text, name);
  return found ? std::strtoull(found + std::strlen(name), nullptr, 10) : 0;
}

Memory read_memory(int file) {
  char text[1024];
  const ssize_t length = pread(file, text, sizeof text - 1, 0);
  if (length <= 0) board::die("/proc/meminfo");
  text[length] = 0;
  return {field(text, "MemTotal:"), field(text, "MemAvailable:"), field(text, "SwapTotal:"),
          field(text, "SwapFree:")};
}

// The first time that something held.
struct First {
  uint64_t ns = 0;
  void note(bool holds, uint64_t now) {
    if (holds && ns == 0) ns = now;
  }
};

struct Death {
  std::uint32_t entry;
  uint64_t ns;
  uint64_t available;
};

struct Trial {
  board::Board& here;
  double seconds = 20, term = 10, kill = 5;
  uint64_t quiet_ns = 3'000'000'000U, done_ns = 0;
  bool whole = false;
  long period = 0;

  int epoll = epoll_create1(EPOLL_CLOEXEC);
  int meminfo = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
  std::uint32_t seen = 0, deaths_count = 0, hogs_alive = 0, hogs = 0;
  uint64_t begun = 0, last_event = 0, lowest = ~uint64_t{0}, last_sample = 0, widest_sample = 0,
           samples = 0;
  Memory first{}, now_memory{};
  First memory_term, memory_kill, both_term, both_kill;
  uint64_t last_low = 0;  // when available memory was last at or below the TERM threshold
  Death deaths[board::most_entries];
  int pidfds[board::most_entries];

  explicit Trial(board::Board& board) : here(board) {}

  void watch_newcomers(uint64_t now) {
    for (const std::uint32_t count = std::min(here.count.load(), board::most_entries); seen < count;
         ++seen) {
      board::Entry& entry = here.entries[seen];
      const pid_t pid = entry.pid;
      if (pid == 0) return;  // it has its place, not yet its name there
      last_event = now;
      if (entry.role == board::hog) ++hogs, ++hogs_alive;
      pidfds[seen] = int(syscall(SYS_pidfd_open, pid, 0));
      epoll_event event{EPOLLIN, {}};
      event.data.u32 = seen;
      if (pidfds[seen] < 0)
        died(seen, now);  // already dead, and waited for
      else
        epoll_ctl(epoll, EPOLL_CTL_ADD, pidfds[seen], &event);
    }
  }

  void died(std::uint32_t place, uint64_t now) {
    deaths[deaths_count++] = {place, now, read_memory(meminfo).available};
    last_event = now;
    if (here.entries[place].role == board::hog) --hogs_alive;
    if (pidfds[place] >= 0) close(pidfds[place]);
  }

  void sample(uint64_t now) {
    now_memory = read_memory(meminfo);
    const Memory& m = now_memory;
    const auto low = [](uint64_t part, uint64_t total, double percent) {
      return double(part) * 100 <= double(total) * percent;
    };
    if (low(m.available, m.total, term)) last_low = now;
    lowest = std::min(lowest, m.available);
    memory_term.note(low(m.available, m.total, term), now);
    memory_kill.note(low(m.available, m.total, kill), now);
    both_term.note(low(m.available, m.total, term) && low(m.swap_free, m.swap_total, term), now);
    both_kill.note(low(m.available, m.total, kill) && low(m.swap_free, m.swap_total, kill), now);
    if (last_sample != 0 && memory_term.ns != 0)
      widest_sample = std::max(widest_sample, now - last_sample);
    last_sample = now;
    ++samples;
  }

  // How long all living hogs have been as full as they want to be.
  [[nodiscard]] uint64_t all_done_for(uint64_t now) const {
    uint64_t last = 0;
    for (std::uint32_t i = 0; i < seen; ++i) {
      const board::Entry& entry = here.entries[i];
      if (entry.role != board::hog) continue;
      if (entry.filled_at_ns == 0) return 0;
      last = std::max<uint64_t>(last, entry.filled_at_ns);
    }
    return last == 0 || last > now ? 0 : now - last;
  }

  [[nodiscard]] bool over(uint64_t now) const {
    if (double(now - begun) >= seconds * 1e9) return true;
    if (done_ns != 0 && all_done_for(now) > done_ns) return true;
    if (whole || deaths_count == 0) return false;
    const uint64_t quiet = now - last_event;
    return (hogs > 0 && hogs_alive == 0 && quiet > 500'000'000U) || quiet > quiet_ns;
  }

  void set_period(int timer, long ns) {
    if (ns == period) return;
    period = ns;
    const itimerspec every{{0, ns}, {0, ns}};
    timerfd_settime(timer, 0, &every, nullptr);
  }

  void run() {
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    set_period(timer, whole ? 100'000'000 : 20'000'000);
    epoll_event event{EPOLLIN, {}};
    event.data.u32 = board::most_entries;
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
    first = read_memory(meminfo);
    begun = last_event = board::now_ns();
    for (board::Ticker& ticker : here.tickers)
      ticker.longest_ns = 0;
    board::start(here);
    for (uint64_t now = begun; !over(now); now = board::now_ns()) {
      epoll_event events[16];
      const int ready = epoll_wait(epoll, events, 16, -1);
      now = board::now_ns();
      watch_newcomers(now);
      for (int i = 0; i < ready; ++i) {
        if (events[i].data.u32 < board::most_entries) {
          died(events[i].data.u32, now);
          continue;
        }
        uint64_t expirations = 0;
        (void)!read(timer, &expirations, sizeof expirations);
        sample(now);
        if (!whole)
          set_period(timer,
                     double(now_memory.available) > 2.5 * term / 100 * double(now_memory.total)
                         ? 20'000'000
                         : 2'000'000);
      }
    }
  }

  void print_time(const char* name, uint64_t ns) const {
    if (ns == 0)
      std::printf("\"%s\":null,", name);
    else
      std::printf("\"%s\":%.1f,", name, double(ns - begun) / 1e6);
  }

  void print() const {
    const uint64_t end = board::now_ns();
    std::printf(
        "{\"seconds\":%.3f,\"samples\":%llu,\"widest_sample_ms\":%.1f,\"total_kib\":%llu,"
        "\"available_kib\":%llu,"
        "\"lowest_kib\":%llu,\"swap_total_kib\":%llu,\"swap_free_kib\":%llu,",
        double(end - begun) / 1e9, (unsigned long long)samples, double(widest_sample) / 1e6,
        (unsigned long long)first.total, (unsigned long long)first.available,
        (unsigned long long)lowest, (unsigned long long)first.swap_total,
        (unsigned long long)now_memory.swap_free);
    print_time("memory_term_ms", memory_term.ns);
    print_time("memory_kill_ms", memory_kill.ns);
    print_time("both_term_ms", both_term.ns);
    print_time("both_kill_ms", both_kill.ns);
    print_time("last_low_ms", last_low);
    std::printf("\"hogs\":%u,\"hogs_alive\":%u,\"stall_ms\":[", hogs, hogs_alive);
    const char* comma = "";
    for (const board::Ticker& ticker : here.tickers) {
      if (ticker.pid == 0) continue;
      // The one that it is in counts, too.
      const uint64_t gap =
          std::max<uint64_t>(ticker.longest_ns, end - std::min<uint64_t>(end, ticker.last_ns));
      std::printf("%s%.1f", comma, std::max(0.0, double(gap) / 1e6 - 10));
      comma = ",";
    }
    std::printf("],\"deaths\":[");
    for (std::uint32_t i = 0; i < deaths_count; ++i) {
      const board::Entry& entry = here.entries[deaths[i].entry];
      std::printf(
          "%s{\"role\":\"%s\",\"pid\":%d,\"ms\":%.1f,\"filled_mib\":%llu,\"available_kib\":%llu}",
          i ? "," : "", role_names[entry.role & 3], entry.pid.load(),
          double(deaths[i].ns - begun) / 1e6, (unsigned long long)(entry.filled_bytes >> 20U),
          (unsigned long long)deaths[i].available);
    }
    std::puts("]}");
  }
};

}  // namespace

int main(int count, char** words) {
  if (count < 2) board::die("arena BOARD ...");
  static Trial trial(board::open_board(words[1]));
  for (int i = 2; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--whole") {
      trial.whole = true;
      continue;
    }
    if (++i == count) board::die("an option without a value");
    const double value = std::atof(words[i]);
    if (word == "--seconds")
      trial.seconds = value;
    else if (word == "--quiet-ms")
      trial.quiet_ns = uint64_t(value * 1e6);
    else if (word == "--done-ms")
      trial.done_ns = uint64_t(value * 1e6);
    else if (word == "--term")
      trial.term = value;
    else if (word == "--kill")
      trial.kill = value;
    else
      board::die("an unknown option");
  }
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) board::die("mlockall");
  const sched_param priority{50};
  if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0) board::die("SCHED_FIFO");
  trial.run();
  trial.print();
}
