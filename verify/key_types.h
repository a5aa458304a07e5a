// Which types of keys can be compared.
#pragma once

#include <string>

#include "common/result.h"
#include "verify/engine.h"

namespace jobward::verify {

// Two types are compared in the engine's common one, which must hold all values of both: DOUBLE
// makes 2^53 + 1 equal to 2^53, and a DECIMAL of too few digits rounds.
Result<bool> comparable(Engine& engine, const std::string& a, const std::string& b);

}  // namespace jobward::verify
