#include "watchdog/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "common/files.h"

namespace jobward::watchdog {
namespace {

constexpr const char* kName = "journal";
constexpr const char* kNext = "journal.next";

Status check_owner(int fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return errno_error("look at", path);
  if (info.st_uid != ::geteuid())
    return error("use", path, "it belongs to user " + std::to_string(info.st_uid));
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return error("use", path, "others than its owner may write it");
  return {};
}

bool write_at(int fd, std::string_view text, std::uint64_t at) {
  while (!text.empty()) {
    const ssize_t done = ::pwrite(fd, text.data(), text.size(), static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(done));
    at += static_cast<std::uint64_t>(done);
  }
  return true;
}

bool write_zeros(int fd, std::uint64_t from, std::uint64_t to) {
  static constexpr std::array<char, 4096> kZeros{};
  while (from < to) {
    const auto size = std::min<std::uint64_t>(kZeros.size(), to - from);
    if (!write_at(fd, {kZeros.data(), size}, from)) return false;
    from += size;
  }
  return true;
}

// Writes zeros over what is there, block by block: the space stays reserved.
bool wipe(int fd) {
  std::array<char, 16384> block;
  for (std::uint64_t at = 0;;) {
    const ssize_t got = ::pread(fd, block.data(), block.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    const auto size = static_cast<std::size_t>(got);
    const bool empty =
        std::all_of(block.data(), block.data() + size, [](char c) { return c == '\0'; });
    if (!empty && !write_zeros(fd, at, at + size)) return false;
    at += size;
  }
}

bool is_full(const Error& error) { return error.errnum == ENOSPC || error.errnum == EDQUOT; }

}  // namespace

std::string Journal::name(int number) const {
  return number == 0 ? kName : std::string(kName) + "." + std::to_string(number);
}

Result<Journal> Journal::open(const std::string& directory, std::uint64_t bytes, int files) {
  JOBWARD_RETURN_IF_ERROR(make_private_directories(directory));
  Journal out;
  out.directory_path_ = directory;
  out.path_ = directory + "/" + kName;
  out.bytes_ = bytes;
  out.files_ = files;
  out.directory_ = Fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!out.directory_) return errno_error("open", directory);
  JOBWARD_RETURN_IF_ERROR(check_owner(out.directory_.get(), directory));
  out.file_ =
      Fd(::openat(out.directory_.get(), kName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out.file_) return errno_error("open", out.path_);
  JOBWARD_RETURN_IF_ERROR(check_owner(out.file_.get(), out.path_));
  JOBWARD_RETURN_IF_ERROR(out.find_end());
  JOBWARD_RETURN_IF_ERROR(out.reserve(out.file_.get(), out.path_));
  out.adopt_next();
  return out;
}

// What an earlier one left there may not be reserved yet, or not empty: a crash between the two.
void Journal::adopt_next() {
  const Fd file(::openat(directory_.get(), kNext, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  const std::string path = directory_path_ + "/" + kNext;
  // On the disk before it gets its new name, or a power cut could bring the old lines back.
  has_next_ = file && check_owner(file.get(), path) && wipe(file.get()) &&
              ::fdatasync(file.get()) == 0 && reserve(file.get(), path);
  if (!has_next_) ::unlinkat(directory_.get(), kNext, 0);
}

// The oldest becomes the one that comes after. Its space is never free in between, or another
// program would have it.
bool Journal::recycle_oldest() {
  for (int n = files_; n > 0; --n) {
    if (::renameat(directory_.get(), name(n).c_str(), directory_.get(), kNext) != 0) continue;
    adopt_next();
    if (has_next_) return true;
    // It could not be used (a file system that writes elsewhere, or larger files are wanted now)
    // and is removed: that may have made room.
    const auto prepared = prepare_next();
    if (prepared) return true;
    if (!is_full(prepared.error())) return false;
  }
  return false;
}

// The only one that is kept: what is new counts.
bool Journal::begin_anew() {
  if (files_ != 1 || !wipe(file_.get()) || ::fdatasync(file_.get()) != 0) return false;
  end_ = 0;
  return true;
}

// After the last line that is whole; the rest of one that was cut is wiped.
Status Journal::find_end() {
  std::array<char, 16384> block;
  std::uint64_t at = 0;
  std::uint64_t used = 0;
  while (true) {
    const ssize_t got = ::pread(file_.get(), block.data(), block.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read", path_);
    if (got == 0) break;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
      if (block[i] != '\0') used = at + i + 1;
      if (block[i] == '\n') end_ = at + i + 1;
    }
    at += static_cast<std::uint64_t>(got);
  }
  if (used > end_ && !write_zeros(file_.get(), end_, used)) return errno_error("write", path_);
  return {};
}

Status Journal::reserve(int fd, const std::string& path) const {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return errno_error("look at", path);
  const auto have = static_cast<std::uint64_t>(info.st_size);
  const int failed = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes_));
  if (failed == 0) return {};
  // A file system that reserves nothing (EOPNOTSUPP, EINVAL) still keeps what was written.
  if (failed == ENOSPC || failed == EDQUOT || !write_zeros(fd, have, std::max(have, bytes_)))
    return errno_error("reserve " + std::to_string(bytes_) + " bytes for", path,
                       failed == ENOSPC || failed == EDQUOT ? failed : errno);
  return {};
}

bool Journal::append(std::string_view line) {
  if (end_ + line.size() + 1 > bytes_ && !rotate()) return false;
  // The line feed comes last: without it the line is not there.
  if (!write_at(file_.get(), line, end_) || !write_at(file_.get(), "\n", end_ + line.size()))
    return false;
  end_ += line.size() + 1;
  unsynced_ = true;
  return true;
}

bool Journal::rotate() {
  ::fdatasync(file_.get());
  if (!has_next_)
    if (const auto prepared = prepare_next(); !prepared) {
      const bool full = is_full(prepared.error());
      // The oldest makes room; for any other reason nothing is given up.
      if (full && begin_anew()) return true;
      if (!full || !recycle_oldest()) {
        errno = prepared.error().errnum;
        return false;
      }
    }
  Fd next(::openat(directory_.get(), kNext, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!next) {  // somebody has removed it
    has_next_ = false;
    if (!prepare_next()) return false;
    next = Fd(::openat(directory_.get(), kNext, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!next) return false;
  }
  // journal.N-1 is the oldest that stays.
  ::unlinkat(directory_.get(), name(files_ - 1).c_str(), 0);
  for (int n = files_ - 2; n >= 0; --n)
    ::renameat(directory_.get(), name(n).c_str(), directory_.get(), name(n + 1).c_str());
  if (::renameat(directory_.get(), kNext, directory_.get(), kName) != 0) return false;
  file_ = std::move(next);
  end_ = 0;
  has_next_ = false;
  return true;
}

Status Journal::prepare_next() {
  const std::string path = directory_path_ + "/" + kNext;
  ::unlinkat(directory_.get(), kNext, 0);
  const Fd file(
      ::openat(directory_.get(), kNext, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return errno_error("make", path);
  if (auto reserved = reserve(file.get(), path); !reserved) {
    ::unlinkat(directory_.get(), kNext, 0);
    return reserved;
  }
  has_next_ = true;
  return {};
}

Status Journal::settle() {
  if (unsynced_ && ::fdatasync(file_.get()) != 0) return errno_error("sync", path_);
  unsynced_ = false;
  if (has_next_ || end_ < bytes_ / 2) return {};
  return prepare_next();
}

}  // namespace jobward::watchdog
