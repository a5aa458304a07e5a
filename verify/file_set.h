// The files of a dataset: found, described, and later compared with what they were.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"

namespace jobward::verify {

// Asked now and then by what takes long, with the per cent done if they are known. False: end with
// interrupted_error().
using Tick = std::function<bool(std::optional<double> percent)>;

struct FileFacts {
  std::string path;   // absolute
  std::string shown;  // relative to the contract where it lies below it; printable
  std::uint64_t bytes = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;  // unlike mtime, nobody can set it back
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
  bool operator==(const FileFacts&) const = default;
};

// The files that these names and patterns (*, ?, [...] within a directory, ** across directories)
// mean, sorted within a pattern. A name that exists as it is written is that file, whatever
// characters it has. Errors: a pattern or name without a file, something that is no regular file,
// one file twice, also under two names. Hidden files are found only by patterns that begin with a
// dot, too.
Result<std::vector<FileFacts>> find_files(const std::string& directory,
                                          const std::vector<std::string>& patterns,
                                          const Tick& tick = {});

// Are they still what they were? An error names the first that is not.
Status still_the_same(const std::vector<FileFacts>& files);

// What SQLite keeps beside a database while it is written, where there is something in it: content
// that the file alone does not have.
std::vector<FileFacts> sqlite_logs(const FileFacts& database);

struct DatasetDigest {
  enum class Basis { content, size_and_mtime };
  Basis basis = Basis::size_and_mtime;
  // Of the content: the SHA-256 of the one file, or of lines as sha256sum(1) writes them.
  std::string sha256;
  std::uint64_t bytes = 0;
  std::int64_t newest_mtime_ms = 0;
};
// SHA-256 reads about 250 MB/s here: what costs more than some 30 ms is no longer cheap.
inline constexpr std::uint64_t kCheapDigestBytes = 8U << 20U;
Result<DatasetDigest> digest_of(const std::vector<FileFacts>& files, bool always_content,
                                const Tick& tick = {});

// The SHA-256 of a file, read in pieces.
Result<std::string> sha256_of_file(const std::string& path, const Tick& tick = {});

}  // namespace jobward::verify
