// The watchdog's journal: any bytes give events that are in them, and complaints about lines that
// are; read in one piece or in two, they are the same. What is shown of them is clean.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/watchdog_text.h"
#include "common/text.h"
#include "profiles/watchdog_journal.h"
#include "tests/fuzz/check.h"

using namespace jobward;
using fuzz::require;
using profiles::JournalPart;

namespace {

void check_shown(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), '\n'), text.end());
  require(printable(text) == text, "what is shown is printable", text);
}

void check_event(const profiles::WatchdogEvent& event, std::string_view text) {
  require(text.find(event.line) != std::string_view::npos, "an event is in the text", event.line);
  require(event.line.find('\n') == std::string::npos, "an event is one line", event.line);
  require(event.instance.size() == 16 && event.seq >= 0 && event.time >= 0, "an event is named");
  const auto again = profiles::parse_watchdog_line(event.line);
  require(again && again->seq == event.seq && again->event == event.event,
          "an event is read again as the same", event.line);
  check_shown(cli::watchdog_entry_text({event, event}));
  check_shown(cli::watchdog_threshold_words(event));
  for (const auto& sentence : cli::watchdog_sentences({event, std::nullopt}))
    check_shown(sentence);
}

void check_part(const JournalPart& part, std::string_view text) {
  const auto end = text.rfind('\n');
  require(part.consumed == (end == std::string_view::npos ? 0 : end + 1),
          "it is read to the last line feed");
  require(part.lines == std::count(text.begin(), text.end(), '\n'), "lines are counted");
  for (const auto& event : part.events)
    check_event(event, text);
  for (const auto& line : part.broken) {
    require(line.number >= 1 && line.number <= part.lines, "a broken line is one of them");
    check_shown(line.problem);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto whole = profiles::read_journal_part(text, 0);
  check_part(whole, text);
  const auto first = profiles::read_journal_part(text.substr(0, size / 2), 0);
  const auto second = profiles::read_journal_part(text.substr(first.consumed), first.lines);
  require(first.events.size() + second.events.size() == whole.events.size() &&
              first.broken.size() + second.broken.size() == whole.broken.size(),
          "in two pieces it is the same");
  require(second.broken.empty() || second.broken.back().number == whole.broken.back().number,
          "line numbers go on");
  return 0;
}
