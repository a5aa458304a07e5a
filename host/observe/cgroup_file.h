// A cgroup file that is kept open and read again and again: the kernel gives its current content at
// offset 0. For what is sampled; a file that is read once is read through CgroupDir.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/fd.h"
#include "common/result.h"
#include "host/observe/cgroup_dir.h"
#include "host/observe/proc_parse.h"

namespace jobward::host {

// Move-only. Not thread-safe. Every read is one pread(2) of at most 16 KiB.
class CgroupFile {
 public:
  CgroupFile() = default;
  static Result<CgroupFile> open(const CgroupDir& dir, const std::string& name);

  [[nodiscard]] bool valid() const { return static_cast<bool>(fd_); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  // A file that holds one number; "max" is an error here: what is measured has a value.
  [[nodiscard]] Result<std::uint64_t> counter() const;
  [[nodiscard]] Result<FlatKeyed> keyed() const;

 private:
  CgroupFile(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
  Fd fd_;
  std::string name_;  // for messages
};

// 0 where the key is missing: the counters of older kernels.
std::uint64_t value_or_zero(const FlatKeyed& keyed, std::string_view key);

}  // namespace jobward::host
