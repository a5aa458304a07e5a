// In the place of tree_sitter.cpp where the grammar was not there at build time.
#include "scan/syntax.h"

namespace jobward::scan {

bool can_parse() { return false; }

std::string_view how_to_parse() {
  return "this build has no grammar for Python: run scripts/fetch-grammars (it needs npm and the "
         "network), then build again";
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): as the other one
tl::expected<SyntaxTree, SourceProblem> parse_python(std::string /*text*/,
                                                     const std::string& file) {
  return tl::unexpected(SourceProblem{file, 0, std::string(how_to_parse())});
}

}  // namespace jobward::scan
