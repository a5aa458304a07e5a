#include "profiles/watchdog_journal.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/support/watchdog_lines.h"

using namespace jobward;
using namespace jobward::profiles;
using test::kill_line;
using test::outcome_line;
using test::watchdog_line;

namespace {

std::string problem_of(const std::string& line) {
  const auto event = parse_watchdog_line(line);
  return event ? "" : event.error().detail;
}

std::string without(std::string line, const std::string& text, const std::string& other = "") {
  const auto at = line.find(text);
  REQUIRE(at != std::string::npos);
  return line.replace(at, text.size(), other);
}

}  // namespace

TEST_CASE("watchdog journal: A line becomes an event, and its text is kept") {
  const auto line = kill_line(3, "snsd6g4myk");
  const auto event = parse_watchdog_line(line);
  REQUIRE(event);
  CHECK(event->instance == test::kInstance);
  CHECK(event->seq == 3);
  CHECK(event->time == 1'700'000'003'000);
  CHECK(event->severity == WatchdogSeverity::warn);
  CHECK(event->event == "kill");
  CHECK(event->run == "snsd6g4myk");
  CHECK(!event->action);
  CHECK(event->line == line);
  CHECK(parse_watchdog_line(outcome_line(4, 3))->action == 3);
}

TEST_CASE("watchdog journal: A dry run has ended no run") {
  CHECK(parse_watchdog_line(kill_line(3, "snsd6g4myk", true))->run.empty());
}

TEST_CASE("watchdog journal: A line that is not as it must be says what is wrong") {
  const auto good = watchdog_line(1, "INFO", "start");
  CHECK(problem_of("{") == "it is no JSON object");
  CHECK(problem_of("[1]") == "it is no JSON object");
  CHECK(problem_of(without(good, "\"seq\":1,")) == "it has no \"seq\"");
  CHECK(problem_of(without(good, "\"seq\":1", "\"seq\":-1")).find("\"seq\"") == 0);
  CHECK(problem_of(without(good, "\"seq\":1", "\"seq\":1.5")).find("\"seq\"") == 0);
  CHECK(problem_of(without(good, "\"seq\":1", "\"seq\":9223372036854775808")).find("\"seq\"") == 0);
  CHECK(problem_of(without(good, test::kInstance, "0123456789ABCDEF")).find("\"instance\"") == 0);
  CHECK(problem_of(without(good, test::kInstance, "0123")).find("\"instance\"") == 0);
  CHECK(problem_of(without(good, "\"schema_version\":1", "\"schema_version\":2")) ==
        "schema version 2, known here is 1");
  CHECK(problem_of(without(outcome_line(2, 1), "\"action\":1,")) == "it has no \"action\"");
  CHECK(problem_of(good.substr(0, 20) + std::string(3, '\0') + good.substr(20)).find("zero") !=
        std::string::npos);
}

TEST_CASE("watchdog journal: A severity that is not known is an error, never a lower one") {
  for (const auto* word : {"ERROR", "warn", "HARD-FAIL", "FATAL"})
    CHECK(problem_of(watchdog_line(1, word, "kill")) == "an unknown severity");
}

TEST_CASE("watchdog journal: Events that are not known are kept") {
  CHECK(parse_watchdog_line(watchdog_line(1, "WARN", "something_new", "\"x\":[1]")));
}

TEST_CASE("watchdog journal: What follows the last line feed is not read") {
  const auto one = watchdog_line(1, "INFO", "start") + "\n";
  const auto two = watchdog_line(2, "INFO", "stop");
  for (const auto& rest : {std::string(), two, two.substr(0, 9), std::string(5000, '\0')}) {
    const auto part = read_journal_part(one + rest, 0);
    CHECK(part.events.size() == 1);
    CHECK(part.broken.empty());
    CHECK(part.consumed == one.size());
    CHECK(part.lines == 1);
  }
  CHECK(read_journal_part("", 0).consumed == 0);
}

TEST_CASE("watchdog journal: A broken line is reported by its number, the others are used") {
  const auto part = read_journal_part(
      watchdog_line(1, "INFO", "start") + "\nnonsense\n" + watchdog_line(2, "INFO", "stop") + "\n",
      10);
  REQUIRE(part.events.size() == 2);
  CHECK(part.events[1].seq == 2);
  REQUIRE(part.broken.size() == 1);
  CHECK(part.broken[0].number == 12);
  CHECK(part.broken[0].text == "nonsense");
}

TEST_CASE("watchdog journal: A whole event behind a cut one, or behind zero bytes, is used") {
  const auto cut = watchdog_line(1, "INFO", "start").substr(0, 30);
  for (const auto& before : {cut, std::string(4096, '\0'), cut + std::string(99, '\0')}) {
    const auto part = read_journal_part(before + watchdog_line(2, "INFO", "start") + "\n", 0);
    REQUIRE(part.events.size() == 1);
    CHECK(part.events[0].seq == 2);
    CHECK(part.events[0].line == watchdog_line(2, "INFO", "start"));
    REQUIRE(part.broken.size() == 1);
    CHECK(part.broken[0].problem.find("was used") != std::string::npos);
  }
}
