// What Python does to a source before it reads it, and what another reader could mistake.
#pragma once

#include <string>

#include "scan/syntax.h"

namespace jobward::scan {

// Text as Python sees it: no byte order mark, "\n" at each line's end. A problem where Python would
// read something else than what stands there: bytes that are no UTF-8, a declared encoding, NUL.
tl::expected<std::string, SourceProblem> normalize_source(std::string bytes,
                                                          const std::string& file);

// Does Python read this identifier as another, of ASCII letters (it applies NFKC: "𝐨𝐬" is "os")?
bool is_disguised(std::string_view identifier);

}  // namespace jobward::scan
