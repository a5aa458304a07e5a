#include "agent/hooks/slow_list.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/text.h"

namespace jobward::hooks {
namespace {

constexpr std::size_t kKeyDigits = 32;

template <class T>
bool read_number(std::string_view text, T& out) {
  const auto end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, out);
  return read.ec == std::errc() && read.ptr == end;
}

bool is_key(std::string_view text) {
  return text.size() == kKeyDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::vector<SlowCommand> read_slow_list(std::string_view text) {
  std::vector<SlowCommand> out;
  for (const auto line : split(text, '\n')) {
    const auto parts = split(line, ' ');
    SlowCommand one;
    if (parts.size() != 3 || !is_key(parts[0]) || !read_number(parts[1], one.seconds) ||
        !read_number(parts[2], one.last_ms) || !std::isfinite(one.seconds) || one.seconds < 0)
      continue;
    one.key = std::string(parts[0]);
    if (out.size() < kMostSlow) out.push_back(std::move(one));
  }
  return out;
}

std::string slow_list_text(const std::vector<SlowCommand>& list) {
  std::string out;
  for (const auto& one : list)
    out += one.key + " " + std::to_string(std::llround(one.seconds)) + " " +
           std::to_string(one.last_ms) + "\n";
  return out;
}

bool note_duration(std::vector<SlowCommand>& list, const SlowCommand& now, double slow_seconds) {
  const auto known = std::find_if(list.begin(), list.end(),
                                  [&](const SlowCommand& one) { return one.key == now.key; });
  if (now.seconds < slow_seconds) {
    if (known == list.end()) return false;
    list.erase(known);
    return true;
  }
  if (known != list.end()) {
    *known = now;
    return true;
  }
  if (list.size() >= kMostSlow)
    list.erase(std::min_element(list.begin(), list.end(), [](const auto& a, const auto& b) {
      return a.last_ms < b.last_ms;
    }));
  list.push_back(now);
  return true;
}

const SlowCommand* find_slow(const std::vector<SlowCommand>& list, std::string_view key) {
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&](const SlowCommand& one) { return one.key == key; });
  return found == list.end() ? nullptr : &*found;
}

}  // namespace jobward::hooks
