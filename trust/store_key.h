// The machine's key of a store: what it signs (heads, stamps) is by this store, no more. Whoever
// has the store's uid can read it.
#pragma once

#include <optional>
#include <string>

#include "common/result.h"
#include "trust/keys.h"

namespace jobward::trust {

// Made at the first call; two processes at once get the same. In `directory`/keys, mode 0600.
Result<SecretKey> store_key(const std::string& state_directory);
// The public half; absent: there is none yet.
Result<std::optional<PublicKey>> store_public_key(const std::string& state_directory);

}  // namespace jobward::trust
