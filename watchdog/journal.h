// The watchdog's journal: lines in a file whose space is reserved beforehand, so that a full disk
// loses nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/fd.h"
#include "common/result.h"

namespace jobward::watchdog {

// Where lines are kept.
class LineSink {
 public:
  LineSink() = default;
  virtual ~LineSink() = default;
  // One line, without its line feed. No allocation. False: it is not on record (errno).
  virtual bool append(std::string_view line) = 0;

 protected:
  LineSink(LineSink&&) = default;
  LineSink& operator=(LineSink&&) = default;
};

// `journal` is the file written to; older ones are journal.1 (younger) to journal.N; journal.next
// is the reserved one that comes after. What follows the last line feed is zeros, or a line cut
// short by a crash: it is written over. Not thread-safe.
class Journal : public LineSink {
 public:
  // Makes the directory (0700) and the file (0600). An error if either is somebody else's.
  static Result<Journal> open(const std::string& directory, std::uint64_t bytes, int files);

  bool append(std::string_view line) override;
  // When there is time: forces what was written to the disk, and reserves the next file.
  Status settle();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::uint64_t used() const { return end_; }

 private:
  Status find_end();
  Status reserve(int fd, const std::string& path) const;
  Status prepare_next();
  void adopt_next();
  bool recycle_oldest();
  bool begin_anew();
  bool rotate();
  [[nodiscard]] std::string name(int number) const;

  Fd directory_;
  std::string directory_path_;
  std::string path_;
  Fd file_;
  std::uint64_t bytes_ = 0;
  int files_ = 1;
  std::uint64_t end_ = 0;
  bool has_next_ = false;
  bool unsynced_ = false;
};

}  // namespace jobward::watchdog
