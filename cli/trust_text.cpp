#include "cli/trust_text.h"

#include <cstdio>
#include <ctime>

#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

std::string actor_words(const trust::NewEntry& entry) {
  std::string text = "uid " + std::to_string(entry.actor.uid);
  for (const auto& [name, value] : entry.actor.claims)
    text += ", claims " + printable(name) + "=" + printable(value);
  return text;
}

}  // namespace

Result<UnixMillis> parse_moment(const std::string& text, UnixMillis now) {
  if (const auto seconds = parse_duration_seconds(text))
    return now - static_cast<UnixMillis>(*seconds * 1000);
  std::tm parts{};
  for (const char* form : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%SZ", "%Y-%m-%d"}) {
    parts = {};
    const char* end = ::strptime(text.c_str(), form, &parts);
    if (end != nullptr && *end == '\0') return static_cast<UnixMillis>(::timegm(&parts)) * 1000;
  }
  return error("read", "the time \"" + printable(text) + "\"",
               "expected one such as 2h (ago), 2026-01-31 or 2026-01-31T12:00:00Z");
}

std::string moment_text(UnixMillis moment) {
  const std::time_t seconds = moment / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%SZ", &parts);
  return text;
}

std::string ledger_line(const trust::Entry& entry) {
  std::string text = std::to_string(entry.seq) + "  " + moment_text(entry.time) + "  ";
  if (entry.severity && entry.passed != true)
    text += std::string(to_string(*entry.severity)) + "  ";
  text += std::string(to_string(entry.kind));
  if (!entry.check.empty()) text += " " + printable(entry.check);
  if (!entry.run.empty()) text += " of run " + printable(entry.run);
  text += ": " + printable(entry.message);
  if (entry.kind != trust::EntryKind::head) text += "  [" + actor_words(entry) + "]";
  return text + "\n";
}

std::string decision_line(const trust::Decision& decision, const trust::Standing& standing) {
  std::string text = decision.id + "  " + moment_text(decision.created) + "  " +
                     std::string(to_string(decision.request.kind)) + "  " +
                     std::string(to_string(standing.state));
  if (!standing.why.empty()) text += " (" + printable(standing.why) + ")";
  return text + ": " + printable(decision.request.describe) + "\n";
}

}  // namespace jobward::cli
