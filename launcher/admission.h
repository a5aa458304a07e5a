// Does a run fit beside what is going on? Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace jobward::launcher {

enum class Verdict { fits, wait, refuse };
constexpr const char* to_string(Verdict verdict) {
  return verdict == Verdict::fits ? "fits" : verdict == Verdict::wait ? "wait" : "refuse";
}

// Bytes of memory, in the tightest enclosing limit.
struct MemoryRoom {
  std::uint64_t capacity = 0;         // there at most, with nothing else running
  std::uint64_t available = 0;        // free now
  std::uint64_t reserved_unused = 0;  // of running reservations, not used yet
  int running = 0;                    // runs that hold a reservation
  [[nodiscard]] std::uint64_t free() const {
    return available > reserved_unused ? available - reserved_unused : 0;
  }
};

struct Decision {
  Verdict verdict = Verdict::fits;
  std::string reason;
};

// `need`: what the run would reserve; absent: nothing is known and no limit is set, so nothing
// speaks against it. More than the capacity can never fit: refuse. More than is free now: wait,
// unless nothing runs that could make room by ending: then waiting helps nobody, and a job that can
// fit at all is let in.
Decision judge(const std::optional<double>& need, const MemoryRoom& room);

}  // namespace jobward::launcher
