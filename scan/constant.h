// The value of an expression that is made of literals.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "scan/program.h"

namespace jobward::scan {

struct Constant {
  enum class What : std::uint8_t { none, boolean, integer, text, other };
  What what = What::none;
  std::int64_t number = 0;  // of a boolean 0 or 1; of a text or a collection its size
  std::string_view text;

  [[nodiscard]] bool truth() const { return what != What::none && number != 0; }
};

class Constants {
 public:
  explicit Constants(const Module& module);
  // Absent: not constant, or not found out.
  [[nodiscard]] std::optional<Constant> value(Index expression) const;
  [[nodiscard]] std::optional<bool> truth(Index expression) const;

 private:
  [[nodiscard]] std::optional<Constant> value(Index expression, int& steps) const;
  [[nodiscard]] std::optional<Constant> literal(Index expression) const;
  [[nodiscard]] std::optional<Constant> logical(Index expression, int& steps) const;
  [[nodiscard]] std::optional<Constant> compared(Index expression, int& steps) const;
  [[nodiscard]] std::optional<Constant> computed(Index expression, int& steps) const;

  const Module& module_;
  std::map<std::string_view, Index> named_;  // names that are bound once, to an expression
};

}  // namespace jobward::scan
