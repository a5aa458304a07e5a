#include "common/files.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace jobward {

Result<std::string> read_fd(int fd, const std::string& name, std::size_t limit) {
  std::string text;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read", name);
    if (got == 0) return text;
    if (text.size() + static_cast<std::size_t>(got) > limit)
      return error("read", name, "longer than " + std::to_string(limit) + " bytes");
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error("open", path);
  return read_fd(fd.get(), path, limit);
}

Result<std::string> read_file_at(int dir, const std::string& name, std::size_t limit) {
  const Fd fd(::openat(dir, name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error("open", name);
  return read_fd(fd.get(), name, limit);
}

std::string real_path(const std::string& path) {
  std::error_code failure;
  auto real = std::filesystem::weakly_canonical(path, failure);
  return failure ? path : real.string();
}

Status write_all(int fd, std::string_view text, const std::string& name) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) {  // somebody made it non-blocking; a reader gets 5 s a piece
      pollfd entry{fd, POLLOUT, 0};
      if (::poll(&entry, 1, 5000) != 0) continue;
      return errno_error("write", name, EAGAIN);
    }
    if (put < 0) return errno_error("write", name);
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Status write_file_atomic(const std::string& path, std::string_view text) {
  struct stat old {};
  const bool exists = ::stat(path.c_str(), &old) == 0;
  if (exists && !S_ISREG(old.st_mode)) {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return errno_error("open", path);
    return write_all(fd.get(), text, path);
  }
  std::string temporary = path + ".XXXXXX";
  const Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return errno_error("create a file beside", path);
  auto written = write_all(fd.get(), text, temporary);
  if (written && exists && ::fchmod(fd.get(), old.st_mode & 07777) != 0)
    written = errno_error("set the mode of", temporary);
  if (written && ::fdatasync(fd.get()) != 0) written = errno_error("sync", temporary);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0)
    written = errno_error("replace", path);
  if (!written) ::unlink(temporary.c_str());
  return written;
}

Status make_private_directories(const std::string& path) {
  struct stat present {};
  if (::stat(path.c_str(), &present) == 0 && S_ISDIR(present.st_mode)) return {};  // as always
  for (std::size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at);
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST)
      return errno_error("create directory", part);
    if (at != std::string::npos) ++at;
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return errno_error("inspect directory", path);
  if (!S_ISDIR(info.st_mode)) return errno_error("use as a directory", path, ENOTDIR);
  return {};
}

}  // namespace jobward
