#include "watchdog/config.h"

#include <catch2/catch.hpp>
#include <string>

#include "common/text.h"
#include "tests/unit/watchdog/text.h"

using namespace jobward;
using namespace jobward::watchdog;
using Catch::Contains;

TEST_CASE("watchdog config: An empty text gives the defaults, with the shipped protection") {
  const auto config = parsed("# nothing\n\n   \n");
  const Config defaults;
  CHECK(format_threshold(config.memory_term) == format_threshold(defaults.memory_term));
  CHECK(config.by == SizeBy::rss);
  CHECK_FALSE(config.swap_was_set);
  CHECK(config.protect.size() == default_protection().size());
}

TEST_CASE("watchdog config: Every key is read") {
  const auto config = parsed(
      "memory_warn = 20%\nmemory_term=8% 1G\n\tmemory_kill =4%\nswap_term = 6%\nswap_kill = 3%\n"
      "pressure_term = 55%\nby = pss\nunit = process\nprefer_over_estimate = yes\ngrace = 250ms\n"
      "settle = 2s\nfill_rate = 3G/s\nprotect_defaults = no\nprotect = exe:/opt/x\n"
      "hook_before = /bin/before \"a b\" c\nhook_after = /bin/after\nhook_timeout = 3s\n"
      "state_directory = /srv/state dir\njournal_bytes = 1M\njournal_files = 7  # of them\r\n");
  CHECK(config.memory_warn.share == Approx(0.2));
  CHECK(config.memory_term.bytes == std::uint64_t{1} << 30U);
  CHECK(config.memory_kill.share == Approx(0.04));
  CHECK_FALSE(config.memory_kill.bytes);
  CHECK(config.swap_term.share == Approx(0.06));
  CHECK(config.swap_kill.share == Approx(0.03));
  CHECK(config.swap_was_set);
  CHECK(config.pressure_term == Approx(0.55));
  CHECK(config.by == SizeBy::pss);
  CHECK(config.unit == UnitKind::process);
  CHECK(config.prefer_over_estimate);
  CHECK(config.grace_seconds == Approx(0.25));
  CHECK(config.settle_seconds == 2);
  CHECK(config.fill_bytes_per_second == Approx(3.0 * (1U << 30U)));
  CHECK_FALSE(config.protect_defaults);
  REQUIRE(config.protect.size() == 1);
  CHECK(config.protect[0].exe == "/opt/x");
  CHECK(config.hook_before.argv == std::vector<std::string>{"/bin/before", "a b", "c"});
  CHECK(config.hook_after.argv == std::vector<std::string>{"/bin/after"});
  CHECK(config.hook_timeout_seconds == 3);
  CHECK(config.state_directory == "/srv/state dir");
  CHECK(config.journal_bytes == 1U << 20U);
  CHECK(config.journal_files == 7);
}

TEST_CASE("watchdog config: Pressure can be off, and oom_score is a size") {
  CHECK_FALSE(parsed("pressure_term = off").pressure_term);
  CHECK(parsed("by = oom_score").by == SizeBy::oom_score);
  CHECK_FALSE(parsed("prefer_over_estimate = no").prefer_over_estimate);
}

TEST_CASE("watchdog config: An error names file, line and key") {
  CHECK_THAT(refusal("\n\nmemory_term = 101%"),
             Contains("w.conf:3: memory_term: cannot read threshold \"101%\": above 100%"));
  CHECK_THAT(refusal("by = size"), Contains("w.conf:1: by: ") && Contains("rss, pss, oom_score"));
  CHECK_THAT(refusal("unit = cgroup"), Contains("job, process"));
  CHECK_THAT(refusal("grace = 5 s"), Contains("grace: "));
  CHECK_THAT(refusal("grace = -1s"), Contains("grace: "));
  CHECK_THAT(refusal("grace = 1h"), Contains("above 10m00s"));
  CHECK_THAT(refusal("settle = 0"), Contains("below 0.10 s"));
  CHECK_THAT(refusal("hook_timeout = 2m"), Contains("above"));
  CHECK_THAT(refusal("fill_rate = 6G"), Contains("fill_rate: "));
  CHECK_THAT(refusal("fill_rate = 0G/s"), Contains("below 1M/s"));
  CHECK_THAT(refusal("pressure_term = 0"), Contains("below 1%") && Contains("off"));
  CHECK_THAT(refusal("prefer_over_estimate = 1"), Contains("yes, no"));
  CHECK_THAT(refusal("protect_defaults = maybe"), Contains("yes, root, no"));
  CHECK_THAT(refusal("state_directory = state"), Contains("absolute"));
  CHECK_THAT(refusal("journal_bytes = 1K"), Contains("64K to 1G"));
  CHECK_THAT(refusal("journal_files = 0"), Contains("1 to 100"));
  CHECK_THAT(refusal("journal_files = 4x"), Contains("1 to 100"));
}

TEST_CASE("watchdog config: An unknown key is refused, with the nearest one") {
  CHECK_THAT(refusal("memory_trem = 5%"),
             Contains("w.conf:1: cannot use the key \"memory_trem\"") && Contains("memory_term?"));
  CHECK_THAT(refusal("= 5%"), Contains("the key \"\""));
  CHECK_THAT(refusal("Memory_term = 5%"), Contains("memory_term?"));
  CHECK_THAT(refusal("memory_term"), Contains("expected KEY = VALUE"));
  CHECK_THAT(refusal("[section]"), Contains("expected KEY = VALUE"));
}

TEST_CASE("watchdog config: A key twice is refused, with both lines") {
  CHECK_THAT(refusal("grace = 1s\n\ngrace = 1s"),
             Contains("w.conf:3: grace:") && Contains("line 1"));
}

TEST_CASE("watchdog config: A comment begins at a blank, and not inside quotes") {
  CHECK(parsed("by = pss # why").by == SizeBy::pss);
  CHECK(parsed("hook_after = /bin/x a#b \"c # d\" # e").hook_after.argv ==
        std::vector<std::string>{"/bin/x", "a#b", "c # d"});
}

TEST_CASE("watchdog config: A hook is an absolute path and words") {
  CHECK_THAT(refusal("hook_before = notify-send"), Contains("absolute path"));
  CHECK_THAT(refusal("hook_before = \"\" x"), Contains("absolute path"));
  CHECK_THAT(refusal("hook_before = /bin/x \"a"), Contains("not closed"));
  CHECK(parsed("hook_before = /bin/x \"\"").hook_before.argv.size() == 2);
  CHECK(parsed("hook_before =").hook_before.argv.empty());
}

TEST_CASE("watchdog config: Hostile text gives one clean line") {
  std::vector<std::string> texts{
      std::string("by = r\0ss", 9),
      "by = \x1b[31mrss",
      "foo) Z = 1",
      ")))((( = )))(((",
      "protect = name:foo)\tZ user:\xff\xfe",
      "\xe2\x82 = \xe2\x82",
      "protect = exe:/\x7f/x",
      std::string(60000, '='),
  };
  std::string long_words(60000, 'k');
  long_words.append(" = ").append(4000, '\xff');
  texts.push_back(long_words);
  for (const auto& text : texts) {
    const auto message = refusal(text);
    CHECK(printable(message) == message);
    CHECK(message.size() < 1000);
    CHECK_THAT(message, Contains("w.conf:1: "));
  }
  CHECK_THAT(parse_config("x", "a\nb", two_users).error().message(), Contains("a\\x0ab:1"));
}

TEST_CASE("watchdog config: Protection can be reduced to what runs as root") {
  const auto root_only = parsed("protect_defaults = root");
  CHECK(root_only.protect.size() == default_protection(true).size());
  for (const auto& rule : root_only.protect)
    CHECK(rule.uid == uid_t{0});
  CHECK(parsed("protect_defaults = no").protect.empty());
}

TEST_CASE("watchdog config: What is described is read back") {
  const std::string text =
      "memory_term = 7.5% 1536M\nswap_kill = 0\npressure_term = off\nby = oom_score\n"
      "unit = process\ngrace = 250ms\nfill_rate = 3G/s\nprotect = name:\"tmux: server\" "
      "user:alice\n"
      "protect = exe:\"/opt/#1 best\" cgroup:/a/*\nhook_after = /bin/x \"a b\" \"\" \"#c\"\n"
      "state_directory = /srv/s\nprotect_defaults = root\n";
  const auto once = describe(parsed(text), std::uint64_t{8} << 30U, 0);
  CAPTURE(once);
  CHECK(describe(parsed(once), std::uint64_t{8} << 30U, 0) == once);
  CHECK_THAT(once, Contains("memory_term = 7.5% 1536M  # at or below 614 MiB of 8.00 GiB"));
  CHECK_THAT(once, Contains("swap_term = 10%  # ignored: there is no swap"));
  CHECK_THAT(once, Contains("protect = \"name:tmux: server\" user:1000"));
  CHECK_THAT(once, Contains("# protect = exe:/usr/*bin/sshd user:0"));
}

TEST_CASE("watchdog config: The summary is one line") {
  const auto line =
      summarize(parsed("memory_kill = 0"), std::uint64_t{64} << 30U, std::uint64_t{8} << 30U);
  CHECK(line.find('\n') == std::string::npos);
  CHECK_THAT(line, Contains("warning 3.00 GiB, SIGTERM 2.00 GiB, SIGKILL off"));
  CHECK_THAT(line, Contains("swap free of 8.00 GiB: SIGTERM 819 MiB, SIGKILL 410 MiB"));
  CHECK_THAT(summarize(parsed(""), 1, 0), Contains("no swap"));
}
