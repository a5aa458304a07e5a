#include "host/observe/process.h"

#include <dirent.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <memory>
#include <string>

#include "common/files.h"
#include "common/text.h"

namespace jobward::host {
namespace {

// Names in a directory that are whole numbers: processes in /proc, threads in /proc/PID/task.
std::vector<int> numeric_entries(const std::string& path) {
  std::vector<int> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), &::closedir);
  if (!dir) return out;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    int value = 0;
    const auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), value);
    if (ec == std::errc{} && end == name.data() + name.size()) out.push_back(value);
  }
  return out;
}

std::string pid_path(const KernelRoots& roots, int pid) {
  return roots.proc + "/" + std::to_string(pid);
}

bool kernel_lists_children(const KernelRoots& roots) {
  const std::string self = pid_path(roots, ::getpid()) + "/task/" + std::to_string(::getpid());
  return ::access((self + "/children").c_str(), R_OK) == 0;
}

std::vector<int> children_of(const KernelRoots& roots, int pid) {
  std::vector<int> out;
  const std::string tasks = pid_path(roots, pid) + "/task";
  for (const int tid : numeric_entries(tasks)) {
    const auto text = read_file(tasks + "/" + std::to_string(tid) + "/children");
    if (!text) continue;  // the thread has ended
    if (const auto pids = parse_pids(*text)) out.insert(out.end(), pids->begin(), pids->end());
  }
  return out;
}

std::multimap<int, int> children_by_parent(const KernelRoots& roots) {
  std::multimap<int, int> out;
  for (const int pid : numeric_entries(roots.proc)) {
    const auto text = read_file(pid_path(roots, pid) + "/stat");
    if (!text) continue;
    if (const auto stat = parse_stat(*text)) out.emplace(stat->parent, pid);
  }
  return out;
}

Result<ProcessIo> own_threads_io(const KernelRoots& roots) {
  ProcessIo sum;
  const std::string tasks = roots.proc + "/self/task";
  for (const int tid : numeric_entries(tasks)) {
    auto text = read_file(tasks + "/" + std::to_string(tid) + "/io");
    if (!text) return tl::unexpected(std::move(text).error());
    auto io = parse_io(*text);
    if (!io) return io;
    sum.read_bytes += io->read_bytes;
    sum.write_bytes += io->write_bytes;
    sum.transferred += io->transferred;
  }
  return sum;
}

std::optional<ProcessStat> stat_of(const KernelRoots& roots, int pid) {
  const auto text = read_file(pid_path(roots, pid) + "/stat");
  if (!text) return std::nullopt;
  auto stat = parse_stat(*text);
  return stat ? std::optional(std::move(*stat)) : std::nullopt;
}

std::vector<int> direct_children(const KernelRoots& roots, int pid) {
  if (kernel_lists_children(roots)) return children_of(roots, pid);
  std::vector<int> out;
  const auto by_parent = children_by_parent(roots);
  const auto [begin, end] = by_parent.equal_range(pid);
  for (auto it = begin; it != end; ++it)
    out.push_back(it->second);
  return out;
}

struct FoundMemory {
  ProcessMemory memory;
  std::string directory;  // of /proc, where the rest about this memory can be read
};

std::optional<FoundMemory> memory_at(const std::string& directory) {
  const auto text = read_file(directory + "/status");
  if (!text) return std::nullopt;
  const auto memory = parse_status_memory(*text);
  if (!memory || !*memory) return std::nullopt;
  return FoundMemory{**memory, directory};
}

// A main thread that has ended shows no memory, but the other threads still hold it and show it as
// theirs.
std::optional<FoundMemory> memory_of(const KernelRoots& roots, int pid) {
  const std::string directory = pid_path(roots, pid);
  if (auto found = memory_at(directory)) return found;
  for (const int tid : numeric_entries(directory + "/task"))
    if (auto found = memory_at(directory + "/task/" + std::to_string(tid))) return found;
  return std::nullopt;
}

// False also for one that is gone, or not ours to look at.
bool has_environment(const KernelRoots& roots, int pid, std::string_view entry) {
  const auto text = read_file(pid_path(roots, pid) + "/environ");
  if (!text) return false;
  const auto entries = split(*text, '\0');
  return std::find(entries.begin(), entries.end(), entry) != entries.end();
}

}  // namespace

Result<Fd> open_pidfd(int pid) {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));  // O_CLOEXEC is implied
  if (!fd) return errno_error("open process", std::to_string(pid));
  return fd;
}

Status send_signal(const Fd& pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) != 0)
    return errno_error("signal", "process");
  return {};
}

bool wait_for_exit(const Fd& pidfd, int timeout_ms) {
  pollfd entry{pidfd.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&entry, 1,
                   timeout_ms);  // starts over after a signal: the bound may be passed a little
  } while (ready < 0 && errno == EINTR);
  return ready == 1;
}

Status check_proc(const KernelRoots& roots) {
  const std::string self = roots.proc + "/self";
  std::array<char, 32> target{};
  const ssize_t length = ::readlink(self.c_str(), target.data(), target.size());
  if (length < 0) return errno_error("read", self);
  if (std::string_view(target.data(), static_cast<std::size_t>(length)) ==
      std::to_string(::getpid()))
    return {};
  return error("use", roots.proc,
               "it is that of another pid namespace; mount one for this (mount -t proc proc /proc, "
               "or unshare --mount-proc)");
}

bool is_alive(const KernelRoots& roots, int pid) {
  const auto text = read_file(pid_path(roots, pid) + "/stat");
  if (!text) return false;
  const auto stat = parse_stat(*text);
  return stat && (stat->state != 'Z' || stat->threads > 1) && stat->state != 'X';
}

std::vector<int> descendants(const KernelRoots& roots, int ancestor) {
  const bool listed = kernel_lists_children(roots);
  const auto by_parent = listed ? std::multimap<int, int>() : children_by_parent(roots);
  std::vector<int> found;
  const auto add_children = [&](int pid) {
    if (listed) {
      const auto children = children_of(roots, pid);
      found.insert(found.end(), children.begin(), children.end());
    } else {
      const auto [begin, end] = by_parent.equal_range(pid);
      for (auto it = begin; it != end; ++it)
        found.push_back(it->second);
    }
  };
  add_children(ancestor);
  // The list grows as it is walked.
  for (std::size_t i = 0; i < found.size(); ++i) {  // NOLINT(modernize-loop-convert)
    const int pid = found[i];
    add_children(pid);
  }
  return found;
}

std::vector<KnownProcess> present_descendants(const KernelRoots& roots) {
  std::vector<KnownProcess> out;
  for (const int pid : descendants(roots, ::getpid()))
    if (const auto stat = stat_of(roots, pid)) out.push_back({pid, stat->start_ticks});
  return out;
}

std::vector<int> descendants_but(const KernelRoots& roots, const std::vector<KnownProcess>& known,
                                 const JobMark& mark) {
  std::vector<int> out;
  for (const int pid : direct_children(roots, ::getpid())) {
    const auto stat = stat_of(roots, pid);
    const bool is_known = std::any_of(known.begin(), known.end(), [&](const KnownProcess& process) {
      return process.pid == pid && stat && process.start_ticks == stat->start_ticks;
    });
    const bool is_ours =
        known.empty() || pid == mark.main_pid || has_environment(roots, pid, mark.environment);
    if (is_known || !is_ours) continue;
    if (is_alive(roots, pid)) out.push_back(pid);
    for (const int below : descendants(roots, pid))
      if (is_alive(roots, below)) out.push_back(below);
  }
  return out;
}

TreeMemory tree_memory(const KernelRoots& roots, const std::vector<int>& pids, bool exact) {
  TreeMemory sum;
  for (const int pid : pids) {
    const auto found = memory_of(roots, pid);
    if (!found) continue;  // gone, or a zombie: holds nothing
    const auto& [memory, directory] = *found;
    ++sum.processes;
    sum.anon += memory.anon;
    sum.file += memory.file;
    sum.shmem += memory.shmem;
    std::uint64_t need = memory.anon + memory.shmem + memory.swap;
    if (exact) {
      // Unreadable for setuid programs: then the upper bound stands.
      if (const auto rollup = read_file(directory + "/smaps_rollup"))
        if (const auto pss = parse_smaps_rollup(*rollup)) need = *pss;
    }
    sum.need += need;
  }
  return sum;
}

std::optional<int> largest_of(const KernelRoots& roots, const std::vector<int>& pids) {
  std::optional<int> largest;
  std::pair<std::uint64_t, std::uint64_t> most;  // need, start
  for (const int pid : pids) {
    const auto found = memory_of(roots, pid);
    if (!found) continue;
    const auto& memory = found->memory;
    const auto stat = stat_of(roots, pid);
    const std::pair rank{memory.anon + memory.shmem + memory.swap, stat ? stat->start_ticks : 0};
    if (largest && rank < most) continue;
    largest = pid;
    most = rank;
  }
  return largest;
}

double tree_cpu_seconds(const KernelRoots& roots, const std::vector<int>& pids) {
  std::uint64_t ticks = 0;
  for (const int pid : pids)
    if (const auto stat = stat_of(roots, pid))
      ticks += stat->user_ticks + stat->system_ticks + stat->waited_ticks;
  return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double waited_children_cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::uint64_t activity_of(const KernelRoots& roots, const std::vector<int>& pids) {
  constexpr std::uint64_t kPrime = 1099511628211U;  // FNV-1a, 64 bits
  std::uint64_t sum = 0;
  for (const int pid : pids) {
    std::uint64_t transferred = 0;
    if (const auto text = read_file(pid_path(roots, pid) + "/io"))
      if (const auto io = parse_io(*text))
        transferred = io->transferred + io->read_bytes + io->write_bytes;  // mapped files, too
    sum += static_cast<std::uint64_t>(pid) * kPrime + transferred;
  }
  return sum;
}

std::vector<int> processes_with_environment(const KernelRoots& roots, std::string_view entry) {
  std::vector<int> out;
  for (const int pid : numeric_entries(roots.proc))
    if (has_environment(roots, pid, entry)) out.push_back(pid);
  return out;
}

std::optional<std::string> memory_cgroup_of(const KernelRoots& roots, int pid) {
  const auto text = read_file(pid_path(roots, pid) + "/cgroup");
  const auto memberships = text ? parse_membership(*text) : Result<std::vector<Membership>>();
  if (!memberships) return std::nullopt;
  std::optional<std::string> v2;
  for (const auto& membership : *memberships) {
    const auto& names = membership.controllers;
    if (std::find(names.begin(), names.end(), "memory") != names.end()) return membership.path;
    if (names.empty()) v2 = membership.path;
  }
  return v2;
}

std::optional<int> parent_of(const KernelRoots& roots, int pid) {
  const auto text = read_file(roots.proc + "/" + std::to_string(pid) + "/stat");
  const auto stat = text ? parse_stat(*text) : Result<ProcessStat>(tl::unexpected(text.error()));
  if (!stat) return std::nullopt;
  return stat->parent;
}

std::optional<std::string> name_of(const KernelRoots& roots, int pid) {
  auto stat = stat_of(roots, pid);
  return stat ? std::optional(std::move(stat->name)) : std::nullopt;
}

Result<ProcessIo> waited_children_io(const KernelRoots& roots) {
  auto own = own_threads_io(roots);
  if (!own) return own;
  auto text = read_file(roots.proc + "/self/io");
  if (!text) return tl::unexpected(std::move(text).error());
  auto all = parse_io(*text);
  if (!all) return all;
  const auto less = [](std::uint64_t whole, std::uint64_t part) {
    return whole > part ? whole - part : 0;
  };
  return ProcessIo{less(all->read_bytes, own->read_bytes), less(all->write_bytes, own->write_bytes),
                   less(all->transferred, own->transferred)};
}

Result<ProcessSizes> own_sizes(const KernelRoots& roots) {
  auto text = read_file(roots.proc + "/self/statm");
  if (!text) return tl::unexpected(std::move(text).error());
  return parse_statm(*text, static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

std::optional<int> own_oom_score_adj(const KernelRoots& roots) {
  const auto text = read_file(roots.proc + "/self/oom_score_adj");
  if (!text) return std::nullopt;
  const auto body = trim(*text);
  int value = 0;
  const auto [end, ec] = std::from_chars(body.data(), body.data() + body.size(), value);
  if (ec != std::errc{} || end != body.data() + body.size()) return std::nullopt;
  return value;
}

}  // namespace jobward::host
