// What the watchdog reads between deciding and killing, and never trusts: any bytes give a value
// that makes sense, or none; never a crash, and nothing beyond the text.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "host/observe/kernel_text.h"
#include "tests/fuzz/check.h"
#include "watchdog/config.h"
#include "watchdog/json_line.h"

using namespace jobward::host;
using jobward::fuzz::require;

namespace {

bool is_within(std::string_view part, std::string_view text) {
  return part.empty() ||
         (part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size());
}

void check_stat(std::string_view text) {
  const auto line = stat_line(text);
  if (!line) return;
  require(is_within(line->name, text), "the name is part of the text", text);
  require(line->state != ' ' && line->state != '\n', "a state is a letter", text);
  // Read again from what was understood.
  std::string again = "1 (" + std::string(line->name) + ") " + line->state + " " +
                      std::to_string(line->parent) + " 0 0 0 0 " + std::to_string(line->flags) +
                      " 0 0 0 0 0 0 0 0 0 0 " + std::to_string(line->threads) + " 0 " +
                      std::to_string(line->start_ticks) + " 0\n";
  const auto second = stat_line(again);
  require(second && second->name == line->name && second->parent == line->parent &&
              second->flags == line->flags && second->threads == line->threads &&
              second->start_ticks == line->start_ticks,
          "stat survives being written out", again);
}

void check_numbers(std::string_view text) {
  for (const auto* key : {"MemTotal", "MemAvailable", "SwapFree", "VmRSS", "VmSwap", "Pss", ""}) {
    if (const auto value = kibibytes_of(text, key))
      require(*value % 1024 == 0, "kB are whole", text);
    static_cast<void>(number_of(text, key));
  }
  for (const auto* line : {"some", "full"})
    if (const auto share = pressure_avg10(text, line))
      require(std::isfinite(*share) && *share >= 0 && *share <= 1, "pressure is a share", text);
}

void check_cgroup(std::string_view text) {
  for (const auto* controller : {"", "memory", "name=systemd"})
    if (const auto path = cgroup_path(text, controller)) {
      require(is_within(*path, text), "the path is part of the text", text);
      require(path->front() == '/' && path->find('\n') == std::string_view::npos,
              "a path begins with / and is one line", text);
    }
}

void check_pieces(std::string_view text) {
  std::string_view rest = text;
  for (std::size_t steps = 0; !rest.empty(); ++steps) {
    auto line = take_line(rest);
    require(line.find('\n') == std::string_view::npos && is_within(line, text), "a line is one",
            text);
    while (!line.empty())
      require(take_word(line).find_first_of(" \t") == std::string_view::npos, "a word is one",
              text);
    require(steps <= text.size(), "lines come to an end", text);
  }
}

// A name from outside, put on record.
void check_record(std::string_view text) {
  static jobward::watchdog::JsonLine line;
  line.clear();
  line.open().text("name", text).close();
  for (const char c : line.view())
    require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "a record is one printable line",
            text);
  const auto middle = text.size() / 2;
  static_cast<void>(jobward::watchdog::glob_matches(text.substr(0, middle), text.substr(middle)));
  require(jobward::watchdog::glob_matches("*", text), "* matches everything", text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_stat(text);
  check_numbers(text);
  check_cgroup(text);
  check_pieces(text);
  check_record(text);
  return 0;
}
