#include "host/observe/kill_mark.h"

#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "common/text.h"

namespace jobward::host {
namespace {

// Appends to the buffer, which is large enough for every mark.
class Writer {
 public:
  explicit Writer(KillMarkBuffer& buffer) : buffer_(buffer) {}
  void text(std::string_view part) {
    const auto length = std::min(part.size(), buffer_.size() - used_);
    std::copy_n(part.data(), length, buffer_.data() + used_);
    used_ += length;
  }
  template <class Number>
  void line(std::string_view key, Number value) {
    text(key);
    char* const begin = buffer_.data() + used_;
    const auto [end, ec] = std::to_chars(begin, buffer_.data() + buffer_.size(), value);
    if (ec == std::errc{}) used_ += static_cast<std::size_t>(end - begin);
    text("\n");
  }
  [[nodiscard]] std::string_view written() const { return {buffer_.data(), used_}; }

 private:
  KillMarkBuffer& buffer_;
  std::size_t used_ = 0;
};

template <class Number>
bool read_number(std::string_view text, Number& out) {
  const char* const end = text.data() + text.size();
  const auto [stop, ec] = std::from_chars(text.data(), end, out);
  return ec == std::errc{} && stop == end;
}

// The keys that a mark must have.
struct Found {
  bool by = false;
  bool time = false;
  bool level = false;
};

// False: the value is broken. A key that is not known is fine.
bool read_field(std::string_view key, std::string_view value, KillMark& mark, Found& found) {
  if (key == "by") return found.by = value == "watchdog";
  if (key == "time_ms") return found.time = read_number(value, mark.time_ms) && mark.time_ms >= 0;
  if (key == "level") {
    found.level = true;
    mark.level = value == "kill" ? KillLevel::kill : KillLevel::term;
    return value == to_string(mark.level);
  }
  if (key == "spared") return mark.spared = value == "1";
  for (const auto& [name, target] :
       {std::pair("available", &mark.available), std::pair("threshold", &mark.threshold),
        std::pair("size", &mark.size)})
    if (key == name) return read_number(value, target->emplace());
  return true;
}

}  // namespace

std::string_view format_kill_mark(const KillMark& mark, KillMarkBuffer& buffer) {
  Writer out(buffer);
  out.text("by=watchdog\n");
  out.line("time_ms=", mark.time_ms);
  out.text("level=");
  out.text(to_string(mark.level));
  out.text("\n");
  if (mark.available) out.line("available=", *mark.available);
  if (mark.threshold) out.line("threshold=", *mark.threshold);
  if (mark.size) out.line("size=", *mark.size);
  if (mark.spared) out.text("spared=1\n");
  return out.written();
}

Result<KillMark> parse_kill_mark(std::string_view text) {
  KillMark mark;
  Found found;
  for (const auto line : split(text, '\n')) {
    if (line.empty()) continue;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos ||
        !read_field(line.substr(0, equals), line.substr(equals + 1), mark, found))
      return error("parse", kKillMarkName, "\"" + printable(line.substr(0, 80)) + "\" is broken");
  }
  if (!found.by || !found.time || !found.level)
    return error("parse", kKillMarkName, "by, time_ms or level is missing");
  return mark;
}

bool write_kill_mark(int directory, const KillMark& mark) {
  KillMarkBuffer buffer;
  const auto text = format_kill_mark(mark, buffer);
  return ::fsetxattr(directory, kKillMarkName, text.data(), text.size(), 0) == 0;
}

bool remove_kill_mark(int directory) { return ::fremovexattr(directory, kKillMarkName) == 0; }

Result<std::optional<KillMark>> read_kill_mark(int directory, const std::string& path) {
  std::array<char, 4096> buffer;
  const ssize_t size = ::fgetxattr(directory, kKillMarkName, buffer.data(), buffer.size());
  if (size < 0 && (errno == ENODATA || errno == ENOTSUP)) return std::nullopt;
  if (size < 0) return errno_error(std::string("read ") + kKillMarkName + " of", path);
  auto mark = parse_kill_mark({buffer.data(), static_cast<std::size_t>(size)});
  if (!mark) return rethrow(std::move(mark).error(), path);
  return *mark;
}

}  // namespace jobward::host
