// Columns of text formats: read as texts, and converted only where nothing of them is lost.
#pragma once

#include <string>

#include "common/result.h"
#include "verify/contract.h"

namespace jobward::verify {

struct TextColumn {
  std::string read_type;  // that the engine's reader gives: "VARCHAR", "JSON"
  std::string name;       // there, quoted
  // SQL: the value, NULL where the text does not fit. Empty: the reader's own value is taken.
  std::string value;
  // SQL: is the text written as a value of the type? Empty: only its conversion tells.
  std::string shape;
  // A function of the text (SQL) and the mark that gives the value or the error; may be empty.
  std::string function;
  std::string text;
};

enum class Chosen { by_contract, by_detection };

// A column of the reader called `name` (not quoted), as a column of this type of the engine. An
// error: the dataset's format of times speaks against it.
Result<TextColumn> text_column(const Dataset& dataset, const std::string& name,
                               const std::string& type, Chosen chosen);

// SQL: do all texts seem to fit? NULL if there is none.
std::string all_seem_to_fit(const TextColumn& column);
// SQL: is there a text that does not fit? Never NULL.
std::string misfit_condition(const TextColumn& column);
// SQL: the value; a text that does not fit is an error that begins with misfit_mark().
std::string guarded_value(const TextColumn& column, const std::string& mark);
// "dataset t, column 3: "
std::string misfit_mark(const Dataset& dataset, std::size_t column);

}  // namespace jobward::verify
