// A contract's own query: does it only read what it says it reads?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "verify/engine.h"

namespace jobward::verify {

// One SELECT that reads these datasets and nothing else, and calls no function that changes the
// engine. Looks at its words only, so that nothing of it runs: Engine::expect_select comes after
// it.
Status expect_reading_query(Engine& engine, const std::string& sql,
                            const std::vector<std::string>& datasets);

// What speaks against a query, given as json_serialize_sql() of the engine writes it; absent:
// nothing.
std::optional<std::string> objection_to_query(const std::string& tree,
                                              const std::vector<std::string>& datasets);

}  // namespace jobward::verify
