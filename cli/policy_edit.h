// Adding to a policy file, so that what people wrote stays byte for byte.
#pragma once

#include <string>

#include "cli/trust_desk.h"
#include "common/result.h"
#include "trust/key_file.h"

namespace jobward::cli {

// TOML tables to be put at the end. Errors: a name that cannot stand there.
Result<std::string> trusted_key_text(const trust::KeyInfo& info);
Result<std::string> revoked_key_text(const std::string& id, const std::string& reason);

// To the policy in force; where there is none, the project's is begun, or the system's with
// `system`. Nothing is written unless the whole can be obeyed. That it has changed goes into the
// ledger. The file's path.
Result<std::string> append_to_policy(TrustDesk& desk, const std::string& addition, bool system);

}  // namespace jobward::cli
