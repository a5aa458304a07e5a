#include "host/observe/job_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "host/observe/job_attribute.h"
#include "host/observe/kernel_text.h"

namespace jobward::host {
namespace {

constexpr std::size_t kEntryLength = 16;  // struct linux_dirent64
constexpr std::size_t kEntryType = 18;
constexpr std::size_t kEntryName = 19;
// Each level holds a descriptor; deeper trees than this are not ours.
constexpr int kDeepest = 48;

Fd open_directory(int parent, const char* name) {
  return Fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

// f(name) for each directory below this one.
template <class F>
void each_child(int directory, F&& f) {
  std::array<char, 2048> entries;
  // The descriptor's position is shared with nobody: it was opened for this.
  while (true) {
    const long got = ::syscall(SYS_getdents64, directory, entries.data(), entries.size());
    if (got <= 0) return;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      const char* entry = entries.data() + at;
      std::uint16_t length = 0;
      std::memcpy(&length, entry + kEntryLength, sizeof length);
      if (length == 0) return;
      at += length;
      const std::string_view name = entry + kEntryName;
      if (entry[kEntryType] == DT_DIR && name != "." && name != "..") f(entry + kEntryName);
    }
  }
}

// cgroup.procs of any length.
template <class F>
void each_pid(int directory, F&& f) {
  const Fd file(::openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return;
  std::array<char, 2048> text;
  std::size_t kept = 0;
  while (true) {
    const ssize_t got = ::read(file.get(), text.data() + kept, text.size() - kept);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    std::string_view rest(text.data(), kept + static_cast<std::size_t>(got));
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      int pid = 0;
      std::from_chars(rest.data(), rest.data() + end, pid);
      if (pid > 0) f(pid);
      rest.remove_prefix(end + 1);
    }
    kept = rest.size() < text.size() ? rest.size() : 0;
    std::memmove(text.data(), rest.data(), kept);
  }
}

template <class F>
void each_pid_below(int directory, F& f, int depth) {
  each_pid(directory, f);
  if (depth >= kDeepest) return;
  const Fd listing = open_directory(directory, ".");
  if (!listing) return;
  each_child(listing.get(), [&](const char* name) {
    const Fd child = open_directory(directory, name);
    if (child) each_pid_below(child.get(), f, depth + 1);
  });
}

bool is_run_id(std::string_view text) {
  return !text.empty() && text.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                              std::string_view::npos;
}

void read_memory(int directory, bool v2, JobFacts& out) {
  std::array<char, 8192> text;
  if (const auto stat = read_into(directory, "memory.stat", text)) {
    out.anon = number_of(*stat, v2 ? "anon" : "total_rss").value_or(0);
    out.shmem = number_of(*stat, v2 ? "shmem" : "total_shmem").value_or(0);
    if (!v2) out.swap = number_of(*stat, "total_swap").value_or(0);
  }
  if (!v2) return;
  if (const auto swap = read_into(directory, "memory.swap.current", text))
    out.swap = to_number(swap->substr(0, swap->find('\n'))).value_or(0);
}

class Walk {
 public:
  Walk(const MemoryTree& tree, ProcessScan& processes, std::span<JobFacts> out, IsWhole is_whole,
       void* context)
      : tree_(tree), processes_(processes), out_(out), is_whole_(is_whole), context_(context) {}

  void directory(int fd, std::size_t path, int depth) {
    if (depth > kDeepest) return;
    const Fd listing = open_directory(fd, ".");
    if (!listing) return;
    each_child(listing.get(), [&](const char* name) {
      path_.resize(path);
      path_.forget_cut();
      path_ += '/';
      path_ += name;
      const Fd child = open_directory(fd, name);
      if (!child) return;
      if (std::string_view(name) == "job" && job(child.get())) return;
      directory(child.get(), path_.size(), depth + 1);
    });
  }
  void start(std::string_view below) {
    const Fd top = open_cgroup(tree_, below);
    if (!top) return;
    path_ = below;
    directory(top.get(), path_.size(), 0);
  }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  // Is this a job, so that what is below it is part of it?
  bool job(int fd) {
    JobFacts facts;
    if (path_.is_cut() || !read_job_facts(fd, facts)) return false;
    facts.path = path_.view();
    struct stat info {};
    if (::fstat(fd, &info) != 0) return true;
    facts.inode = info.st_ino;
    read_memory(fd, tree_.v2, facts);
    if (facts.size() == 0) return true;  // empty, or dying: nothing to be had
    bool believed = info.st_uid == 0;
    const auto look = [&](int pid) {
      if (!believed) {
        const auto process = processes_.facts(pid);
        believed = process && process->uid == info.st_uid;
      }
      const auto start = processes_.start_ticks(pid);
      if (start && (facts.oldest == 0 || *start < facts.oldest_start)) {
        facts.oldest = pid;
        facts.oldest_start = *start;
      }
      const auto size = processes_.size(pid, false);
      if (facts.largest != 0 && (!size || size->rss <= facts.largest_rss)) return;
      facts.largest = pid;
      facts.largest_rss = size ? size->rss : 0;
    };
    each_pid_below(fd, look, 0);
    if (!believed || facts.largest == 0) return true;
    if (is_whole_ != nullptr && !is_whole_(context_, facts)) return false;
    keep(facts);
    return true;
  }

  void keep(const JobFacts& facts) {
    std::size_t at = count_;
    while (at > 0 && out_[at - 1].size() < facts.size())
      --at;
    if (at == out_.size()) return;
    if (count_ < out_.size()) ++count_;
    for (std::size_t i = count_ - 1; i > at; --i)
      out_[i] = out_[i - 1];
    out_[at] = facts;
  }

  const MemoryTree& tree_;
  ProcessScan& processes_;
  std::span<JobFacts> out_;
  IsWhole is_whole_;
  void* context_;
  std::size_t count_ = 0;
  FixedText<kLongestCgroup> path_;
};

}  // namespace

std::size_t find_jobs(const MemoryTree& tree, std::string_view below, ProcessScan& processes,
                      std::span<JobFacts> out, IsWhole is_whole, void* context) {
  if (tree.mount_point.empty()) return 0;
  Walk walk(tree, processes, out, is_whole, context);
  walk.start(below);
  return walk.count();
}

bool read_job_facts(int directory, JobFacts& out) {
  std::array<char, 4096> buffer;
  const ssize_t size = ::fgetxattr(directory, kJobAttributeName, buffer.data(), buffer.size());
  if (size <= 0) return false;
  std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  bool has_owner = false;
  while (!text.empty()) {
    const auto line = take_line(text);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const auto key = line.substr(0, equals);
    const auto value = line.substr(equals + 1);
    if (key == "run") out.run = value;
    if (key == "p99") out.p99 = to_number(value);
    if (key == "owner") {
      const auto owner = to_number(value);
      has_owner = owner && *owner < UINT32_MAX;
      out.owner = has_owner ? static_cast<uid_t>(*owner) : 0;
    }
  }
  return has_owner && !out.run.is_cut() && is_run_id(out.run);
}

Fd open_cgroup(const MemoryTree& tree, std::string_view path) {
  FixedText<2 * kLongestCgroup> full(tree.mount_point);
  full += path;
  if (full.is_cut()) return {};
  return open_directory(AT_FDCWD, full.c_str());
}

void each_process(int directory, OnProcess on_process, void* context) {
  const auto call = [&](int pid) { on_process(context, pid); };
  each_pid_below(directory, call, 0);
}

std::optional<CgroupRoom> read_room(int directory, bool v2) {
  std::array<char, 8192> text;
  const auto number = [&](const char* file) -> std::optional<std::uint64_t> {
    const auto content = read_into(directory, file, text);
    return content ? to_number(content->substr(0, content->find('\n'))) : std::nullopt;
  };
  const auto used = number(v2 ? "memory.current" : "memory.usage_in_bytes");
  if (!used) return std::nullopt;
  CgroupRoom out;
  constexpr std::uint64_t kV1Unlimited = std::uint64_t{1} << 62U;  // mm/page_counter.c
  out.limit = number(v2 ? "memory.max" : "memory.limit_in_bytes");
  if (out.limit && *out.limit >= kV1Unlimited) out.limit.reset();
  if (v2) out.swap = number("memory.swap.current").value_or(0);
  std::uint64_t reclaimable = 0;
  if (const auto stat = read_into(directory, "memory.stat", text)) {
    for (const auto* key : v2 ? std::array{"active_file", "inactive_file", "slab_reclaimable"}
                              : std::array{"total_active_file", "total_inactive_file", ""})
      reclaimable += number_of(*stat, key).value_or(0);
    out.shmem = number_of(*stat, v2 ? "shmem" : "total_shmem").value_or(0);
    if (!v2) out.swap = number_of(*stat, "total_swap").value_or(0);
  }
  out.unreclaimable = *used > reclaimable ? *used - reclaimable : 0;
  return out;
}

}  // namespace jobward::host
