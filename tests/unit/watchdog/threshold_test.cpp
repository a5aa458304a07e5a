#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <set>
#include <string>

#include "tests/unit/watchdog/text.h"
#include "watchdog/config.h"

using namespace jobward;
using namespace jobward::watchdog;
using Catch::Contains;

namespace {

constexpr std::uint64_t kG = std::uint64_t{1} << 30U;

Threshold threshold(const std::string& text) {
  const auto parsed_text = parse_threshold(text);
  INFO(text);
  REQUIRE(parsed_text);
  return *parsed_text;
}

std::string threshold_refusal(const std::string& text) {
  const auto parsed_text = parse_threshold(text);
  INFO(text);
  REQUIRE_FALSE(parsed_text);
  return parsed_text.error().message();
}

std::string conflict(const std::string& text) {
  const auto status = check(parsed(text));
  INFO(text);
  REQUIRE_FALSE(status);
  return status.error().message();
}

std::string conflict_on(const std::string& text, std::uint64_t memory, std::uint64_t swap) {
  const auto config = parsed(text);
  CHECK(check(config));  // nothing can be said before the machine is known
  const auto status = check_against(config, memory, swap);
  INFO(text);
  REQUIRE_FALSE(status);
  return status.error().message();
}

}  // namespace

TEST_CASE("watchdog threshold: A share, an amount, or both in any order") {
  CHECK(threshold("10%").share == Approx(0.1));
  CHECK_FALSE(threshold("10%").bytes);
  CHECK(threshold("2G").bytes == 2 * kG);
  CHECK_FALSE(threshold("2G").share);
  for (const auto* text : {"10% 2G", "2G 10%", "  2G\t 10%  "}) {
    CHECK(threshold(text).share == Approx(0.1));
    CHECK(threshold(text).bytes == 2 * kG);
  }
  CHECK(threshold("7.5%").share == Approx(0.075));
  CHECK(threshold("1.5G").bytes == 3 * kG / 2);
  CHECK(threshold("100%").share == 1.0);
}

TEST_CASE("watchdog threshold: Zero is off, however it is written") {
  for (const auto* text : {"0", "0%", "0G", "0.0", "0% 2G"}) {
    INFO(text);
    CHECK(threshold(text).is_off());
    CHECK(threshold(text).of(64 * kG) == 0);
  }
  CHECK_FALSE(threshold("1%").is_off());
}

TEST_CASE("watchdog threshold: Of share and amount the lower one holds") {
  CHECK(threshold("10% 2G").of(10 * kG) == kG);
  CHECK(threshold("10% 2G").of(64 * kG) == 2 * kG);
  CHECK(threshold("2G").of(kG) == 2 * kG);
  CHECK(threshold("50%").of(kG) == kG / 2);
  CHECK(threshold("100%").of(std::numeric_limits<std::uint64_t>::max()) ==
        std::numeric_limits<std::uint64_t>::max());
  CHECK(threshold("99.9%").of(std::numeric_limits<std::uint64_t>::max()) > 0);
  CHECK(Threshold{}.of(kG) == 0);
}

TEST_CASE("watchdog threshold: Each mistake has words of its own") {
  CHECK_THAT(threshold_refusal(""), Contains("empty"));
  CHECK_THAT(threshold_refusal(" \t"), Contains("empty"));
  CHECK_THAT(threshold_refusal("abc"), Contains("\"abc\": no number"));
  CHECK_THAT(threshold_refusal("%"), Contains("no number"));
  CHECK_THAT(threshold_refusal("nan%"), Contains("no number"));
  CHECK_THAT(threshold_refusal("+5%"), Contains("no number"));
  CHECK_THAT(threshold_refusal("1.2.3%"), Contains("two points"));
  CHECK_THAT(threshold_refusal("-5%"), Contains("negative"));
  CHECK_THAT(threshold_refusal("10% -2G"), Contains("\"-2G\": negative"));
  CHECK_THAT(threshold_refusal("101%"), Contains("above 100%"));
  CHECK_THAT(threshold_refusal("100.001%"), Contains("above 100%"));
  CHECK_THAT(threshold_refusal("99999999999G"), Contains("too large"));
  CHECK_THAT(threshold_refusal(std::string(400, '9') + "G"), Contains("too large"));
  CHECK_THAT(threshold_refusal("10"), Contains("no unit; a share is 10%"));
  CHECK_THAT(threshold_refusal("10X"), Contains("unknown unit \"X\""));
  CHECK_THAT(threshold_refusal("1e3%"), Contains("unknown unit"));
  CHECK_THAT(threshold_refusal("10% 5%"), Contains("a second share"));
  CHECK_THAT(threshold_refusal("2G 3G"), Contains("a second amount"));
  CHECK_THAT(threshold_refusal("10%x"), Contains("\"x\" is left over"));
  CHECK_THAT(threshold_refusal("10% 2G foo"), Contains("\"foo\": left over"));
  CHECK_THAT(threshold_refusal("10%,5%"), Contains("\",5%\" is left over"));
}

TEST_CASE("watchdog threshold: No two kinds of mistakes share a message") {
  std::set<std::string> messages;
  const std::vector<std::string> mistakes{"",   "x",     "-x",    "200%", "9999999999G", "7",
                                          "7X", "1% 1%", "1G 1G", "1%x",  "1% x",        "1..2%"};
  for (const auto& text : mistakes) {
    const auto parsed_text = parse_threshold(text);
    REQUIRE_FALSE(parsed_text);
    messages.insert(parsed_text.error().detail);
  }
  CHECK(messages.size() == mistakes.size());
}

TEST_CASE("watchdog threshold: What is written is read back") {
  for (const auto* text : {"10%", "2G", "10% 2G", "0", "7.5% 1536M", "12345B", "100%", "33.3%"})
    CHECK(format_threshold(threshold(text)) == text);
}

TEST_CASE("watchdog threshold: The defaults fit together, on machines of any size") {
  const Config defaults;
  CHECK(check(defaults));
  for (std::uint64_t memory = 1; memory < std::uint64_t{1} << 50U; memory *= 3)
    for (const std::uint64_t swap : {std::uint64_t{0}, memory / 2, memory * 2})
      CHECK(check_against(defaults, memory, swap));
}

TEST_CASE("watchdog threshold: KILL above TERM is refused, by shares and by amounts") {
  CHECK_THAT(conflict("memory_kill = 12%"),
             Contains("memory_kill = 12% with memory_term = 10% 2G: 12% is above 10%"));
  CHECK_THAT(conflict("memory_kill = 5% 2560M"), Contains("2560M is above 2G"));
  CHECK_THAT(conflict("swap_term = 5%\nswap_kill = 6%"),
             Contains("swap_kill = 6% with swap_term = 5%: 6% is above 5%"));
}

TEST_CASE("watchdog threshold: An action above the warning is refused") {
  CHECK_THAT(conflict("memory_term = 20%"),
             Contains("memory_term = 20% with memory_warn = 15% 3G"));
  CHECK_THAT(conflict("memory_term = 0\nmemory_kill = 20%"),
             Contains("memory_kill = 20% with memory_warn = 15% 3G"));
}

TEST_CASE("watchdog threshold: A level may be off, but not all of them") {
  CHECK(check(parsed("memory_term = 0")));
  CHECK(check(parsed("memory_warn = 0")));
  CHECK(check(parsed("memory_kill = 0")));
  CHECK(check(parsed("memory_term = 0\nmemory_kill = 0")));
  CHECK(check_against(parsed("memory_term = 0"), 8 * kG, 0));
  CHECK_THAT(conflict("memory_warn = 0\nmemory_term = 0%\nmemory_kill = 0"),
             Contains("all three are 0"));
}

TEST_CASE("watchdog threshold: Shares and amounts are compared where the machine is known") {
  const std::string text = "memory_warn = 50%\nmemory_term = 10%\nmemory_kill = 1G";
  CHECK(check_against(parsed(text), 64 * kG, 0));
  CHECK_THAT(
      conflict_on(text, 4 * kG, 0),
      Contains("memory_kill = 1G with memory_term = 10%: 1.00 GiB of 4.00 GiB is above 410 MiB"));
  const std::string swap = "swap_term = 10%\nswap_kill = 1G";
  CHECK(check_against(parsed(swap), 8 * kG, 0));
  CHECK_THAT(conflict_on(swap, 8 * kG, 2 * kG), Contains("swap_kill = 1G"));
}

TEST_CASE("watchdog threshold: An action that is always due is refused") {
  const std::string text = "memory_warn = 100%\nmemory_term = 100%\nmemory_kill = 1%";
  CHECK_THAT(conflict_on(text, 8 * kG, 0), Contains("memory_term = 100%"));
  CHECK_THAT(conflict_on(text, 8 * kG, 0), Contains("always be reached"));
  CHECK(check_against(parsed(text), 8 * kG, kG));  // swap alone decides then
  CHECK_THAT(conflict_on(text + "\nswap_term = 100%", 8 * kG, kG), Contains("swap_term = 100%"));
  CHECK_THAT(conflict_on("memory_warn = 64G\nmemory_term = 64G\nmemory_kill = 1G", 8 * kG, 0),
             Contains("all of the 8.00 GiB"));
}
