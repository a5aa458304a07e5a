// The one question that fingerprints and features ask of the file system, as a seam for tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace jobward::profiles {

struct FileFacts {
  enum class Kind { regular, directory, other };
  Kind kind = Kind::other;
  // Regular files: their size. Directories: the sum of the sizes of the regular files below, absent
  // where the tree has more than kMaxDirectoryEntries entries or cannot be read (then it is not
  // measured, not 0).
  std::optional<std::uint64_t> bytes;
};

// Bounds what a pre-flight may cost: 10,000 stats take about 20 ms.
inline constexpr int kMaxDirectoryEntries = 10000;

class FileProbe {
 public:
  virtual ~FileProbe() = default;
  // Absent if there is no such file. `path` is absolute. Symbolic links are followed, but not
  // inside trees.
  [[nodiscard]] virtual std::optional<FileFacts> look(const std::string& path) const = 0;
  // The first kHeadBytes of a regular file (".git", the first line of a script); absent if it
  // cannot be read.
  [[nodiscard]] virtual std::optional<std::string> head(const std::string& path) const = 0;
  static constexpr std::size_t kHeadBytes = 4096;
};

class RealFileProbe final : public FileProbe {
 public:
  [[nodiscard]] std::optional<FileFacts> look(const std::string& path) const override;
  [[nodiscard]] std::optional<std::string> head(const std::string& path) const override;
};

}  // namespace jobward::profiles
