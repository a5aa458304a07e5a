#include "host/observe/kernel_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "common/fd.h"

namespace jobward::host {
namespace {

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// The rest of the line that begins with `key` and then `separator`.
std::optional<std::string_view> after_key(std::string_view text, std::string_view key,
                                          char separator) {
  while (!text.empty()) {
    auto line = take_line(text);
    if (line.size() > key.size() && line.substr(0, key.size()) == key &&
        line[key.size()] == separator)
      return line.substr(key.size() + 1);
  }
  return std::nullopt;
}

std::optional<std::string_view> reread_whole(int fd, std::span<char> buffer) {
  std::size_t size = 0;
  while (size < buffer.size()) {
    const ssize_t got =
        ::pread(fd, buffer.data() + size, buffer.size() - size, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return std::string_view(buffer.data(), size);
    size += static_cast<std::size_t>(got);
    // A kernel file gives all it has at once, unless it is longer than a page.
    constexpr std::size_t kLessThanPage = 3500;
    if (size < kLessThanPage) return std::string_view(buffer.data(), size);
  }
  errno = EFBIG;
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> reread_into(int fd, std::span<char> buffer) {
  return reread_whole(fd, buffer);
}

std::optional<std::string_view> read_into(int directory, const char* name, std::span<char> buffer) {
  const Fd fd(::openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return std::nullopt;
  return reread_into(fd.get(), buffer);
}

std::optional<std::uint64_t> to_number(std::string_view text) {
  return number<std::uint64_t>(text);
}
std::optional<std::int64_t> to_signed(std::string_view text) { return number<std::int64_t>(text); }

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return line;
}

std::string_view take_word(std::string_view& text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    text = {};
    return {};
  }
  const auto end = text.find_first_of(" \t", begin);
  const auto word = text.substr(begin, end == std::string_view::npos ? end : end - begin);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end);
  return word;
}

std::optional<std::uint64_t> kibibytes_of(std::string_view text, std::string_view key) {
  auto rest = after_key(text, key, ':');
  if (!rest) return std::nullopt;
  const auto value = to_number(take_word(*rest));
  if (!value || take_word(*rest) != "kB" || *value > UINT64_MAX / 1024) return std::nullopt;
  return *value * 1024;
}

std::optional<std::uint64_t> number_of(std::string_view text, std::string_view key) {
  const auto rest = after_key(text, key, ' ');
  return rest ? to_number(*rest) : std::nullopt;
}

std::optional<double> pressure_avg10(std::string_view text, std::string_view line) {
  auto rest = after_key(text, line, ' ');
  if (!rest) return std::nullopt;
  constexpr std::string_view kKey = "avg10=";
  const auto word = take_word(*rest);
  if (word.substr(0, kKey.size()) != kKey) return std::nullopt;
  const auto percent = number<double>(word.substr(kKey.size()));
  if (!percent || !(*percent >= 0 && *percent <= 100)) return std::nullopt;
  return *percent / 100;
}

bool StatLine::is_kernel_thread() const {
  constexpr std::uint64_t kThreadFlag = 0x00200000;  // PF_KTHREAD, include/linux/sched.h
  return (flags & kThreadFlag) != 0;
}

std::optional<StatLine> stat_line(std::string_view text) {
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return std::nullopt;
  StatLine out;
  out.name = text.substr(open + 1, close - open - 1);
  auto rest = text.substr(close + 1);
  rest = rest.substr(0, rest.find('\n'));
  // proc(5): state is field 3, parent 4, flags 9, num_threads 20, starttime 22.
  constexpr std::size_t kFirst = 3;
  constexpr std::size_t kLast = 22;
  std::array<std::string_view, kLast + 1> fields;
  for (std::size_t i = kFirst; i <= kLast; ++i)
    fields[i] = take_word(rest);
  const auto parent = number<int>(fields[4]);
  const auto flags = to_number(fields[9]);
  const auto threads = to_signed(fields[20]);
  const auto start = to_number(fields[22]);
  if (fields[3].size() != 1 || !parent || !flags || !threads || !start) return std::nullopt;
  out.state = fields[3][0];
  out.parent = *parent;
  out.flags = *flags;
  out.threads = *threads;
  out.start_ticks = *start;
  return out;
}

std::optional<std::string_view> cgroup_path(std::string_view text, std::string_view controller) {
  while (!text.empty()) {
    const auto line = take_line(text);
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    auto names = line.substr(first + 1, second - first - 1);
    const auto path = line.substr(second + 1);
    if (path.empty() || path[0] != '/') continue;
    if (controller.empty() && names.empty()) return path;
    while (!controller.empty() && !names.empty()) {
      const auto comma = names.find(',');
      if (names.substr(0, comma) == controller) return path;
      names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
    }
  }
  return std::nullopt;
}

}  // namespace jobward::host
