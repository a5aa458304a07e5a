#include "host/observe/managed_jobs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "common/fd.h"
#include "host/observe/cgroup_dir.h"

namespace jobward::host {
namespace {

constexpr std::string_view kJob = "job";

struct CloseDirectory {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

// Whoever may make a directory may put an attribute on it: it speaks for processes of its owner.
bool is_believable(const KernelRoots& roots, const CgroupDir& dir, const std::vector<int>& pids) {
  struct stat owner {};
  if (::fstat(dir.fd(), &owner) != 0) return false;
  if (owner.st_uid == 0) return true;
  for (const int pid : pids) {
    struct stat process {};
    if (::stat((roots.proc + "/" + std::to_string(pid)).c_str(), &process) == 0)
      return process.st_uid == owner.st_uid;
  }
  return false;
}

class Walk {
 public:
  Walk(const KernelRoots& roots, const KnownRun& known) : roots_(roots), known_(known) {}

  void directory(const std::string& path) {
    const std::unique_ptr<DIR, CloseDirectory> dir(::opendir(path.c_str()));
    if (!dir) return;
    while (const dirent* entry = ::readdir(dir.get())) {
      if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
      const std::string child = path + "/" + entry->d_name;
      if (entry->d_name == kJob && job(child)) continue;
      struct stat info {};
      // kernfs counts links as other file systems do: two, and one for each directory below.
      if (::fstatat(::dirfd(dir.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
          info.st_nlink > 2)
        directory(child);
    }
  }
  std::vector<ManagedJob> take() { return std::move(found_); }

 private:
  bool job(const std::string& path) {
    const auto attribute = read_job_attribute(path);
    if (!attribute || !*attribute) return false;
    if (known_ && known_((*attribute)->run_id)) return true;
    const auto dir = CgroupDir::open(path);
    const auto pids = dir ? dir->processes_below() : Result<std::vector<int>>(std::vector<int>());
    if (!pids || pids->empty() || !is_believable(roots_, *dir, *pids)) return true;
    found_.push_back({**attribute, path, unreclaimable_memory(path).value_or(0)});
    return true;
  }

  const KernelRoots& roots_;
  const KnownRun& known_;
  std::vector<ManagedJob> found_;
};

}  // namespace

std::vector<ManagedJob> managed_jobs(const KernelRoots& roots, const CgroupTree& tree,
                                     const KnownRun& known) {
  const Hierarchy* memory = tree.of("memory");
  if (memory == nullptr) return {};
  Walk walk(roots, known);
  walk.directory(memory->mount_point);
  return walk.take();
}

std::optional<EnclosingJob> enclosing_managed_job(const CgroupTree& tree) {
  const Hierarchy* memory = tree.of("memory");
  if (memory == nullptr) return std::nullopt;
  for (std::string path = memory->own_path; !path.empty(); path = path.substr(0, path.rfind('/'))) {
    const std::string directory = memory->mount_point + path;
    struct stat info {};
    if (::stat(directory.c_str(), &info) != 0 || (info.st_uid != 0 && info.st_uid != ::geteuid()))
      continue;
    const auto attribute = read_job_attribute(directory);
    if (!attribute || !*attribute) continue;
    EnclosingJob out{(*attribute)->run_id, directory, {}, 0};
    if (const auto limit = own_memory_limit(directory, memory->v2)) out.limit = *limit;
    out.in_use = unreclaimable_memory(directory).value_or(0);
    return out;
  }
  return std::nullopt;
}

}  // namespace jobward::host
