// Pieces of SQL. Whatever comes from a contract or from data goes through one of these.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/toml.h"
#include "verify/contract.h"

namespace jobward::verify {

std::string sql_text(std::string_view text);       // 'it''s'
std::string sql_name(std::string_view name);       // "a ""b"""
std::string glob_escaped(std::string_view path);   // [*] for *, so that a name is only itself
std::string as_text(std::string_view expression);  // CAST(... AS VARCHAR)
std::string joined(const std::vector<std::string>& parts, std::string_view between);

// A value of a contract, to be compared with a column of this type. An error: it does not fit, in
// words ("a text for a column of type BIGINT").
Result<std::string> sql_value(const TomlScalar& value, const std::string& type);

// The function that reads these files as the dataset says; what can stand after FROM. `columns`:
// all that the files have, of a CSV by place, of JSON by name; empty: the engine detects them.
// `csv_buffer`: bytes a thread reads at a time; 0: the engine's choice.
struct TypedColumn {
  std::string name;
  std::string type;
};
std::string sql_reader(const Dataset& dataset, const std::vector<std::string>& files,
                       const std::vector<TypedColumn>& columns, std::uint64_t csv_buffer);

}  // namespace jobward::verify
