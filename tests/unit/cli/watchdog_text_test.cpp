#include "cli/watchdog_text.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "common/text.h"
#include "tests/support/watchdog_lines.h"

using namespace jobward;
using namespace jobward::cli;
using test::kill_line;
using test::outcome_line;
using test::watchdog_line;

namespace {

profiles::WatchdogEvent event(const std::string& line) {
  auto parsed = profiles::parse_watchdog_line(line);
  REQUIRE(parsed);
  return std::move(*parsed);
}

WatchdogEntry entry(const std::string& line, const std::string& outcome = "") {
  WatchdogEntry out{event(line), std::nullopt};
  if (!outcome.empty()) out.outcome = event(outcome);
  return out;
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("watchdog text: A kill tells who, how big, why, how, and what came of it") {
  const auto text = watchdog_entry_text(entry(kill_line(2, "snsd6g4myk"), outcome_line(3, 2)));
  has(text, "ended run snsd6g4myk (train.py, pid 4242, uid 1000): 10.0 GiB\n");
  has(text, "1.00 GiB of 32.0 GiB were available, the threshold is 2.00 GiB");
  has(text, "0 B of 2.00 GiB swap free");
  has(text, "the next largest was process 99 (chrome, uid 0) 1.00 GiB");
  has(text, "spared: process 5 (sshd, uid 0) 1.00 MiB: protected by rule exe:*/sshd");
  has(text, "TERM at ");
  has(text, ", KILL at ");
  has(text, "it was gone after 5.30 s; the memory came back: 10.0 GiB, 11.0 GiB available since");
  CHECK(text.find("HARD_FAIL") == std::string::npos);
}

TEST_CASE("watchdog text: A kill that brought nothing back is a HARD_FAIL in the first line") {
  const auto text =
      watchdog_entry_text(entry(kill_line(2, "snsd6g4myk"), outcome_line(3, 2, false)));
  CHECK(text.find("HARD_FAIL  ended run") < text.find('\n'));
  has(text, "it has NOT exited; the memory did NOT come back: 0 B freed");
}

TEST_CASE("watchdog text: A dry run has ended nothing") {
  const auto text = watchdog_entry_text(entry(kill_line(2, "snsd6g4myk", true)));
  has(text, "would have ended run snsd6g4myk");
  has(text, "none: it was a dry run");
}

TEST_CASE("watchdog text: Where nobody may be ended it says who was spared and why") {
  std::string candidates;
  for (int pid = 1; pid <= 5; ++pid)
    candidates += std::string(pid > 1 ? "," : "") + R"({"unit":"process","pid":)" +
                  std::to_string(pid) + R"(,"chosen":false,"why":"another user's"})";
  const auto text = watchdog_entry_text(
      entry(watchdog_line(1, "HARD_FAIL", "no_victim", R"("candidates":[)" + candidates + "]")));
  has(text,
      "spared: process 1: another user's; process 2: another user's; process 3: another "
      "user's and 2 more\n");
}

TEST_CASE("watchdog text: A victim that was not the largest has its reason") {
  const auto text = watchdog_entry_text(entry(watchdog_line(
      1, "WARN", "kill",
      R"("candidates":[{"pid":1,"chosen":true,"why":"its shared memory is what fills the machine"}])")));
  has(text, "others   chosen because: its shared memory is what fills the machine\n");
}

TEST_CASE("watchdog text: What became of it may not be on record") {
  has(watchdog_entry_text(entry(kill_line(2, "snsd6g4myk"))), "is not on record");
}

TEST_CASE("watchdog text: A finding has its sentence, a full tmpfs its mount") {
  const auto text = watchdog_entry_text(entry(
      watchdog_line(1, "HARD_FAIL", "tmpfs_full",
                    R"("mount":"/dev/shm","used_bytes":1073741824,"size_bytes":2147483648)")));
  has(text, "HARD_FAIL  tmpfs_full: it is tmpfs_full");
  has(text, "/dev/shm: 1.00 GiB of 2.00 GiB used");
}

TEST_CASE("watchdog text: Hostile names cannot break a line, odd types are left out") {
  const auto text = watchdog_entry_text(entry(watchdog_line(
      1, "WARN", "kill",
      R"("victim":{"name":"a\nb\u001b[2J) Z","pid":"x","uid":-1e300,"size_bytes":-5},)"
      R"("snapshot":[1],"candidates":[7,null,{"chosen":false}],"signals":[{"time_ms":1e300},3])")));
  CHECK(text.find('\x1b') == std::string::npos);
  has(text, "a\\x0ab\\x1b[2J) Z");
  std::string without_feeds = text;
  std::erase(without_feeds, '\n');
  CHECK(printable(without_feeds) == without_feeds);
}

TEST_CASE("watchdog text: A run's end in sentences") {
  const auto sentences = watchdog_sentences(entry(kill_line(2, "snsd6g4myk"), outcome_line(3, 2)));
  REQUIRE(sentences.size() == 3);
  has(sentences[0], "The watchdog ended it at ");
  has(sentences[0], "1.00 GiB of 32.0 GiB were available");
  has(sentences[1], "It held 10.0 GiB");
  has(sentences[2], "the memory came back");
}

TEST_CASE("watchdog text: The thresholds of a start") {
  CHECK(watchdog_threshold_words(event(watchdog_line(
            1, "INFO", "start",
            R"("memory_term_bytes":2147483648,"swap_term_bytes":1024,"pressure_term":20)"))) ==
        "SIGTERM 2.00 GiB, with free swap at SIGTERM 1.00 KiB, or pressure 20 %");
  CHECK(watchdog_threshold_words(event(watchdog_line(1, "INFO", "start"))).empty());
}

TEST_CASE("watchdog json: A kill is the line of the journal, with that of its outcome") {
  const auto json = to_json(entry(kill_line(2, "snsd6g4myk"), outcome_line(3, 2)));
  CHECK(json["seq"] == 2);
  CHECK(json["victim"]["run"] == "snsd6g4myk");
  CHECK(json["outcome"]["action"] == 2);
  CHECK(!to_json(entry(kill_line(2, "snsd6g4myk"))).contains("outcome"));
}
