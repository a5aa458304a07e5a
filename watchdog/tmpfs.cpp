#include "watchdog/tmpfs.h"

#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "common/fd.h"
#include "host/observe/kernel_text.h"

namespace jobward::watchdog {
namespace {

// Longer lines (an overlay of many layers) are passed over: none of them is a tmpfs that could be
// shown.
constexpr std::size_t kLine = 8192;
// Distinct ones; of those that come after, each mount counts, though it may be the same one again.
constexpr std::size_t kMost = 4096;

// mountinfo escapes space, tab, newline and backslash in octal (proc(5)).
void add_unescaped(FixedText<512>& out, std::string_view text) {
  const auto digit = [&](std::size_t i) { return static_cast<unsigned>(text[i] - '0'); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '\\' && i + 3 < text.size() && digit(i + 1) < 4 &&
                         digit(i + 2) < 8 && digit(i + 3) < 8;
    if (!escaped) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(digit(i + 1) * 64 + digit(i + 2) * 8 + digit(i + 3));
    i += 3;
  }
}

// A file's lines, however long it is, through a buffer of the caller's.
class Lines {
 public:
  Lines(int fd, std::span<char> buffer) : fd_(fd), buffer_(buffer) {}

  // False: the end, or it cannot be read any further. Lines that do not fit are passed over.
  bool next(std::string_view& line) {
    while (true) {
      const std::string_view rest(buffer_.data() + at_, end_ - at_);
      if (const auto stop = rest.find('\n'); stop != std::string_view::npos) {
        at_ += stop + 1;
        const bool whole = !skips_;
        skips_ = false;
        if (!whole) continue;
        line = rest.substr(0, stop);
        return true;
      }
      if (!fill()) return false;
    }
  }

 private:
  bool fill() {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(at_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= at_;
    at_ = 0;
    if (end_ == buffer_.size()) {
      skips_ = true;
      end_ = 0;
    }
    ssize_t got = 0;
    do {
      got = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) return false;
    end_ += static_cast<std::size_t>(got);
    return true;
  }

  int fd_;
  std::span<char> buffer_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  bool skips_ = false;
};

struct Mount {
  std::uint64_t device = 0;
  std::string_view point;
};

// proc(5): id parent major:minor root point options [optional…] - type source super-options
std::optional<Mount> tmpfs_of(std::string_view line) {
  Mount out;
  host::take_word(line);
  host::take_word(line);
  const auto device = host::take_word(line);
  const auto colon = device.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto major = host::to_number(device.substr(0, colon));
  const auto minor = host::to_number(device.substr(colon + 1));
  if (!major || !minor) return std::nullopt;
  out.device = (*major << 32U) | *minor;
  host::take_word(line);
  out.point = host::take_word(line);
  while (!line.empty())
    if (host::take_word(line) == "-") break;
  if (host::take_word(line) != "tmpfs" || out.point.empty()) return std::nullopt;
  return out;
}

// Each file system once, wherever else it is mounted.
class Seen {
 public:
  [[nodiscard]] bool has(std::uint64_t device) const {
    const auto end = devices_.begin() + static_cast<std::ptrdiff_t>(count_);
    return std::find(devices_.begin(), end, device) != end;
  }
  void add(std::uint64_t device) {
    if (count_ < kMost) devices_[count_++] = device;
  }
  void clear() { count_ = 0; }

 private:
  std::array<std::uint64_t, kMost> devices_{};
  std::size_t count_ = 0;
};

}  // namespace

std::optional<FullTmpfs> fullest_tmpfs(const host::KernelRoots& roots) {
  static std::array<char, kLine> buffer;
  static Seen seen;
  seen.clear();
  FixedText<512> name(roots.proc);
  name += "/self/mountinfo";
  const Fd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return std::nullopt;
  FullTmpfs out;
  std::string_view line;
  for (Lines lines(file.get(), buffer); lines.next(line);) {
    const auto mount = tmpfs_of(line);
    if (!mount || seen.has(mount->device)) continue;
    FixedText<512> point;
    add_unescaped(point, mount->point);
    struct statfs info {};
    constexpr long kTmpfs = 0x01021994;  // TMPFS_MAGIC: another may be mounted over it
    if (point.is_cut() || ::statfs(point.c_str(), &info) != 0 || info.f_type != kTmpfs) continue;
    seen.add(mount->device);
    const auto block = static_cast<std::uint64_t>(info.f_bsize);
    const std::uint64_t used = (info.f_blocks - info.f_bfree) * block;
    out.used_by_all += used;
    if (used <= out.used) continue;
    out.used = used;
    out.size = info.f_blocks * block;
    out.point = point.view();
  }
  return out.used > 0 ? std::optional(out) : std::nullopt;
}

}  // namespace jobward::watchdog
