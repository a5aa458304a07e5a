#include "cli/own_process.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "common/exit_codes.h"
#include "host/observe/process.h"

namespace jobward::cli {
namespace {

// The sanitizers map shadows of all memory, and keep for a while what was freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// Address space of threads that is hardly ever touched; it counts as private memory all the same.
std::uint64_t stack_bytes() {
  pthread_attr_t attributes;
  std::size_t size = 8U << 20U;
  if (::pthread_getattr_default_np(&attributes) != 0) return size;
  ::pthread_attr_getstacksize(&attributes, &size);
  ::pthread_attr_destroy(&attributes);
  return size;
}

void end_with_message(int number) {
  std::string_view text = "jobward: verify: the engine broke down";
  if (number == SIGABRT) text = "jobward: verify: the engine broke down and gave up (SIGABRT)";
  if (number == SIGSEGV) text = "jobward: verify: the engine broke down (SIGSEGV)";
  if (number == SIGBUS) text = "jobward: verify: the engine broke down (SIGBUS)";
  constexpr std::string_view kRest =
      ", perhaps for want of memory (--memory): nothing was checked to its end\n";
  static_cast<void>(::write(STDERR_FILENO, text.data(), text.size()));
  static_cast<void>(::write(STDERR_FILENO, kRest.data(), kRest.size()));
  ::_exit(exit_code::kUsage);
}

}  // namespace

MemoryCap::MemoryCap(std::uint64_t cap, int threads) {
  if (kSanitized) return;
  // The allocator in the engine's library keeps what was freed mapped, as much again as is in use.
  // It reads this when the library is loaded.
  ::setenv("DUCKDB_JE_MALLOC_CONF", "retain:false,dirty_decay_ms:0,muzzy_decay_ms:0", 1);
  // The engine's library: its code is read from the file, and counts as ours, but is no data.
  constexpr std::uint64_t kCode = 32U << 20U;
  const auto now = host::own_sizes(host::KernelRoots());
  if (!now) {
    problem_ = now.error().message();
    return;
  }
  const auto spent = now->resident + kCode;
  const auto more = cap > spent ? cap - spent : 0;
  const auto stacks = stack_bytes() * static_cast<std::uint64_t>(threads + 1);
  set_ = ::getrlimit(RLIMIT_DATA, &before_) == 0;
  auto bounded = before_;
  bounded.rlim_cur = std::min<rlim_t>(before_.rlim_cur, now->data + more + stacks);
  set_ = set_ && ::setrlimit(RLIMIT_DATA, &bounded) == 0;
  if (!set_) problem_ = std::strerror(errno);
}

MemoryCap::~MemoryCap() {
  if (set_) ::setrlimit(RLIMIT_DATA, &before_);
}

StdoutAside::StdoutAside() {
  std::fflush(stdout);
  kept_ = Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  if (kept_) ::dup2(STDERR_FILENO, STDOUT_FILENO);
}

StdoutAside::~StdoutAside() {
  std::fflush(stdout);  // the library has the same buffer
  if (kept_) ::dup2(kept_.get(), STDOUT_FILENO);
}

void tell_of_breakdown() {
  // One of a thread's stack that is used up has none to be handled on.
  static std::array<char, 64U << 10U> other_stack;
  stack_t stack{};
  stack.ss_sp = other_stack.data();
  stack.ss_size = other_stack.size();
  ::sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_handler = end_with_message;
  action.sa_flags = SA_ONSTACK;
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS})
    ::sigaction(number, &action, nullptr);
}

}  // namespace jobward::cli
