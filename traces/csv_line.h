// One line of CSV as RFC 4180 has it. Private to traces/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jobward::traces {

class CsvLine {
 public:
  // Splits a line at its commas, undoing quotes; outside of quotes blanks around a field are
  // dropped. Empty if that went well, else what is wrong: a quotation that this line does not
  // close, or a quote where none may be.
  std::string split(std::string_view line);

  // Of the line that was split last; until it or this goes away.
  [[nodiscard]] const std::vector<std::string_view>& fields() const { return fields_; }

 private:
  std::string take_quoted(std::string_view& rest);

  std::vector<std::string_view> fields_;
  std::string unquoted_;  // of fields that had quotes in them; never grows beyond the line
};

}  // namespace jobward::traces
