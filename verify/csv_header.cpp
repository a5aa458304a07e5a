#include "verify/csv_header.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "common/fd.h"
#include "verify/compressed.h"

namespace jobward::verify {
namespace {

constexpr std::size_t kLongestHeader = 1U << 20U;

// Past `lines` line ends, and past comments.
std::string_view without_front(std::string_view text, int lines, const std::string& comment) {
  const auto next_line = [&] {
    const auto end = text.find('\n');
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  };
  for (int i = 0; i < lines && !text.empty(); ++i)
    next_line();
  while (!comment.empty() && !text.empty() && text[0] == comment[0])
    next_line();
  return text;
}

}  // namespace

std::optional<std::vector<std::string>> parse_csv_header(std::string_view text, bool whole,
                                                         const TextOptions& options) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";  // of UTF-8
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  text = without_front(text, options.skip, options.comment);
  const char quote = options.quote.empty() ? '\0' : options.quote[0];
  const char escape = options.escape.empty() ? '\0' : options.escape[0];
  std::vector<std::string> out(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      const bool escaped = c == escape && i + 1 < text.size() && text[i + 1] == quote;
      if (escaped)
        out.back() += text[++i];
      else if (c == quote)
        quoted = false;
      else
        out.back() += c;
    } else if (quote != '\0' && c == quote && out.back().empty()) {
      quoted = true;
    } else if (c == options.delimiter[0]) {
      out.emplace_back();
    } else if (c == '\n' || c == '\r') {
      return out;
    } else {
      out.back() += c;
    }
  }
  if (!whole || quoted || text.empty()) return std::nullopt;
  return out;
}

std::optional<std::vector<std::string>> read_csv_header(const std::string& path,
                                                        const TextOptions& options) {
  if (path.ends_with(".zst")) return std::nullopt;
  if (path.ends_with(".gz")) {
    const auto start = start_of_gzip(path, kLongestHeader);
    return start ? parse_csv_header(start->text, start->whole, options) : std::nullopt;
  }
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return std::nullopt;
  std::string text;
  while (text.size() < kLongestHeader) {
    std::array<char, 16384> piece{};
    const auto got = ::read(fd.get(), piece.data(), piece.size());
    if (got < 0) return std::nullopt;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (auto header = parse_csv_header(text, got == 0, options)) return header;
    if (got == 0) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace jobward::verify
