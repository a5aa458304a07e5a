// A shell command put under `jobward run`.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace jobward::hooks {

// One word of a shell (POSIX) that is exactly these bytes. The bytes hold no NUL.
std::string quoted_word(std::string_view bytes);

// As JOBWARD_ACTOR has it: "agent=claude-code,call=toolu_1", or a JSON object where a value would
// not be read back from that (a blank, a comma). Empty values are left out.
std::string claims_text(const std::map<std::string, std::string>& claims);

// `JOBWARD run --no-wait --actor CLAIMS -- bash -c 'COMMAND'`: the command byte for byte.
std::string wrapped(std::string_view command, const std::string& jobward,
                    const std::map<std::string, std::string>& claims);

}  // namespace jobward::hooks
