#include "watchdog/tmpfs.h"

#include <fcntl.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>

#include "host/observe/kernel_text.h"

namespace jobward::watchdog {
namespace {

constexpr std::size_t kMountinfo = 65536;
constexpr std::size_t kMounts = 64;

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

struct Mount {
  std::string_view device;
  std::string_view point;
};

// proc(5): id parent device root point options [optional…] - type source super-options
std::optional<Mount> tmpfs_of(std::string_view line) {
  Mount out;
  host::take_word(line);
  host::take_word(line);
  out.device = host::take_word(line);
  host::take_word(line);
  out.point = host::take_word(line);
  while (!line.empty())
    if (host::take_word(line) == "-") break;
  if (host::take_word(line) != "tmpfs" || out.point.empty()) return std::nullopt;
  return out;
}

}  // namespace

std::optional<FullTmpfs> fullest_tmpfs(const host::KernelRoots& roots) {
  static std::array<char, kMountinfo> buffer;
  FixedText<512> file(roots.proc);
  file += "/self/mountinfo";
  auto text = host::read_long_into(AT_FDCWD, file.c_str(), buffer);
  if (!text) return std::nullopt;
  std::array<std::string_view, kMounts> seen;
  std::size_t count = 0;
  FullTmpfs out;
  while (!text->empty()) {
    const auto mount = tmpfs_of(host::take_line(*text));
    if (!mount || count == kMounts) continue;
    const auto end = seen.begin() + static_cast<std::ptrdiff_t>(count);
    if (std::find(seen.begin(), end, mount->device) != end) continue;
    FixedText<512> point;
    add_unescaped(point, mount->point);
    struct statfs info {};
    constexpr long kTmpfs = 0x01021994;  // TMPFS_MAGIC: another may be mounted over it
    if (point.is_cut() || ::statfs(point.c_str(), &info) != 0 || info.f_type != kTmpfs) continue;
    seen[count++] = mount->device;
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
