// What every fuzz target asserts with: a violated property ends the process, as a crash does.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace jobward::fuzz {

inline void require(bool holds, const char* property, std::string_view detail = "") {
  if (holds) return;
  std::fprintf(stderr, "violated: %s: %.*s\n", property, static_cast<int>(detail.size()),
               detail.data());
  std::abort();
}

}  // namespace jobward::fuzz
