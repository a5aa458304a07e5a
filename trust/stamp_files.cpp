// What a stamp says of files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>

#include "common/fd.h"
#include "common/identity.h"
#include "common/text.h"
#include "trust/stamp.h"

namespace jobward::trust {
namespace {

struct Opened {
  Fd fd;
  struct stat facts {};
};

Result<Opened> open_regular(const std::string& path) {
  Opened out;
  out.fd = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!out.fd) return errno_error("open", printable(path));
  if (::fstat(out.fd.get(), &out.facts) != 0) return errno_error("look at", printable(path));
  if (!S_ISREG(out.facts.st_mode)) return error("read", printable(path), "it is no regular file");
  return out;
}

// Bytes from `offset` on, at most `limit` of them.
Status add_bytes(const Opened& file, const std::string& path, std::uint64_t offset,
                 std::uint64_t limit, Sha256& hash) {
  std::array<char, 65536> buffer;
  while (limit > 0) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(limit, buffer.size()));
    const ssize_t got = ::pread(file.fd.get(), buffer.data(), want, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read", printable(path));
    if (got == 0) break;
    hash.add({buffer.data(), static_cast<std::size_t>(got)});
    offset += static_cast<std::uint64_t>(got);
    limit -= static_cast<std::uint64_t>(got);
  }
  return {};
}

Status unchanged(const Opened& file, const std::string& path) {
  struct stat now {};
  if (::fstat(file.fd.get(), &now) != 0) return errno_error("look at", printable(path));
  if (now.st_size != file.facts.st_size || now.st_ctim.tv_sec != file.facts.st_ctim.tv_sec ||
      now.st_ctim.tv_nsec != file.facts.st_ctim.tv_nsec)
    return error("read", printable(path), "it changed while it was read");
  return {};
}

std::optional<std::string> real_executable(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), &std::free);
  struct stat facts {};
  if (!real || ::stat(real.get(), &facts) != 0 || !S_ISREG(facts.st_mode) ||
      ::access(real.get(), X_OK) != 0)
    return std::nullopt;
  return std::string(real.get());
}

}  // namespace

Result<std::string> content_digest(const std::string& path) {
  const auto file = open_regular(path);
  if (!file) return tl::unexpected(file.error());
  Sha256 hash;
  JOBWARD_RETURN_IF_ERROR(add_bytes(*file, path, 0, UINT64_MAX, hash));
  JOBWARD_RETURN_IF_ERROR(unchanged(*file, path));
  return hash.hex();
}

Result<std::string> program_digest(const std::string& path) {
  const auto file = open_regular(path);
  if (!file) return tl::unexpected(file.error());
  const auto size = static_cast<std::uint64_t>(file->facts.st_size);
  Sha256 hash;
  const std::string words = std::to_string(size) + ":";
  hash.add(words);
  if (size <= kWholeProgram) {
    JOBWARD_RETURN_IF_ERROR(add_bytes(*file, path, 0, UINT64_MAX, hash));
  } else {
    JOBWARD_RETURN_IF_ERROR(add_bytes(*file, path, 0, kProgramEnd, hash));
    JOBWARD_RETURN_IF_ERROR(add_bytes(*file, path, size - kProgramEnd, kProgramEnd, hash));
  }
  JOBWARD_RETURN_IF_ERROR(unchanged(*file, path));
  return hash.hex();
}

std::optional<std::string> find_executable(const std::string& word, const std::string& directory,
                                           const std::string& search_path) {
  if (word.empty()) return std::nullopt;
  if (word.find('/') != std::string::npos)
    return real_executable(word[0] == '/' ? word : directory + "/" + word);
  for (const auto entry : split(search_path, ':')) {
    const std::string place = entry.empty() ? directory : std::string(entry);
    if (auto found = real_executable((place[0] == '/' ? "" : directory + "/") + place + "/" + word))
      return found;
  }
  return std::nullopt;
}

std::string path_from_root(const std::string& absolute, const std::string& root) {
  if (absolute == root) return ".";
  const std::string below = root == "/" ? "/" : root + "/";
  return absolute.compare(0, below.size(), below) == 0 ? absolute.substr(below.size()) : absolute;
}

std::string path_in_root(const std::string& path, const std::string& root) {
  if (path == ".") return root;
  return !path.empty() && path[0] == '/' ? path : root + "/" + path;
}

}  // namespace jobward::trust
