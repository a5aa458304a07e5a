#include "scan/source_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <optional>
#include <utility>

#include "common/text.h"

namespace jobward::scan {
namespace {

tl::unexpected<SourceProblem> problem(const std::string& file, std::size_t line,
                                      std::string message) {
  return tl::unexpected(SourceProblem{file, line, std::move(message)});
}

std::string with_unix_lines(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out += text[i];
      continue;
    }
    out += '\n';
    if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
  }
  return out;
}

// The encoding that a comment in this line declares (PEP 263).
std::optional<std::string> declared_encoding(std::string_view line) {
  const auto start = line.find_first_not_of(" \t\f");
  if (start == std::string_view::npos || line[start] != '#') return std::nullopt;
  for (auto at = line.find("coding"); at != std::string_view::npos;
       at = line.find("coding", at + 1)) {
    auto i = at + 6;
    if (i >= line.size() || (line[i] != ':' && line[i] != '=')) continue;
    i = line.find_first_not_of(" \t", i + 1);
    if (i == std::string_view::npos) continue;
    std::string name;
    for (; i < line.size(); ++i) {
      const auto c = static_cast<unsigned char>(line[i]);
      if (std::isalnum(c) == 0 && c != '-' && c != '_' && c != '.') break;
      name += static_cast<char>(c == '_' ? '-' : std::tolower(c));
    }
    if (!name.empty()) return name;
  }
  return std::nullopt;
}

// Encodings in which text that is valid UTF-8 means what it seems to mean; of Latin ones only
// ASCII.
bool is_harmless(const std::string& encoding, bool ascii) {
  static constexpr std::array<std::string_view, 3> kUtf8{"utf-8", "utf8", "utf-8-sig"};
  static constexpr std::array<std::string_view, 6> kAscii{"ascii",      "us-ascii",    "latin-1",
                                                          "iso-8859-1", "iso-8859-15", "cp1252"};
  return std::count(kUtf8.begin(), kUtf8.end(), encoding) > 0 ||
         (ascii && std::count(kAscii.begin(), kAscii.end(), encoding) > 0);
}

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};
// Letters whose NFKC form has an ASCII letter, digit or underscore in it (UnicodeData.txt 15).
constexpr std::array kCompatible{
    Range{0xAA, 0xAA},       Range{0xBA, 0xBA},       Range{0x132, 0x133},   Range{0x13F, 0x140},
    Range{0x149, 0x149},     Range{0x17F, 0x17F},     Range{0x1C4, 0x1CC},   Range{0x1F1, 0x1F3},
    Range{0x2B0, 0x2B8},     Range{0x2E0, 0x2E4},     Range{0x1D2C, 0x1DBF}, Range{0x1E9A, 0x1E9B},
    Range{0x2070, 0x209C},   Range{0x2100, 0x218B},   Range{0x2C7C, 0x2C7D}, Range{0xA7F2, 0xA7F4},
    Range{0xFB00, 0xFB06},   Range{0xFE33, 0xFE34},   Range{0xFE4D, 0xFE4F}, Range{0xFF10, 0xFF5A},
    Range{0x1D400, 0x1D7FF}, Range{0x1FBF0, 0x1FBF9},
};

// The code point at i, which moves behind it. The text is valid UTF-8.
std::uint32_t next_code_point(std::string_view text, std::size_t& i) {
  const auto byte = [&] { return static_cast<unsigned char>(text[i++]); };
  const std::uint32_t lead = byte();
  if (lead < 0x80) return lead;
  int more = 1;
  if (lead >= 0xF0) {
    more = 3;
  } else if (lead >= 0xE0) {
    more = 2;
  }
  std::uint32_t out = lead & (0x3FU >> static_cast<unsigned>(more));
  for (; more > 0 && i < text.size(); --more)
    out = (out << 6U) | (byte() & 0x3FU);
  return out;
}

}  // namespace

tl::expected<std::string, SourceProblem> normalize_source(std::string bytes,
                                                          const std::string& file) {
  if (bytes.rfind("\xEF\xBB\xBF", 0) == 0) bytes.erase(0, 3);
  if (const auto nul = bytes.find('\0'); nul != std::string::npos)
    return problem(file, 0, "a NUL byte, which Python does not read");
  if (!is_utf8(bytes)) return problem(file, 0, "the text is not UTF-8");
  const bool ascii = std::all_of(bytes.begin(), bytes.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  std::string text = with_unix_lines(bytes);
  std::string_view rest = text;
  for (std::size_t line = 1; line <= 2 && !rest.empty(); ++line) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto encoding = declared_encoding(rest.substr(0, end));
    if (encoding && !is_harmless(*encoding, ascii))
      return problem(file, line,
                     "it declares the encoding " + printable(*encoding) +
                         ", in which it may mean something else; use UTF-8");
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return text;
}

bool is_disguised(std::string_view identifier) {
  for (std::size_t i = 0; i < identifier.size();) {
    const auto point = next_code_point(identifier, i);
    for (const auto& range : kCompatible)
      if (point >= range.first && point <= range.last) return true;
  }
  return false;
}

}  // namespace jobward::scan
