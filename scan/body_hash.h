// A function's text without what does not matter to what it does.
#pragma once

#include <string>

#include "scan/program.h"

namespace jobward::scan {

// SHA-256 of the body: without comments, docstring, annotations, and whatever a formatter may
// change (blanks, line breaks, trailing commas, redundant parentheses and semicolons, kind of
// quotes where the text between them stays the same).
std::string body_digest(const Module& module, const Function& function);
// The same with decorators, `async` and parameters: a default may decide what a body does.
std::string definition_digest(const Module& module, const Function& function);

}  // namespace jobward::scan
