// Which code can never run, as far as its text tells.
#pragma once

#include "scan/program.h"

namespace jobward::scan {

// Sets module.dead: what stands behind a return, raise, break, continue, sys.exit() or an endless
// loop; branches whose condition is constant; loops over nothing; handlers of a try that does
// nothing. A condition is constant if it is made of literals, of names that the file binds once, to
// a literal, and of not, and, or, comparisons and arithmetic with them. Every function counts as
// called here.
void mark_dead_code(Module& module);

}  // namespace jobward::scan
