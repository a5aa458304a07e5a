// The journal, written by a thread of its own: a disk that stalls must not keep a kill waiting.
#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "common/fd.h"
#include "watchdog/journal.h"

namespace jobward::watchdog {

// Takes lines without waiting, allocating or locking; the thread appends them, forces them to the
// disk, and reserves the next file. What fails there is said on stderr. One thread may call it.
class JournalWriter : public LineSink {
 public:
  // Starts the thread, with the signals blocked that are blocked now.
  static Result<std::unique_ptr<JournalWriter>> start(Journal journal);
  // Writes what was taken, however long that takes.
  ~JournalWriter() override;
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;

  // False: kRoom is used up, since the disk has taken nothing for long (errno ENOBUFS).
  bool append(std::string_view line) override;
  // Is all that was taken written out?
  [[nodiscard]] bool is_idle() const;

  static constexpr std::uint32_t kRoom = 1U << 18U;

 private:
  JournalWriter(Journal journal, Fd wake);
  void run();
  void write_out(std::string_view lines);

  // Where the thread reads and where the next line comes, as one: [taken, written) is the thread's.
  // Aligned, or clang calls libatomic for it.
  struct alignas(std::uint64_t) Ends {
    std::uint32_t taken = 0;
    std::uint32_t written = 0;
  };

  Journal journal_;
  Fd wake_;  // an eventfd
  std::unique_ptr<std::array<char, kRoom>> text_;
  std::atomic<Ends> ends_;
  std::atomic<bool> stops_{false};
  bool broken_ = false;  // the thread's
  pthread_t thread_{};
  bool is_running_ = false;
};

}  // namespace jobward::watchdog
