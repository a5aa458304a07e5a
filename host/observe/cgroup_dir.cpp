#include "host/observe/cgroup_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "common/files.h"

namespace jobward::host {
namespace {

// A cgroup file in one read(2), mostly: the kernel fills the buffer as long as a record fits in,
// and none is half as long. A second one, only to see the end, would double what a run costs here.
Result<std::string> read_all(const Fd& fd, const std::string& name) {
  std::array<char, 4096> buffer;
  ssize_t got = 0;
  do {
    got = ::read(fd.get(), buffer.data(), buffer.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno_error("read", name);
  std::string text(buffer.data(), static_cast<std::size_t>(got));
  if (text.size() < buffer.size() / 2) return text;
  auto rest = read_fd(fd.get(), name);
  if (!rest) return rest;
  return text + *rest;
}

}  // namespace

Result<CgroupDir> CgroupDir::open(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno_error("open cgroup", path);
  return CgroupDir(std::move(fd), path);
}

Result<CgroupDir> CgroupDir::child(const std::string& name, bool create) const {
  const std::string path = path_ + "/" + name;
  if (create && ::mkdirat(fd_.get(), name.c_str(), 0755) != 0 && errno != EEXIST)
    return errno_error("create cgroup", path);
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  Fd fd(::openat(fd_.get(), name.c_str(), kFlags));
  if (!fd) return errno_error("open cgroup", path);
  return CgroupDir(std::move(fd), path);
}

Result<CgroupDir> CgroupDir::unlocked_child(const std::string& name) const {
  auto opened = child(name, false);
  // Mode 0400 lets it be opened, but nothing in it be reached.
  const bool locked = opened ? ::faccessat(opened->fd(), ".", X_OK, AT_EACCESS) != 0
                             : opened.error().errnum == EACCES;
  if (!locked) return opened;
  if (::fchmodat(fd_.get(), name.c_str(), 0755, 0) != 0)
    return errno_error("unlock cgroup", path_ + "/" + name);
  return child(name, false);
}

void CgroupDir::unlock(const std::string& file) const {
  static_cast<void>(::fchmodat(fd_.get(), file.c_str(), 0644, 0));
}

Result<std::optional<std::string>> CgroupDir::read(const std::string& file) const {
  const Fd fd(::openat(fd_.get(), file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) return errno_error("open", path_ + "/" + file);
  auto text = read_all(fd, path_ + "/" + file);
  // EOPNOTSUPP: the kernel has the file but not the function (PSI switched off at boot).
  if (!text && text.error().errnum == EOPNOTSUPP) return std::nullopt;
  if (!text) return tl::unexpected(std::move(text).error());
  return std::move(*text);
}

Result<std::optional<std::uint64_t>> CgroupDir::counter(const std::string& file) const {
  auto text = read(file);
  if (!text) return tl::unexpected(std::move(text).error());
  if (!*text) return std::nullopt;
  auto value = parse_counter(**text);
  if (!value) return rethrow(std::move(value).error(), path_ + "/" + file);
  return *value;
}

Result<std::optional<FlatKeyed>> CgroupDir::keyed(const std::string& file) const {
  auto text = read(file);
  if (!text) return tl::unexpected(std::move(text).error());
  if (!*text) return std::nullopt;
  auto value = parse_flat_keyed(**text);
  if (!value) return rethrow(std::move(value).error(), path_ + "/" + file);
  return std::optional(std::move(*value));
}

Result<std::optional<Pressure>> CgroupDir::pressure(const std::string& file) const {
  auto text = read(file);
  if (!text) return tl::unexpected(std::move(text).error());
  if (!*text) return std::nullopt;
  auto value = parse_pressure(**text);
  if (!value) return rethrow(std::move(value).error(), path_ + "/" + file);
  return std::optional(*value);
}

Result<std::vector<int>> CgroupDir::processes() const {
  auto text = read("cgroup.procs");
  if (!text) return tl::unexpected(std::move(text).error());
  if (!*text) return error("read", path_ + "/cgroup.procs", "no such file: not a cgroup");
  return parse_pids(**text);
}

Status CgroupDir::write(const std::string& file, std::string_view text) const {
  const Fd fd(::openat(fd_.get(), file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno_error("open", path_ + "/" + file);
  if (::write(fd.get(), text.data(), text.size()) < 0) {
    auto failure = errno_error("write \"" + std::string(text) + "\" to", path_ + "/" + file);
    return failure;
  }
  return {};
}

Result<Fd> CgroupDir::open_file(const std::string& file, int flags) const {
  Fd fd(::openat(fd_.get(), file.c_str(), flags | O_CLOEXEC));
  if (!fd) return errno_error("open", path_ + "/" + file);
  return fd;
}

bool CgroupDir::has(const std::string& file) const {
  return ::faccessat(fd_.get(), file.c_str(), F_OK, 0) == 0;
}

bool CgroupDir::writable() const { return write_obstacle() == 0; }

int CgroupDir::write_obstacle() const {
  // AT_EACCESS: the effective uid is what mkdir and write will be judged by.
  for (const auto* name : {".", "cgroup.procs"})
    if (::faccessat(fd_.get(), name, W_OK, AT_EACCESS) != 0) return errno;
  return 0;
}

std::vector<std::string> CgroupDir::children() const {
  std::vector<std::string> names;
  Fd copy(::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(copy.get()), &::closedir);
  if (!dir) return names;
  static_cast<void>(copy.release());  // closedir closes it
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

Result<std::vector<int>> CgroupDir::processes_below(bool unlock) const {
  auto all = processes();
  if (!all && unlock && all.error().errnum == EACCES) {
    this->unlock("cgroup.procs");
    all = processes();
  }
  if (!all) return all;
  for (const auto& name : children()) {
    const auto below = unlock ? unlocked_child(name) : child(name, false);
    if (!below && below.error().errnum == ENOENT) continue;  // removed meanwhile
    if (!below) return tl::unexpected(below.error());
    auto pids = below->processes_below(unlock);
    if (!pids) return pids;
    all->insert(all->end(), pids->begin(), pids->end());
  }
  return all;
}

Status CgroupDir::remove_child(const std::string& name) const {
  if (::unlinkat(fd_.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
  // Not empty, perhaps: what a caller left below, or nested runs whose supervisor was killed.
  if (const auto below = unlocked_child(name))
    for (const auto& grandchild : below->children())
      JOBWARD_RETURN_IF_ERROR(below->remove_child(grandchild));
  if (::unlinkat(fd_.get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    return errno_error("remove cgroup", path_ + "/" + name);
  return {};
}

}  // namespace jobward::host
