// TOML as a flat list of entries, so that the library (toml++) is used in one place only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/result.h"

namespace jobward {

using TomlScalar = std::variant<std::string, std::int64_t, double, bool>;

struct TomlEntry {
  // A table; its entries follow as entries of their own.
  struct Table {
    bool empty = false;
  };
  // An array of tables; each follows as a Table whose last word in `path` is its number, from "0".
  struct Tables {
    std::size_t count = 0;
  };
  // Dates, arrays of arrays.
  struct Other {};

  std::vector<std::string> path;  // "presets", "training", "mem"
  std::string where;              // "FILE:LINE", printable
  // An array of texts only (or of nothing) is a vector of strings, any other array of scalars one
  // of scalars.
  std::variant<Table, std::string, std::int64_t, double, bool, std::vector<std::string>, Other,
               Tables, std::vector<TomlScalar>>
      value;

  [[nodiscard]] std::string name() const;  // "presets.training.mem", printable
};

// In the order of the lines. What is no TOML is an error ("cannot read FILE:LINE: ..."), in the
// words of `what`: "configuration", "contract". Not more than one megabyte is meant to be read.
Result<std::vector<TomlEntry>> read_toml(std::string_view text, const std::string& file,
                                         std::string_view what);

}  // namespace jobward
