// Whole small files, read and written safely.
#pragma once

#include <string>
#include <string_view>

#include "common/fd.h"
#include "common/result.h"

namespace jobward {

// Reads a whole file. Works on /proc and /sys, where sizes are 0. `limit` bounds the memory that a
// hostile file can cost; a longer file is an error, never a truncated text.
Result<std::string> read_file(const std::string& path, std::size_t limit = 64U << 20);
Result<std::string> read_fd(int fd, const std::string& name, std::size_t limit = 64U << 20);
Result<std::string> read_file_at(int dir, const std::string& name, std::size_t limit = 1U << 20);

// The same file with all links followed, as far as it is there; what is not stays as it is written.
std::string real_path(const std::string& path);

// Writes all of text, whatever the kernel takes at a time.
Status write_all(int fd, std::string_view text, const std::string& name);

// Replaces `path` in one step: a reader sees the old content or the new, never a part. The new file
// is written beside it, mode 0600 & ~umask unless the old file had another mode, and synced before
// the rename. Where `path` is no regular file (/dev/stdout, a fifo) it is written in place.
Status write_file_atomic(const std::string& path, std::string_view text);

// mkdir -p with mode 0700 for what is created.
Status make_private_directories(const std::string& path);

}  // namespace jobward
