// Rules about who is not ended, as text.
#pragma once

#include <string_view>

#include "watchdog/config.h"

namespace jobward::watchdog {

// "exe:GLOB user:NAME_OR_UID …". Refused: what can never match, what protects everything, and a
// name without a user.
Result<ProtectRule> parse_protect_rule(std::string_view text, const UserLookup& users);

// As parse_protect_rule() reads it; users as numbers.
std::string format_protect_rule(const ProtectRule& rule);

// Do both say the same, however they are written?
bool same_rule(const ProtectRule& a, const ProtectRule& b);

}  // namespace jobward::watchdog
