#include "profiles/watchdog_journal.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

namespace jobward::profiles {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 3> kSeverities{"INFO", "WARN", "HARD_FAIL"};
constexpr std::string_view kBeginning = "{\"schema_version\":";
constexpr std::size_t kInstanceDigits = 16;
constexpr std::size_t kLongestWord = 64;  // the name of an event, a run's id
constexpr std::size_t kKeptOfBroken = 4096;
constexpr UnixMillis kLatest = 32'535'216'000'000;  // the year 3000

tl::unexpected<Error> wrong(const std::string& detail) { return error("read", "a line", detail); }

Result<std::int64_t> integer_field(const Json& object, const char* name, std::int64_t most) {
  const auto found = object.find(name);
  if (found == object.end()) return wrong(std::string("it has no \"") + name + "\"");
  const bool fits = found->is_number_unsigned() &&
                    found->get<std::uint64_t>() <= static_cast<std::uint64_t>(most);
  if (!fits) return wrong(std::string("\"") + name + "\" is no number that it can be");
  return found->get<std::int64_t>();
}

Result<std::string> word_field(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return wrong(std::string("it has no \"") + name + "\"");
  if (!found->is_string()) return wrong(std::string("\"") + name + "\" is no text");
  auto text = found->get<std::string>();
  if (text.empty() || text.size() > kLongestWord)
    return wrong(std::string("\"") + name + "\" is empty or too long");
  return text;
}

bool is_instance(std::string_view text) {
  return text.size() == kInstanceDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string ended_run(const Json& object) {
  const auto dry_run = object.find("dry_run");
  if (dry_run != object.end() && *dry_run == true) return {};
  const auto victim = object.find("victim");
  if (victim == object.end() || !victim->is_object()) return {};
  const auto run = victim->find("run");
  if (run == victim->end() || !run->is_string()) return {};
  auto text = run->get<std::string>();
  return text.size() <= kLongestWord ? text : std::string();
}

Status fill(const Json& object, WatchdogEvent& event) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  const auto version = integer_field(object, "schema_version", kMost);
  if (!version) return tl::unexpected(version.error());
  if (*version != 1)
    return wrong("schema version " + std::to_string(*version) + ", known here is 1");
  auto instance = word_field(object, "instance");
  if (!instance) return tl::unexpected(std::move(instance).error());
  if (!is_instance(*instance)) return wrong("\"instance\" is not 16 hex digits");
  event.instance = std::move(*instance);
  const auto seq = integer_field(object, "seq", kMost);
  if (!seq) return tl::unexpected(seq.error());
  event.seq = *seq;
  const auto time = integer_field(object, "time_ms", kLatest);
  if (!time) return tl::unexpected(time.error());
  event.time = *time;
  const auto severity = word_field(object, "severity");
  if (!severity) return tl::unexpected(severity.error());
  const auto known = watchdog_severity(*severity);
  if (!known) return wrong("an unknown severity");
  event.severity = *known;
  auto name = word_field(object, "event");
  if (!name) return tl::unexpected(std::move(name).error());
  event.event = std::move(*name);
  return {};
}

void take_line(std::string_view line, std::int64_t number, JournalPart& part) {
  if (line.empty()) return;
  if (auto event = parse_watchdog_line(line))
    return part.events.push_back(std::move(*event));
  else
    part.broken.push_back(
        {number, event.error().detail, std::string(line.substr(0, kKeptOfBroken))});
  const auto next = line.rfind(kBeginning);
  if (next == 0 || next == std::string_view::npos) return;
  auto event = parse_watchdog_line(line.substr(next));
  if (!event) return;
  part.broken.back().problem += "; the whole event behind it was used";
  part.events.push_back(std::move(*event));
}

}  // namespace

std::string_view to_string(WatchdogSeverity severity) {
  return kSeverities[static_cast<std::size_t>(severity)];
}

std::optional<WatchdogSeverity> watchdog_severity(std::string_view word) {
  const auto* const found = std::find(kSeverities.begin(), kSeverities.end(), word);
  if (found == kSeverities.end()) return std::nullopt;
  return static_cast<WatchdogSeverity>(found - kSeverities.begin());
}

Result<WatchdogEvent> parse_watchdog_line(std::string_view line) {
  if (line.size() > kLongestJournalLine) return wrong("it is too long");
  if (line.find('\0') != std::string_view::npos)
    return wrong("it has zero bytes: it never reached the disk whole");
  const auto object = Json::parse(line, nullptr, false);
  if (!object.is_object()) return wrong("it is no JSON object");
  WatchdogEvent event;
  JOBWARD_RETURN_IF_ERROR(fill(object, event));
  event.run = ended_run(object);
  if (event.event == "outcome") {
    const auto action = integer_field(object, "action", std::numeric_limits<std::int64_t>::max());
    if (!action) return tl::unexpected(action.error());
    event.action = *action;
  }
  event.line = line;
  return event;
}

JournalPart read_journal_part(std::string_view text, std::int64_t lines_before) {
  JournalPart part;
  for (auto end = text.find('\n'); end != std::string_view::npos;
       end = text.find('\n', part.consumed)) {
    ++part.lines;
    take_line(text.substr(part.consumed, end - part.consumed), lines_before + part.lines, part);
    part.consumed = end + 1;
  }
  return part;
}

}  // namespace jobward::profiles
