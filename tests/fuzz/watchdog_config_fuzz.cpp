// The watchdog's configuration and command line: settings in range that can be written down and
// read back, or an error that names file and line in one clean line.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/text.h"
#include "tests/fuzz/check.h"
#include "watchdog/config.h"
#include "watchdog/options.h"
#include "watchdog/protection.h"

using namespace jobward::watchdog;
using jobward::fuzz::require;

namespace {

constexpr std::uint64_t kMemory = std::uint64_t{16} << 30U;
constexpr std::uint64_t kSwap = std::uint64_t{2} << 30U;

std::optional<uid_t> users(std::string_view name) {
  if (name == "root") return 0;
  return std::nullopt;
}

void check_message(const std::string& message) {
  require(jobward::printable(message) == message, "the error is one clean line", message);
  require(message.size() < 2000, "the error is short", message);
}

void check_threshold(const Threshold& threshold) {
  const auto share = threshold.share.value_or(0);
  require(share >= 0 && share <= 1, "a share is in [0, 1]");
  require(threshold.share || threshold.bytes, "a threshold says something");
  require(!threshold.share || threshold.of(kMemory) <= kMemory, "a share is of the total");
  require(bool(parse_threshold(format_threshold(threshold))), "what is written is read back");
}

void check_config(const Config& config) {
  for (const auto* threshold : {&config.memory_warn, &config.memory_term, &config.memory_kill,
                                &config.swap_term, &config.swap_kill})
    check_threshold(*threshold);
  for (const double seconds :
       {config.grace_seconds, config.settle_seconds, config.hook_timeout_seconds})
    require(std::isfinite(seconds) && seconds >= 0 && seconds <= 600, "a delay is bounded");
  require(config.fill_bytes_per_second >= 1e6, "the timers get a rate");
  for (const auto& rule : config.protect) {
    require(rule.name.empty() || rule.uid, "a name alone protects nobody", rule.text);
    require(rule.uid || !rule.exe.empty() || !rule.cgroup.empty(), "a rule says whom", rule.text);
  }
  for (const auto* hook : {&config.hook_before, &config.hook_after})
    require(hook->argv.empty() || hook->argv[0].front() == '/', "a hook is an absolute path");
}

void check_text(std::string_view text) {
  const auto config = parse_config(text, "FILE", users);
  if (!config) {
    const auto message = config.error().message();
    require(message.starts_with("FILE:"), "the error names the file", message);
    require(message[5] >= '1' && message[5] <= '9', "the error names the line", message);
    return check_message(message);
  }
  check_config(*config);
  const auto described = describe(*config, kMemory, kSwap);
  const auto again = parse_config(described, "AGAIN", users);
  require(bool(again), "what is described is read back",
          again ? "" : again.error().message() + "\n" + described);
  require(describe(*again, kMemory, kSwap) == described, "and means the same", described);
  if (const auto fits = check(*config); !fits) check_message(fits.error().message());
  if (const auto fits = check_against(*config, kMemory, kSwap); !fits)
    check_message(fits.error().message());
}

void check_arguments(std::string_view text) {
  std::vector<std::string> words;
  for (const auto word : jobward::split(text, '\n'))
    words.emplace_back(word.substr(0, word.find('\0')));
  std::vector<const char*> arguments;
  for (const auto& word : words)
    arguments.push_back(word.c_str());
  const auto options = parse_arguments(arguments);
  if (!options) return check_message(options.error().message());
  Config config;
  require(bool(apply_overrides(*options, config)), "what was checked can be applied");
  check_config(config);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_text(text);
  check_arguments(text);
  const auto half = text.size() / 2;
  static_cast<void>(glob_matches(text.substr(0, half), text.substr(half)));
  return 0;
}
