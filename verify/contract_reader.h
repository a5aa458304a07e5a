// From a file to a Contract.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "verify/contract.h"

namespace jobward::verify {

// Reads PATH (TOML; JSON where it ends in .json), what it names beside it (query files, manifests,
// records, known stubs), and finds the project it lies in. Every error names the file and the line,
// or for JSON the field.
Result<Contract> read_contract(const std::string& path);

enum class Form { toml, json };
// A file that the contract names, relative to it.
using ReadBeside = std::function<Result<std::string>(const std::string& path)>;
// The same from a text; `file` is only for messages. Pure, but for `read`.
Result<Contract> parse_contract(std::string_view text, const std::string& file, Form form,
                                const ReadBeside& read);

}  // namespace jobward::verify
