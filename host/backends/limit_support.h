// How each limit is held: what is the same on every backend.
#pragma once

#include <string>

#include "host/backends/backend.h"

namespace jobward::host {

// Times are checked by the supervisor, open files held by the kernel (setrlimit); all others are
// `none` until the backend says better.
Support common_support();

inline LimitSupport held_by_kernel() { return {Enforcement::kernel, {}, {}}; }
inline LimitSupport held_by_polling(std::string why, std::string mend = {}) {
  return {Enforcement::polled, std::move(why), std::move(mend)};
}
inline LimitSupport not_held(std::string why, std::string mend = {}) {
  return {Enforcement::none, std::move(why), std::move(mend)};
}

}  // namespace jobward::host
