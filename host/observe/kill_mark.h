// The extended attribute by which the watchdog tells a job's supervisor that it is about to end the
// job, and why. Written before the first signal, read before the directory is removed.
//
// Whoever may write to the directory may write it: its owner (often the job's own user) and root. A
// job can therefore forge or remove one on itself. What it gains is another name for its own end
// (`watchdog_killed`, or `signaled`): no right and no limit hangs on it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "common/kill_mark.h"
#include "common/result.h"

namespace jobward::host {

using jobward::KillMark;

inline constexpr const char* kKillMarkName = "user.jobward.killed";

// As "key=value" lines: by=watchdog, time_ms, level, available, threshold, size, spared=1. 256
// bytes hold all of them (the longest is 143). No allocation; the text lies in the buffer.
using KillMarkBuffer = std::array<char, 256>;
std::string_view format_kill_mark(const KillMark& mark, KillMarkBuffer& buffer);
// Unknown keys are passed over (a newer version may add some). An error: `by`, `time_ms` or `level`
// is missing, or a known key is broken.
Result<KillMark> parse_kill_mark(std::string_view text);

// Writes it on a cgroup directory that is open for reading (O_PATH will not do), in place of an
// earlier one. No allocation and no lock: for use between deciding and killing. False: errno says
// why.
bool write_kill_mark(int directory, const KillMark& mark);
// False: there is none, or errno says why it stays. No allocation.
bool remove_kill_mark(int directory);
// Absent where there is none. `path` is for messages.
Result<std::optional<KillMark>> read_kill_mark(int directory, const std::string& path);

}  // namespace jobward::host
