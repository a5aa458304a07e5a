#include "profiles/file_probe.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <string_view>

#include "common/fd.h"
#include "common/files.h"

namespace jobward::profiles {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Directory open_directory(int parent, const char* name, int flags) {
  Fd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags));
  if (!fd) return nullptr;
  Directory directory(::fdopendir(fd.get()));
  if (directory) (void)fd.release();
  return directory;
}

// Adds up a tree. Gives up, rather than tell a part, on what it cannot read and on too many
// entries.
class TreeSize {
 public:
  bool add(DIR& directory) {
    const int fd = ::dirfd(&directory);
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(&directory);
      if (entry == nullptr) return errno == 0;
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (++entries_ > kMaxDirectoryEntries || !add_entry(fd, entry->d_name)) return false;
    }
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  bool add_entry(int parent, const char* name) {
    struct stat facts {};
    if (::fstatat(parent, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
    if (S_ISREG(facts.st_mode)) bytes_ += static_cast<std::uint64_t>(facts.st_size);
    if (!S_ISDIR(facts.st_mode)) return true;
    const Directory below = open_directory(parent, name, O_NOFOLLOW);
    if (!below) return errno == ENOENT;
    return add(*below);
  }

  int entries_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::optional<FileFacts> RealFileProbe::look(const std::string& path) const {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return std::nullopt;
  if (S_ISREG(facts.st_mode))
    return FileFacts{FileFacts::Kind::regular, static_cast<std::uint64_t>(facts.st_size)};
  if (!S_ISDIR(facts.st_mode)) return FileFacts{FileFacts::Kind::other, std::nullopt};
  FileFacts found{FileFacts::Kind::directory, std::nullopt};
  TreeSize tree;
  if (const Directory root = open_directory(AT_FDCWD, path.c_str(), 0); root && tree.add(*root))
    found.bytes = tree.bytes();
  return found;
}

std::optional<std::string> RealFileProbe::head(const std::string& path) const {
  // O_NONBLOCK: a fifo without a writer must not hold up a pre-flight.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
  std::string text(kHeadBytes, '\0');
  const ssize_t got = ::read(fd.get(), text.data(), text.size());
  if (got < 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(got));
  return text;
}

}  // namespace jobward::profiles
