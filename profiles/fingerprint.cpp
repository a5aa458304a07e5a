#include "profiles/fingerprint.h"

#include <algorithm>
#include <string_view>

#include "common/identity.h"
#include "profiles/value_shape.h"

namespace jobward::profiles {
namespace {

constexpr std::size_t kKeyDigits = 32;

// NUL cannot occur in an argument, so that no two lists of parts give the same text.
class KeyText {
 public:
  explicit KeyText(Level level) : KeyText(to_string(level)) {}
  explicit KeyText(std::string_view domain) : text_(domain) {}
  KeyText& add(std::string_view part) {
    text_ += '\0';
    text_ += part;
    return *this;
  }
  [[nodiscard]] std::string key() const { return sha256_hex(text_).substr(0, kKeyDigits); }

 private:
  std::string text_;
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_alnum(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

bool is_key(std::string_view text) {
  if (text.empty() || (!is_letter(text.front()) && text.front() != '_')) return false;
  for (const char c : text)
    if (!is_alnum(c) && c != '_' && c != '-' && c != '.') return false;
  return true;
}

// Dates and UUIDs inside a word: "run-2024-05-01" -> "run-<date>".
std::string mask_parts(std::string_view text) {
  std::string masked;
  bool at_start = true;
  while (!text.empty()) {
    const auto uuid = at_start ? uuid_length(text) : 0;
    const auto date = at_start && uuid == 0 ? date_length(text) : 0;
    if (uuid + date > 0) {
      masked += uuid > 0 ? "<uuid>" : "<date>";
      text.remove_prefix(uuid + date);
      continue;
    }
    masked += text.front();
    at_start = !is_alnum(text.front());
    text.remove_prefix(1);
  }
  return masked;
}

std::string mask_value(std::string_view text) {
  if (text.empty()) return "";
  // Before numbers, which a date with dashes also looks like; 20240131 by itself may well be a
  // number.
  const bool only_digits = text.find_first_not_of("0123456789") == std::string_view::npos;
  if (!only_digits && date_length(text) == text.size()) return "<date>";
  if (uuid_length(text) == text.size()) return "<uuid>";
  if (is_number(text)) return "<n>";
  if (is_path(text)) return "<path>";
  if (is_hash(text)) return "<hash>";
  return mask_parts(text);
}

// -j8 and -I/usr/include: a short flag with its value. Empty: something else.
std::string_view joined_value(std::string_view argument) {
  if (argument.size() < 3 || argument[0] != '-' || !is_letter(argument[1])) return {};
  const auto value = argument.substr(2);
  const char first = value.front();
  return is_number(value) || first == '/' || first == '.' || first == '~' ? value
                                                                          : std::string_view{};
}

// How much of the argument is the name of a flag or key, with its '='; in "--set=lr=3" both.
std::size_t name_length(std::string_view argument) {
  std::size_t length = 0;
  while (true) {
    auto name = argument.substr(length);
    name = name.substr(0, name.find('='));
    if (length + name.size() >= argument.size()) return length;
    const auto dashes = length == 0 ? std::min(name.find_first_not_of('-'), name.size()) : 0;
    if (!is_key(name.substr(dashes))) return length;
    length += name.size() + 1;
  }
}

}  // namespace

std::string mask_argument(const std::string& argument) {
  const std::string_view text = argument;
  if (const auto length = name_length(text); length > 0)
    return argument.substr(0, length) + mask_value(text.substr(length));
  if (const auto value = joined_value(text); !value.empty())
    return argument.substr(0, argument.size() - value.size()) + mask_value(value);
  const bool flag = text.size() > 1 && text.front() == '-' && !is_number(text);
  return flag ? mask_parts(text) : mask_value(text);
}

std::string Fingerprint::key(Level level) const {
  switch (level) {
    case Level::exact:
      return exact;
    case Level::masked:
      return masked;
    case Level::program:
      return program;
    case Level::everything:
      return "everything";
    case Level::none:
      return "";
  }
  return "";
}

Fingerprint fingerprint(const Program& program, const Project& project) {
  KeyText exact(Level::exact);
  KeyText masked(Level::masked);
  exact.add(project.identity).add(program.identity);
  masked.add(project.identity).add(program.identity);
  for (const auto& argument : program.arguments) {
    exact.add(argument);
    masked.add(mask_argument(argument));
  }
  // A binary is the same program in all projects; a script only in its own.
  const bool script = !program.script_path.empty();
  KeyText kind(Level::program);
  kind.add(script ? project.identity : "").add(program.identity);
  return {exact.key(), masked.key(), kind.key()};
}

Fingerprint kind_fingerprint(std::string_view kind, std::string_view program) {
  // No level is called "kind", so that these texts begin as no other does.
  const auto key = [](Level level, std::string_view name) {
    return KeyText("kind").add(to_string(level)).add(name).key();
  };
  Fingerprint out;
  out.masked = key(Level::masked, kind);
  if (!program.empty()) out.program = key(Level::program, program);
  return out;
}

}  // namespace jobward::profiles
