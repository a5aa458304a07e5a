// Asking for a passphrase.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/result.h"

namespace jobward::trust {

// From the descriptor that `fd_text` names (JOBWARD_PASSPHRASE_FD; one line, read once), else from
// the terminal /dev/tty, without showing it. `twice`: on the terminal it has to be given again. An
// error where there is neither. The caller wipes it.
Result<std::string> ask_passphrase(const std::string& prompt, bool twice,
                                   const std::optional<std::string>& fd_text);

}  // namespace jobward::trust
