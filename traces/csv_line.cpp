#include "traces/csv_line.h"

#include <algorithm>

#include "common/text.h"

namespace jobward::traces {

std::string CsvLine::split(std::string_view line) {
  fields_.clear();
  unquoted_.clear();
  unquoted_.reserve(line.size());  // the fields point into it
  while (true) {
    const auto start = line.find_first_not_of(" \t");
    if (start != std::string_view::npos && line[start] == '"') {
      line.remove_prefix(start + 1);
      if (auto problem = take_quoted(line); !problem.empty()) return problem;
    } else {
      const auto comma = line.find(',');
      const auto field = trim(line.substr(0, comma));
      if (field.find('"') != std::string_view::npos)
        return "field " + std::to_string(fields_.size() + 1) +
               " has a quote in its middle; expected the whole field in quotes, and \"\" for a "
               "quote in it";
      fields_.push_back(field);
      line.remove_prefix(comma == std::string_view::npos ? line.size() : comma);
    }
    if (line.empty()) return {};
    line.remove_prefix(1);
  }
}

// Takes a field whose opening quote is gone already, up to its comma or the end.
std::string CsvLine::take_quoted(std::string_view& rest) {
  const auto number = std::to_string(fields_.size() + 1);
  const std::size_t begin = unquoted_.size();
  while (true) {
    const auto quote = rest.find('"');
    if (quote == std::string_view::npos)
      return "the quotes of field " + number +
             " are not closed; expected the end of the field on the same line";
    unquoted_ += rest.substr(0, quote);
    rest.remove_prefix(quote + 1);
    if (!rest.starts_with('"')) break;
    unquoted_ += '"';
    rest.remove_prefix(1);
  }
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  if (!rest.empty() && rest.front() != ',')
    return "something follows the closing quote of field " + number + "; expected a comma";
  fields_.push_back(std::string_view(unquoted_).substr(begin));
  return {};
}

}  // namespace jobward::traces
