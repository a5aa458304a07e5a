// A watchdog runs for months: after a million rounds it has no more memory and no more descriptors
// than after ten thousand. Only dry runs: nobody is signalled.
//
//   watchdog_ticks_test ROUNDS
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "watchdog/journal.h"
#include "watchdog/report.h"
#include "watchdog/watch.h"

namespace jobward::watchdog {
namespace {

struct Holdings {
  long anonymous_kib = 0;  // code is read in as it is needed, and given back
  int descriptors = 0;
};

Holdings holdings() {
  Holdings out;
  std::FILE* status = std::fopen("/proc/self/status", "re");
  if (status == nullptr) std::exit(2);
  std::array<char, 256> line{};
  while (std::fgets(line.data(), line.size(), status) != nullptr)
    std::sscanf(line.data(), "RssAnon: %ld", &out.anonymous_kib);
  std::fclose(status);
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) std::exit(2);
  while (::readdir(directory) != nullptr)
    ++out.descriptors;
  ::closedir(directory);
  return out;
}

template <class T>
T require(Result<T> result) {
  if (result) return std::move(*result);
  std::printf("cannot be tested: %s\n", result.error().message().c_str());
  std::exit(2);
}

// Most looks are at a quiet machine; one in ten is a full one, one in a thousand at a machine that
// is short of memory, with all that is done about it but for the signal.
class Rounds {
 public:
  explicit Rounds(Watch& watch) : watch_(watch) {
    quiet_.memory_warn = quiet_.memory_term = quiet_.memory_kill = {{}, 1};
    short_.memory_warn = short_.memory_term = {1.0, {}};
    short_.memory_kill = {{}, 1};
    short_.swap_term = {1.0, {}};
    short_.protect = default_protection();
  }
  void run(long count) {
    for (long i = 0; i < count; ++i) {
      const bool is_short = i % 1000 == 999;
      const auto tick = watch_.tick(is_short ? short_ : quiet_, is_short || i % 10 == 0);
      if (tick.failed) std::exit(2);
      acted_ += tick.acted ? 1 : 0;
    }
  }
  [[nodiscard]] long acted() const { return acted_; }

 private:
  Watch& watch_;
  Config quiet_;
  Config short_;
  long acted_ = 0;
};

int run(long rounds, const std::string& directory) {
  const host::KernelRoots roots;
  auto sensor = require(Sensor::open(roots, ""));
  auto survey = require(Survey::open(roots, sensor));
  auto journal = require(Journal::open(directory, 1U << 20U, 3));
  Report report(roots, &journal, nullptr, false);
  Notify notify;
  const auto releaser = require(Releaser::start());
  Watch watch(roots, sensor, survey, report, notify, releaser, true);
  Rounds all(watch);
  all.run(10000);
  const auto before = holdings();
  all.run(rounds);
  const auto after = holdings();
  std::printf(
      "after 10,000 rounds: %ld KiB, %d descriptors; after %ld more: %ld KiB, %d; %ld would have "
      "ended somebody\n",
      before.anonymous_kib, before.descriptors, rounds, after.anonymous_kib, after.descriptors,
      all.acted());
  // A byte lost in each round would be a megabyte; a page of the stack used for the first time is
  // not.
  constexpr long kNoise = 64;
  const bool same = after.descriptors == before.descriptors &&
                    after.anonymous_kib <= before.anonymous_kib + kNoise &&
                    before.anonymous_kib > 0;
  return same && all.acted() > 0 ? 0 : 1;
}

}  // namespace
}  // namespace jobward::watchdog

int main(int argc, char** argv) {
  const long rounds = argc > 1 ? std::atol(argv[1]) : 0;
  if (rounds <= 0) return 2;
  char directory[] = "/tmp/jobward-test.XXXXXX";
  if (::mkdtemp(directory) == nullptr) return 2;
  // What it says to people, a thousand times.
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  ::dup2(null, STDERR_FILENO);
  const int status = jobward::watchdog::run(rounds, directory);
  for (const auto* file : {"/journal", "/journal.1", "/journal.2", "/journal.next", ""})
    ::remove((std::string(directory) + file).c_str());
  return status;
}
