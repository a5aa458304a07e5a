// A row of a table whose header names the columns. Private to traces/.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "traces/fields.h"

namespace jobward::traces {

// Where a column is in each row; absent: the table has none of that name.
using Column = std::optional<std::size_t>;

class Header {
 public:
  Header() = default;
  explicit Header(const std::vector<std::string_view>& names);

  [[nodiscard]] Column find(std::string_view name) const;
  // The first of these names that the table has.
  [[nodiscard]] Column find_any(const std::vector<std::string_view>& names) const;
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  // A name that is there twice; then nobody knows which is meant.
  [[nodiscard]] std::optional<std::string> repeated() const;

 private:
  std::vector<std::string> names_;
};

// Reads fields by column. The first that cannot be read is remembered, so that a reader asks once,
// at the end.
class Row {
 public:
  // `nothing` is what stands for "not measured" beside the empty field. All of them must outlive
  // the row.
  Row(const Header& header, const std::vector<std::string_view>& fields,
      std::string_view nothing = "")
      : header_(header), fields_(fields), nothing_(nothing) {}

  // Empty where there is no such column, or nothing in it.
  [[nodiscard]] std::string_view text(Column column) const;

  // As `parse` reads it: absent where there is nothing, or where it cannot be read, which is then
  // the problem. `expected` completes "expected …".
  template <class Value>
  std::optional<Value> get(Column column, std::optional<Value> (*parse)(std::string_view),
                           const char* expected) {
    const auto field = text(column);
    if (field.empty()) return std::nullopt;
    auto value = parse(field);
    if (!value) reject(column, expected);
    return value;
  }

  void reject(Column column, const std::string& expected);
  // What is wrong with the first field that could not be read; empty: nothing.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  const Header& header_;
  const std::vector<std::string_view>& fields_;
  std::string_view nothing_;
  std::string problem_;
};

// "12 fields where the header has 11 columns"; empty if that is not so.
std::string wrong_width(const Header& header, const std::vector<std::string_view>& fields);

// The fields between separators, trimmed, into `out`.
void split_fields(std::string_view line, char separator, std::vector<std::string_view>& out);

}  // namespace jobward::traces
