// The configuration and the policy: settings in range, or an error that names file and line in one
// clean line.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/config.h"
#include "cli/policy.h"
#include "common/text.h"
#include "tests/fuzz/check.h"

using jobward::fuzz::require;

namespace {

void check_message(const std::string& message) {
  const auto at = message.find("FILE:");
  require(at != std::string::npos, "the error names the file", message);
  const char line = at + 5 < message.size() ? message[at + 5] : '?';
  require(line >= '1' && line <= '9', "the error names the line", message);
  require(jobward::printable(message) == message, "the error is one clean line", message);
}

void check_limits(const jobward::Limits& limits) {
  limits.for_each([](jobward::Resource resource, const jobward::Limit& limit) {
    require(std::isfinite(limit.value) && limit.value >= 0, "a limit is a quantity");
    require(limit.value > 0 || resource == jobward::Resource::swap, "only swap may be 0");
    require(limit.source.find("FILE:") != std::string::npos, "a limit says where it is from");
    require(limit.origin != jobward::LimitOrigin::automatic, "a limit was asked for");
  });
}

void check_config(std::string_view text) {
  const auto config = jobward::cli::parse_config(text, "FILE");
  if (!config) return check_message(config.error().message());
  const auto& settings = config->settings;
  require(settings.guess_share >= 0 && settings.guess_share <= 1, "guess_share is a share");
  require(settings.margin >= 0 && settings.margin <= 1, "margin is a share");
  require(std::isfinite(settings.grace_seconds) && settings.grace_seconds >= 0,
          "grace is a duration");
  check_limits(config->settings.blocks.above);
  check_limits(config->defaults.limits);
  for (const auto& [name, preset] : config->presets)
    check_limits(preset.wishes.limits);
}

void check_policy(std::string_view text) {
  const auto policy = jobward::cli::parse_policy(text, "FILE");
  if (!policy) return check_message(policy.error().message());
  check_limits(policy->limits.caps);
  check_limits(policy->limits.blocks.above);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_config(text);
  check_policy(text);
  return 0;
}
