#include "watchdog/journal_writer.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/fixed_text.h"
#include "watchdog/outlet.h"
#include "watchdog/thread.h"

namespace jobward::watchdog {
namespace {

// Touched beforehand, so that the lines about one kill need no new page of memory.
constexpr std::size_t kResident = 8192;

}  // namespace

Result<std::unique_ptr<JournalWriter>> JournalWriter::start(Journal journal) {
  static_assert(std::atomic<Ends>::is_always_lock_free);
  Fd wake(::eventfd(0, EFD_CLOEXEC));
  if (!wake) return errno_error("make", "an eventfd");
  std::unique_ptr<JournalWriter> out(new JournalWriter(std::move(journal), std::move(wake)));
  const auto run = [](void* writer) -> void* {
    static_cast<JournalWriter*>(writer)->run();
    return nullptr;
  };
  auto thread = start_thread("writes the journal", run, out.get());
  if (!thread) return tl::unexpected(std::move(thread).error());
  out->thread_ = *thread;
  out->is_running_ = true;
  return out;
}

JournalWriter::JournalWriter(Journal journal, Fd wake)
    : journal_(std::move(journal)),
      wake_(std::move(wake)),
      text_(new std::array<char, kRoom>),
      ends_(Ends()) {
  std::memset(text_->data(), 0, kResident);
}

JournalWriter::~JournalWriter() {
  stops_ = true;
  (void)!::eventfd_write(wake_.get(), 1);
  if (is_running_) ::pthread_join(thread_, nullptr);
}

bool JournalWriter::append(std::string_view line) {
  Ends now = ends_.load(std::memory_order_acquire);
  const bool is_idle = now.taken == now.written;
  // From the beginning again: all of it is written out, and until there is more the thread looks at
  // nothing. So few pages are ever in use.
  Ends next = is_idle ? Ends() : now;
  if (line.size() + 1 > kRoom - next.written) {
    errno = ENOBUFS;
    return false;
  }
  std::memcpy(text_->data() + next.written, line.data(), line.size());
  next.written += static_cast<std::uint32_t>(line.size());
  (*text_)[next.written++] = '\n';
  // The thread may have got further meanwhile.
  while (!ends_.compare_exchange_weak(now, next, std::memory_order_acq_rel))
    if (!is_idle) next.taken = now.taken;
  (void)!::eventfd_write(wake_.get(), 1);
  return true;
}

bool JournalWriter::is_idle() const {
  const Ends now = ends_.load(std::memory_order_acquire);
  return now.taken == now.written;
}

void JournalWriter::run() {
  eventfd_t count = 0;
  while (true) {
    Ends now = ends_.load(std::memory_order_acquire);
    if (now.taken == now.written) {
      if (stops_) return;
      (void)!::eventfd_read(wake_.get(), &count);
      continue;
    }
    write_out(std::string_view(text_->data() + now.taken, now.written - now.taken));
    Ends next{now.written, now.written};
    while (!ends_.compare_exchange_weak(now, next, std::memory_order_acq_rel))
      next.written = now.written;
  }
}

void JournalWriter::write_out(std::string_view lines) {
  bool failed = false;
  int errnum = 0;
  for (auto end = lines.find('\n'); end != std::string_view::npos; end = lines.find('\n')) {
    if (!journal_.append(lines.substr(0, end))) {
      failed = true;
      errnum = errno;
    }
    lines.remove_prefix(end + 1);
  }
  auto settled = journal_.settle();
  FixedText<512> words;
  if (failed)
    ((words += "cannot write the journal: ") += std::strerror(errnum)) +=
        "; what is said here is not on record";
  else if (!settled)
    words += settled.error().message();
  if (!words.empty() && !broken_) {
    FixedText<600> line("jobward-watchdog: WARN: ");
    Outlet(STDERR_FILENO).line(line += words.view());
  }
  broken_ = !words.empty();
}

}  // namespace jobward::watchdog
