#include "scan/sources.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include "common/fd.h"
#include "common/files.h"

namespace jobward::scan {
namespace {

// More levels than any project has; deeper ones are a problem, not an endless walk.
constexpr std::size_t kMaxLevels = 100;

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

class Walk {
 public:
  Walk(std::size_t max_bytes, const std::function<bool()>& go_on)
      : max_bytes_(max_bytes), go_on_(go_on) {}
  void enter(const std::string& path);
  Sources finish();

 private:
  struct Pending {
    std::string path;
    std::size_t level;
  };
  // What is below goes onto the list, so that nothing calls itself.
  void read_directory(const Pending& directory);
  void look_at(const std::string& path, const char* name, std::size_t level);
  void read_source(const std::string& path);
  void problem(const std::string& path, std::string message) {
    out_.problems.push_back({path, 0, std::move(message)});
  }

  std::size_t max_bytes_;
  const std::function<bool()>& go_on_;
  Sources out_;
  std::set<std::pair<dev_t, ino_t>> seen_;
  std::vector<Pending> pending_;
};

void Walk::enter(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return problem(path, std::strerror(errno));
  if (!S_ISDIR(facts.st_mode)) return read_source(path);
  const auto before = out_.files.size() + out_.problems.size();
  const auto known = seen_.size();
  pending_.push_back({path, 0});
  while (!pending_.empty()) {
    const Pending next = std::move(pending_.back());
    pending_.pop_back();
    if (go_on_ && !go_on_()) return problem(path, "it was to stop");
    read_directory(next);
  }
  if (out_.files.size() + out_.problems.size() == before && seen_.size() == known)
    problem(path, "there is no *.py in it");
}

void Walk::read_directory(const Pending& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.path.c_str()), &::closedir);
  if (!open) return problem(directory.path, std::strerror(errno));
  if (directory.level > kMaxLevels)
    return problem(directory.path, "more than 100 directories in one another");
  const std::string prefix = directory.path + (ends_with(directory.path, "/") ? "" : "/");
  if (directory.level > 0 && ::faccessat(::dirfd(open.get()), "pyvenv.cfg", F_OK, 0) == 0) {
    out_.left_out.push_back(directory.path + ": a virtual environment");
    return;
  }
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(open.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..")
      look_at(prefix + entry->d_name, entry->d_name, directory.level);
  }
  if (errno != 0) problem(directory.path, std::strerror(errno));
}

void Walk::look_at(const std::string& path, const char* name, std::size_t level) {
  static constexpr std::array<std::string_view, 7> kForeign{
      ".git", ".hg", ".svn", "__pycache__", "node_modules", ".tox", ".nox"};
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) return problem(path, std::strerror(errno));
  const bool source = ends_with(path, ".py");
  if (S_ISLNK(facts.st_mode)) {
    struct stat behind {};
    const bool there = ::stat(path.c_str(), &behind) == 0;
    if (there && S_ISDIR(behind.st_mode)) {
      out_.left_out.push_back(path + ": a link to a directory");
      return;
    }
    if (!there && !source) return;
  } else if (S_ISDIR(facts.st_mode)) {
    if (std::count(kForeign.begin(), kForeign.end(), std::string_view(name)) > 0)
      out_.left_out.push_back(path + ": no sources of this project");
    else
      pending_.push_back({path, level + 1});
    return;
  }
  if (source) read_source(path);
}

void Walk::read_source(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return problem(path, std::strerror(errno));
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) return problem(path, std::strerror(errno));
  if (!S_ISREG(facts.st_mode)) return problem(path, "not a regular file");
  if (!seen_.emplace(facts.st_dev, facts.st_ino).second) return;
  auto text = read_fd(fd.get(), path, max_bytes_);
  if (!text) {
    const Error& why = text.error();
    return problem(path, why.errnum != 0 ? std::strerror(why.errnum)
                                         : why.detail + ", which is more than a source has");
  }
  out_.files.push_back({path, *std::move(text)});
}

Sources Walk::finish() {
  const auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
  std::sort(out_.files.begin(), out_.files.end(), by_name);
  std::sort(out_.left_out.begin(), out_.left_out.end());
  return std::move(out_);
}

}  // namespace

Sources read_sources(const std::vector<std::string>& paths, std::size_t max_bytes,
                     const std::function<bool()>& go_on) {
  Walk walk(max_bytes, go_on);
  for (const auto& path : paths)
    walk.enter(path);
  return walk.finish();
}

}  // namespace jobward::scan
