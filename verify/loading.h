// Datasets that are read once and kept; what of them could not be.
#pragma once

#include <optional>

#include "common/result.h"
#include "verify/examination.h"

namespace jobward::verify {

// A text is read once and kept where several statements need it; so is a table of SQLite, without
// those columns that have a value which does not fit (Opened::misfits).
Status load_if_needed(Engine& engine, Opened& one);

// Why a check cannot be made, though nothing in it fails by itself: its query may be about a column
// that could not be kept, its schema tells of one.
std::optional<Error> misfit_of(const CheckContext& context, const Check& check);
// The engine only says that it has no such column: why that is so.
Error misfit_behind(const Opened& dataset, const Error& error);

}  // namespace jobward::verify
