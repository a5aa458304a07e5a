// Kernel files read and parsed without allocation, for the watchdog: between deciding and killing
// there may be no memory to be had. Text is never trusted to be whole: what is missing is absent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace jobward::host {

// The content of a file below `directory` (AT_FDCWD: anywhere), read into `buffer`. Absent: it
// cannot be read (errno says why), or does not fit (EFBIG). For files whose lines have a few
// hundred bytes at most: what is shorter than a page by that is taken for all there is.
std::optional<std::string_view> read_into(int directory, const char* name, std::span<char> buffer);
// The same of a kernel file that is kept open: its current content.
std::optional<std::string_view> reread_into(int fd, std::span<char> buffer);

std::optional<std::uint64_t> to_number(std::string_view text);
std::optional<std::int64_t> to_signed(std::string_view text);

// Takes the next line (or word) off the text; empty at the end, so that blank ones are passed over.
std::string_view take_line(std::string_view& text);
std::string_view take_word(std::string_view& text);

// "KEY:   123 kB" in bytes (meminfo, status).
std::optional<std::uint64_t> kibibytes_of(std::string_view text, std::string_view key);
// "KEY 123" (memory.stat, vmstat, cgroup.events).
std::optional<std::uint64_t> number_of(std::string_view text, std::string_view key);

// The avg10 of the "some " or "full " line of a pressure file, as a share of 1.
std::optional<double> pressure_avg10(std::string_view text, std::string_view line);

// What is needed of /proc/PID/stat. The name ends at the last ')'.
struct StatLine {
  std::string_view name;  // into the text
  char state = '?';
  int parent = 0;
  std::uint64_t flags = 0;
  std::int64_t threads = 0;
  std::uint64_t start_ticks = 0;
  [[nodiscard]] bool is_kernel_thread() const;
};
std::optional<StatLine> stat_line(std::string_view text);

// The path in the hierarchy of `controller` from /proc/PID/cgroup; of the v2 one where `controller`
// is empty.
std::optional<std::string_view> cgroup_path(std::string_view text, std::string_view controller);

}  // namespace jobward::host
