// Contracts as texts, read.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <string_view>

#include "verify/contract_reader.h"

namespace jobward::verify {

// One CSV dataset, and the head of a check that is to be told from line 5 on.
inline const std::string kOneCheck =
    "id = \"demo\"\n[datasets.t]\npath = \"t.csv\"\n[checks.one]\n";

using Beside = std::map<std::string, std::string>;

// `beside`: the files that the contract may name.
inline Result<Contract> read_text(std::string_view text, const Beside& beside = {},
                                  Form form = Form::toml) {
  const auto read = [&](const std::string& path) -> Result<std::string> {
    const auto found = beside.find(path);
    if (found == beside.end()) return error("open", path, "it is not there");
    return found->second;
  };
  return parse_contract(text, form == Form::toml ? "c.toml" : "c.json", form, read);
}

inline Contract contract_of(const std::string& text, const Beside& beside = {},
                            Form form = Form::toml) {
  auto contract = read_text(text, beside, form);
  INFO(text);
  INFO((contract ? "" : contract.error().message()));
  REQUIRE(contract);
  return *std::move(contract);
}

inline std::string refusal_of(const std::string& text, const Beside& beside = {},
                              Form form = Form::toml) {
  const auto contract = read_text(text, beside, form);
  INFO(text);
  REQUIRE_FALSE(contract);
  return contract.error().message();
}

}  // namespace jobward::verify
