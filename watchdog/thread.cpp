#include "watchdog/thread.h"

namespace jobward::watchdog {

Result<pthread_t> start_thread(const std::string& purpose, void* (*run)(void*), void* argument) {
  constexpr std::size_t kStack = 1U << 18U;
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStack);
  pthread_t thread{};
  const int failed = ::pthread_create(&thread, &attributes, run, argument);
  ::pthread_attr_destroy(&attributes);
  if (failed != 0) return errno_error("start", "the thread that " + purpose, failed);
  return thread;
}

}  // namespace jobward::watchdog
