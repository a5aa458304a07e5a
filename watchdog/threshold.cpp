// Thresholds as text, and what they do to each other.
#include <algorithm>
#include <array>
#include <utility>

#include "common/text.h"
#include "common/units.h"
#include "watchdog/config.h"
#include "watchdog/words.h"

namespace jobward::watchdog {
namespace {

tl::unexpected<Error> refused(std::string_view word, std::string why) {
  return error("read threshold", quoted(word), std::move(why));
}

// What is wrong with a word that does not begin with a digit.
tl::unexpected<Error> no_number(std::string_view word, bool first) {
  if (word.front() == '-') return refused(word, "negative");
  if (!first) return refused(word, "left over after the threshold");
  return refused(word, "no number; expected a share such as 10%, an amount such as 2G, or both");
}

Status read_share(std::string_view word, std::string_view number, Threshold& out) {
  if (number.size() + 1 < word.size())
    return refused(word, quoted(word.substr(number.size() + 1)) + " is left over after the %");
  if (out.share) return refused(word, "a second share; one share and one amount can be given");
  const auto share = parse_fraction(word);
  if (!share) return refused(word, "above 100%");
  out.share = *share;
  return {};
}

Status read_amount(std::string_view word, std::string_view number, Threshold& out) {
  if (out.bytes) return refused(word, "a second amount; one share and one amount can be given");
  const bool zero = number.find_first_not_of("0.") == std::string_view::npos;
  if (number == word && !zero) {
    const std::string digits = number.size() > 12 ? "10" : std::string(number);
    return refused(
        word, "no unit; a share is " + digits + "%, an amount " + digits + "M or " + digits + "G");
  }
  auto bytes = parse_bytes(word);
  if (!bytes) return rethrow(std::move(bytes).error(), "threshold");
  out.bytes = *bytes;
  return {};
}

Status read_word(std::string_view word, Threshold& out) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!is_digit(word.front())) return no_number(word, !out.share && !out.bytes);
  const auto number = word.substr(0, word.find_first_not_of("0123456789."));
  if (number.find('.') != number.rfind('.')) return refused(word, "no number: two points in it");
  if (!parse_number(number)) return refused(word, "too large");
  const bool is_share = number.size() < word.size() && word[number.size()] == '%';
  return is_share ? read_share(word, number, out) : read_amount(word, number, out);
}

std::string format_amount(std::uint64_t bytes) {
  static constexpr std::array kUnits{"B", "K", "M", "G", "T", "P"};
  std::size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return bytes == 0 ? "0" : std::to_string(bytes) + kUnits[unit];
}

// A pair of which the first must not be above the second.
struct Pair {
  const char* lower_name;
  const Threshold& lower;
  const char* upper_name;
  const Threshold& upper;
  const char* why;
};

std::array<Pair, 3> memory_pairs(const Config& c) {
  constexpr const char* kBeforeTerm = "SIGKILL would come before SIGTERM";
  constexpr const char* kBeforeWarning = "a process would be ended before the warning";
  return {Pair{"memory_kill", c.memory_kill, "memory_term", c.memory_term, kBeforeTerm},
          Pair{"memory_term", c.memory_term, "memory_warn", c.memory_warn, kBeforeWarning},
          Pair{"memory_kill", c.memory_kill, "memory_warn", c.memory_warn, kBeforeWarning}};
}

Pair swap_pair(const Config& c) {
  return {"swap_kill", c.swap_kill, "swap_term", c.swap_term, "SIGKILL would come before SIGTERM"};
}

tl::unexpected<Error> conflict(const Pair& pair, const std::string& low, const std::string& high) {
  return error("use",
               std::string(pair.lower_name) + " = " + format_threshold(pair.lower) + " with " +
                   pair.upper_name + " = " + format_threshold(pair.upper),
               low + " is above " + high + ": " + pair.why);
}

Status check_kinds(const Pair& pair) {
  const Threshold& lower = pair.lower;
  const Threshold& upper = pair.upper;
  if (lower.share && upper.share && *lower.share > *upper.share)
    return conflict(pair, format_threshold({lower.share, {}}), format_threshold({upper.share, {}}));
  if (lower.bytes && upper.bytes && *lower.bytes > *upper.bytes)
    return conflict(pair, format_threshold({{}, lower.bytes}), format_threshold({{}, upper.bytes}));
  return {};
}

Status check_amounts(const Pair& pair, std::uint64_t total) {
  const auto low = pair.lower.of(total);
  const auto high = pair.upper.of(total);
  if (low <= high) return {};
  const auto shown = [](std::uint64_t bytes) { return format_bytes(static_cast<double>(bytes)); };
  return conflict(pair, shown(low) + " of " + shown(total), shown(high));
}

// An action that nothing holds back: every process would be ended, one after the other.
Status check_reachable(const char* name, const Threshold& memory, std::uint64_t memory_total,
                       const Threshold& swap, std::uint64_t swap_total) {
  const bool memory_always = memory_total > 0 && memory.of(memory_total) >= memory_total;
  const bool swap_always = swap.of(swap_total) >= swap_total;
  if (!memory_always || !swap_always) return {};
  return error("use", std::string("memory_") + name + " = " + format_threshold(memory),
               "that is all of the " + format_bytes(static_cast<double>(memory_total)) +
                   " there are" +
                   (swap_total > 0 ? std::string(", and swap_") + name + " = " +
                                         format_threshold(swap) + " all of the swap"
                                   : "") +
                   ": the threshold would always be reached");
}

}  // namespace

std::uint64_t Threshold::of(std::uint64_t total) const {
  std::optional<std::uint64_t> lowest = bytes;
  if (share) {
    const double part = *share * static_cast<double>(total);
    const auto amount = *share >= 1 ? total : static_cast<std::uint64_t>(part);
    lowest = std::min(amount, lowest.value_or(amount));
  }
  return lowest.value_or(0);
}

bool Threshold::is_off() const {
  return (!share && !bytes) || (share && *share <= 0) || (bytes && *bytes == 0);
}

Result<Threshold> parse_threshold(std::string_view text) {
  std::string blanks(text);
  for (char& c : blanks)
    if (c == '\t') c = ' ';
  Threshold threshold;
  for (const auto word : split(blanks, ' ')) {
    if (word.empty()) continue;
    JOBWARD_RETURN_IF_ERROR(read_word(word, threshold));
  }
  if (!threshold.share && !threshold.bytes)
    return refused(text, "empty; expected a share such as 10%, an amount such as 2G, or both");
  return threshold;
}

std::string format_threshold(const Threshold& threshold) {
  std::string text;
  if (threshold.share) text = decimal(*threshold.share * 100) + "%";
  if (threshold.bytes) text += (text.empty() ? "" : " ") + format_amount(*threshold.bytes);
  return text.empty() ? "0" : text;
}

Status check(const Config& config) {
  for (const auto& pair : memory_pairs(config))
    if (!pair.lower.is_off() && !pair.upper.is_off()) JOBWARD_RETURN_IF_ERROR(check_kinds(pair));
  JOBWARD_RETURN_IF_ERROR(check_kinds(swap_pair(config)));
  if (config.memory_warn.is_off() && config.memory_term.is_off() && config.memory_kill.is_off())
    return error("use", "memory_warn, memory_term and memory_kill",
                 "all three are 0, so nothing would ever be done");
  return {};
}

Status check_against(const Config& config, std::uint64_t memory_total, std::uint64_t swap_total) {
  for (const auto& pair : memory_pairs(config))
    if (!pair.lower.is_off() && !pair.upper.is_off())
      JOBWARD_RETURN_IF_ERROR(check_amounts(pair, memory_total));
  if (swap_total > 0) JOBWARD_RETURN_IF_ERROR(check_amounts(swap_pair(config), swap_total));
  JOBWARD_RETURN_IF_ERROR(
      check_reachable("term", config.memory_term, memory_total, config.swap_term, swap_total));
  return check_reachable("kill", config.memory_kill, memory_total, config.swap_kill, swap_total);
}

}  // namespace jobward::watchdog
