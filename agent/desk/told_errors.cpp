#include "agent/desk/told_errors.h"

#include "common/text.h"

namespace jobward::desk {
namespace {

std::string with_names(std::string text, const ArgumentNames& names) {
  for (const auto& [option, argument] : names)
    for (std::size_t at = text.find(option); at != std::string::npos;
         at = text.find(option, at + argument.size())) {
      const auto end = at + option.size();
      const bool whole =
          end == text.size() || (text[end] != '-' && (text[end] < 'a' || text[end] > 'z'));
      if (whole) text.replace(at, option.size(), argument);
    }
  return text;
}

}  // namespace

std::string told_errors(const ProgramEnd& end, const ArgumentNames& names) {
  constexpr std::string_view kName = "jobward: ";
  std::string out;
  for (auto line : split(end.errors, '\n')) {
    line = trim(line);
    if (line.starts_with(kName)) line.remove_prefix(kName.size());
    if (line.empty() || line.find(" --help`") != std::string_view::npos) continue;
    out += (out.empty() ? "" : "; ") + std::string(line);
  }
  if (out.empty()) out = "it ended with " + std::to_string(end.status);
  return printable(with_names(std::move(out), names));
}

}  // namespace jobward::desk
