// One cgroup directory, held by descriptor: a path may name another cgroup tomorrow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/fd.h"
#include "common/result.h"
#include "host/observe/proc_parse.h"

namespace jobward::host {

// Reads and writes are relative to the held directory. A file that the kernel does not have is
// absent (nullopt), never 0. Move-only. Not thread-safe.
class CgroupDir {
 public:
  CgroupDir() = default;
  static Result<CgroupDir> open(const std::string& path);
  // Opens `name` below this directory; with create = true makes it first if it is missing.
  [[nodiscard]] Result<CgroupDir> child(const std::string& name, bool create) const;

  // The same for one that a job may have locked (mode 000), to hide in it: it is unlocked, where we
  // may. Only for what is to be killed or removed.
  [[nodiscard]] Result<CgroupDir> unlocked_child(const std::string& name) const;

  // The same for a file of this directory.
  void unlock(const std::string& file) const;

  [[nodiscard]] bool valid() const { return static_cast<bool>(fd_); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

  [[nodiscard]] Result<std::optional<std::string>> read(const std::string& file) const;
  [[nodiscard]] Result<std::optional<std::uint64_t>> counter(const std::string& file) const;
  [[nodiscard]] Result<std::optional<FlatKeyed>> keyed(const std::string& file) const;
  [[nodiscard]] Result<std::optional<Pressure>> pressure(const std::string& file) const;
  [[nodiscard]] Result<std::vector<int>> processes() const;  // cgroup.procs

  // Opens the file for writing only (cgroup.kill has mode 0200) and writes the text at once.
  [[nodiscard]] Status write(const std::string& file, std::string_view text) const;
  [[nodiscard]] Result<Fd> open_file(const std::string& file, int flags) const;
  [[nodiscard]] bool has(const std::string& file) const;
  [[nodiscard]] bool writable() const;
  // Why not, as an errno (EACCES, EROFS); 0 if it is.
  [[nodiscard]] int write_obstacle() const;
  [[nodiscard]] std::vector<std::string> children() const;
  // The processes here and in all cgroups below; with `unlock` also in locked ones, see above.
  [[nodiscard]] Result<std::vector<int>> processes_below(bool unlock = false) const;
  // Removes the child and all below it, deepest first; one that is already gone is fine. Moves
  // nobody: the kernel refuses (EBUSY) while a process is left in one of them.
  [[nodiscard]] Status remove_child(const std::string& name) const;

 private:
  CgroupDir(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Fd fd_;
  std::string path_;  // for messages only
};

}  // namespace jobward::host
