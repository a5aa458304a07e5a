// The configuration: settings in range, or an error that names file and line in one clean line.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/config.h"
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto settings = jobward::cli::parse_config(text, "FILE");
  if (!settings) {
    check_message(settings.error().message());
    return 0;
  }
  require(settings->guess_share >= 0 && settings->guess_share <= 1, "guess_share is a share");
  require(settings->margin >= 0 && settings->margin <= 1, "margin is a share");
  require(std::isfinite(settings->grace_seconds) && settings->grace_seconds >= 0,
          "grace is a duration");
  return 0;
}
