#include "watchdog/quick_look.h"

#include <catch2/catch.hpp>

#include "watchdog/decide.h"

using namespace jobward::watchdog;

namespace {

constexpr std::uint64_t kMiB = 1U << 20U;
constexpr std::uint64_t kRate = 1000 * kMiB;
constexpr std::int64_t kNow = 1000000;

// 1000 MiB/s; SIGTERM at 400 MiB, SIGKILL at 200, a warning at 600.
Config config_of_1000() {
  Config config;
  config.fill_bytes_per_second = static_cast<double>(kRate);
  config.memory_warn = {{}, 600 * kMiB};
  config.memory_term = {{}, 400 * kMiB};
  config.memory_kill = {{}, 200 * kMiB};
  return config;
}

Snapshot machine(std::uint64_t available_mib, std::uint64_t swap_mib = 0) {
  Snapshot out;
  out.memory_total = 8000 * kMiB;
  out.memory_available = available_mib * kMiB;
  out.swap_total = out.swap_free = swap_mib * kMiB;
  return out;
}

struct Look {
  Config config = config_of_1000();
  QuickLook quick;

  // A full look that saw this much.
  Look(std::uint64_t available_mib, std::uint64_t free_mib, std::uint64_t swap_mib = 0) {
    remember(available_mib, free_mib, swap_mib);
  }
  void remember(std::uint64_t available_mib, std::uint64_t free_mib, std::uint64_t swap_mib = 0) {
    const auto seen = machine(available_mib, swap_mib);
    quick.remember(seen, {free_mib * kMiB, swap_mib * kMiB}, seconds_until(config, seen, false),
                   kNow);
  }
  std::optional<double> at(std::int64_t ms, std::uint64_t free_mib, std::uint64_t swap_mib = 0) {
    return quick.wait_seconds(config, {free_mib * kMiB, swap_mib * kMiB}, kNow + ms);
  }
};

bool about(std::optional<double> seconds, double expected) {
  return seconds && *seconds > expected - 0.001 && *seconds < expected + 0.001;
}

}  // namespace

TEST_CASE("quick_look: Before a full look, and once it is forgotten, a full look is due") {
  QuickLook quick;
  const auto config = config_of_1000();
  CHECK_FALSE(quick.wait_seconds(config, {7000 * kMiB, 0}, kNow));
  Look look(6000, 6000);
  CHECK(look.at(1, 6000));
  look.quick.forget();
  CHECK_FALSE(look.at(1, 6000));
}

TEST_CASE("quick_look: While more is free than can be filled, a full look is due once a minute") {
  Look look(7000, 6500);
  CHECK(about(look.at(100, 6500), kLongestWait));
  CHECK(about(look.at(59999, 6500), kLongestWait));
  CHECK_FALSE(look.at(60000, 6500));
}

TEST_CASE("quick_look: What the kernel keeps for itself is not available") {
  Look look(1900, 2000);
  CHECK(about(look.at(30000, 2000), 1.5));  // 1900 - 400
  CHECK(about(look.at(30000, 2050), 1.55));
  // Also once page cache hides it.
  look.remember(2050, 2000);
  CHECK(about(look.at(1, 1800), 1.45));  // by the cache: 2050 - 200 - 400
  CHECK_FALSE(look.at(1, 700));          // 600 at the least: the warning
}

TEST_CASE("quick_look: Where that is not known a full look is due after a moment") {
  Look look(1900, 1900);
  CHECK(about(look.at(4999, 1900), 1.5));
  CHECK_FALSE(look.at(5000, 1900));
}

TEST_CASE("quick_look: Nothing is waited for that could pass KILL meanwhile") {
  Look look(700, 710);
  look.config.memory_warn = look.config.memory_term = {{}, 220 * kMiB};
  CHECK(about(look.at(1, 300), 0.07));
  // At the least 20 ms to SIGTERM, at which it would look after 40; SIGKILL after 40 and 39 ms.
  look.remember(240, 250);
  CHECK(about(look.at(1, 250), kNearWait));
  CHECK_FALSE(look.at(1, 249));
}

TEST_CASE("quick_look: Where memory falls near the threshold the next look is sooner") {
  Look look(430, 440);
  look.config.memory_warn = {};
  CHECK(about(look.at(1, 435), kNearWait));
  CHECK(about(look.at(1, 431), kShortestWait + 0.001));
}

TEST_CASE("quick_look: Page cache counts for a moment, as long as there is time without it") {
  Look look(1900, 1800);
  // Without the cache: 1.4 s to SIGTERM, 1.6 to SIGKILL; with it: 1.5.
  CHECK(about(look.at(4999, 1800), 1.5));
  CHECK(about(look.at(4999, 1700), 1.4));
  // More is free since: whether cache was given up for it cannot be told.
  CHECK(about(look.at(4999, 1850), 1.5));
  CHECK_FALSE(look.at(5000, 1800));
}

TEST_CASE("quick_look: Much page cache takes a full look, for it may have been used up") {
  Look look(2400, 1800);  // 2.0 s by what is available; SIGKILL within 1.6 s without cache
  CHECK_FALSE(look.at(1, 1800));
  Look close(2000, 1800);  // 1.6 s, and 1.6 s
  CHECK(about(close.at(1, 1800), 1.6));
  CHECK_FALSE(Look(2001, 1800).at(1, 1800));
}

TEST_CASE("quick_look: Where memory may be low a full look is due") {
  Look look(1900, 1900);
  CHECK(look.at(1, 601));
  CHECK_FALSE(look.at(1, 600));  // the warning
  Look cached(800, 650);
  CHECK(about(cached.at(1, 650), 0.4));
  CHECK_FALSE(cached.at(1, 600));
}

TEST_CASE("quick_look: Swap that has filled shortens the wait") {
  Look look(1900, 1900, 400);
  look.config.swap_term = {{}, 80 * kMiB};
  look.config.swap_kill = {{}, 40 * kMiB};
  look.quick.remember(machine(1900, 400), {1900 * kMiB, 400 * kMiB}, 1.9, kNow);
  CHECK(about(look.at(1, 1900, 400), 1.9));  // 1.5 s, and 320 MiB at 800 MiB/s
  CHECK(about(look.at(1, 1900, 0), 1.5));
}
