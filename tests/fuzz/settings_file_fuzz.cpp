// Agents' settings files with ours put in and taken out: refused, or still a settings file.
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/setup/edit.h"
#include "agent/setup/places.h"
#include "common/text.h"
#include "tests/fuzz/check.h"

using namespace jobward;
using namespace jobward::setup;
using fuzz::require;

namespace {

Wanted wanted(Agent agent) {
  return {agent, Scope::user, "/opt/j w/jobward", "/home/u", "/p", true, [](const char*) {
            return std::optional<std::string>();
          }};
}

void check_json(std::string_view text, const Registration& registration, Agent agent) {
  const auto with = with_ours(text, registration, agent);
  if (with) {
    require(Json::parse(*with, nullptr, false).is_object(), "it is JSON with ours in it", text);
    const auto again = with_ours(*with, registration, agent);
    require(again && *again == *with, "once more changes nothing", text);
  }
  const auto without = without_ours(with ? *with : text, registration, agent);
  if (!without) return;
  require(trim(*without).empty() || Json::parse(*without, nullptr, false).is_object(),
          "it is JSON without ours", text);
  const auto again = without_ours(*without, registration, agent);
  require(again && *again == *without, "nothing of ours is left", text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto agent : {Agent::claude_code, Agent::codex, Agent::gemini, Agent::cursor})
    for (const auto& registration : registrations(wanted(agent))) {
      if (registration.kind == Registration::Kind::json) {
        check_json(text, registration, agent);
        continue;
      }
      const auto with = with_ours(text, registration, agent);
      if (!with) continue;
      const auto again = with_ours(*with, registration, agent);
      require(again && *again == *with, "once more changes nothing", text);
    }
  return 0;
}
