// A private directory for what does not fit into memory.
#pragma once

#include <cstdint>
#include <string>

#include "common/fd.h"
#include "common/result.h"

namespace jobward::verify {

// Gone with the object. It is locked while it lives: one whose process was killed is not, and the
// next one of the same user takes it away.
class SpillDirectory {
 public:
  static Result<SpillDirectory> make(const std::string& parent);
  SpillDirectory(SpillDirectory&& other) noexcept;
  SpillDirectory& operator=(SpillDirectory&&) = delete;
  SpillDirectory(const SpillDirectory&) = delete;
  SpillDirectory& operator=(const SpillDirectory&) = delete;
  ~SpillDirectory();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  SpillDirectory(std::string path, Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  Fd lock_;
};

// What an ordinary user may still write to the file system of this directory.
Result<std::uint64_t> free_on_disk(const std::string& directory);

}  // namespace jobward::verify
