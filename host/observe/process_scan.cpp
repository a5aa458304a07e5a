#include "host/observe/process_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>

namespace jobward::host {
namespace {

// struct linux_dirent64 of getdents64(2).
constexpr std::size_t kEntryLength = 16;
constexpr std::size_t kEntryName = 19;

FixedText<64> path_of(int pid, std::string_view file) {
  FixedText<64> out;
  out.add_number(pid);
  out += '/';
  out += file;
  return out;
}

int to_pid(std::string_view name) {
  int value = 0;
  const auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), value);
  return ec == std::errc{} && end == name.data() + name.size() && value > 0 ? value : 0;
}

void read_link(int directory, const char* name, FixedText<kLongestExe>& out) {
  std::array<char, kLongestExe> target;
  const ssize_t size = ::readlinkat(directory, name, target.data(), target.size());
  // A path that is cut is not known.
  if (size > 0 && static_cast<std::size_t>(size) < target.size())
    out = std::string_view(target.data(), static_cast<std::size_t>(size));
}

}  // namespace

ProcessScan::ProcessScan(Fd proc, std::string_view controller, std::string_view cgroup_root)
    : proc_(std::move(proc)),
      controller_(controller),
      cgroup_root_(cgroup_root),
      page_(static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))),
      text_(std::make_unique<std::array<char, kText>>()),
      entries_(std::make_unique<std::array<char, kText>>()) {
  // Touched now, so that they are there when memory is short.
  text_->fill(0);
  entries_->fill(0);
}

Result<ProcessScan> ProcessScan::open(const KernelRoots& roots, std::string_view memory_controller,
                                      std::string_view cgroup_root) {
  Fd proc(::open(roots.proc.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc) return errno_error("open", roots.proc);
  return ProcessScan(std::move(proc), memory_controller, cgroup_root);
}

bool ProcessScan::rewind() {
  entries_at_ = 0;
  entries_end_ = 0;
  return ::lseek(proc_.get(), 0, SEEK_SET) == 0;
}

int ProcessScan::next() {
  while (true) {
    if (entries_at_ >= entries_end_) {
      const long got = ::syscall(SYS_getdents64, proc_.get(), entries_->data(), kText);
      if (got <= 0) return 0;
      entries_at_ = 0;
      entries_end_ = static_cast<std::size_t>(got);
    }
    const char* entry = entries_->data() + entries_at_;
    std::uint16_t length = 0;
    std::memcpy(&length, entry + kEntryLength, sizeof length);
    if (length == 0) return 0;
    entries_at_ += length;
    if (const int pid = to_pid(entry + kEntryName); pid > 0) return pid;
  }
}

std::optional<std::string_view> ProcessScan::read(int pid, std::string_view file) {
  return read_into(proc_.get(), path_of(pid, file).c_str(), *text_);
}

// `where`: "PID" or "PID/task/TID".
std::optional<ProcessSize> ProcessScan::size_at(std::string_view where, bool with_swap) {
  FixedText<64> path(where);
  path += with_swap ? "/status" : "/statm";
  const auto text = read_into(proc_.get(), path.c_str(), *text_);
  if (!text) return std::nullopt;
  if (with_swap) {
    const auto rss = kibibytes_of(*text, "VmRSS");
    if (!rss) return std::nullopt;
    return ProcessSize{*rss, kibibytes_of(*text, "VmSwap").value_or(0)};
  }
  auto rest = text->substr(0, text->find('\n'));
  const auto whole = to_number(take_word(rest));
  const auto resident = to_number(take_word(rest));
  if (!whole || !resident || *whole == 0 || *resident > UINT64_MAX / page_) return std::nullopt;
  return ProcessSize{*resident * page_, 0};
}

std::optional<ProcessSize> ProcessScan::size(int pid, bool with_swap) {
  FixedText<64> where;
  where.add_number(pid);
  if (const auto found = size_at(where, with_swap)) return found;
  const auto text = read(pid, "stat");
  const auto stat = text ? stat_line(*text) : std::nullopt;
  if (!stat || stat->is_kernel_thread() || stat->threads < 2) return std::nullopt;
  return size_of_threads(pid, with_swap);
}

// What `of` gives for the first thread ("PID/task/TID") but the main one that gives something.
template <class Of>
auto ProcessScan::from_threads(int pid, Of&& of) -> decltype(of(FixedText<64>())) {
  const Fd tasks(
      ::openat(proc_.get(), path_of(pid, "task").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!tasks) return {};
  std::array<char, 2048> entries;
  while (true) {
    const long got = ::syscall(SYS_getdents64, tasks.get(), entries.data(), entries.size());
    if (got <= 0) return {};
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      std::uint16_t length = 0;
      std::memcpy(&length, entries.data() + at + kEntryLength, sizeof length);
      if (length == 0) return {};
      const int tid = to_pid(entries.data() + at + kEntryName);
      at += length;
      if (tid <= 0 || tid == pid) continue;
      auto where = path_of(pid, "task/");
      where.add_number(tid);
      if (auto found = of(where)) return found;
    }
  }
}

std::optional<ProcessSize> ProcessScan::size_of_threads(int pid, bool with_swap) {
  return from_threads(pid,
                      [&](const FixedText<64>& where) { return size_at(where.view(), with_swap); });
}

std::optional<ProcessFacts> ProcessScan::facts(int pid) {
  ProcessFacts out;
  const auto text = read(pid, "stat");
  const auto stat = text ? stat_line(*text) : std::nullopt;
  if (!stat) return std::nullopt;
  out.parent = stat->parent;
  out.start_ticks = stat->start_ticks;
  out.kernel_thread = stat->is_kernel_thread();
  out.gone = (stat->state == 'Z' || stat->state == 'X') && stat->threads < 2;
  out.name = stat->name;
  struct stat owner {};
  // The owner of /proc/PID is the effective uid, unless the process is not dumpable: then status
  // knows.
  const auto directory = path_of(pid, "");
  if (::fstatat(proc_.get(), directory.c_str(), &owner, 0) != 0) return std::nullopt;
  out.uid = owner.st_uid;
  if (const auto status = read(pid, "status")) {
    out.shmem = kibibytes_of(*status, "RssShmem").value_or(0);
    if (const auto at = status->find("\nUid:"); at != std::string_view::npos) {
      auto line = status->substr(at + 5);
      line = line.substr(0, line.find('\n'));
      take_word(line);  // the real one
      if (const auto uid = to_number(take_word(line))) out.uid = static_cast<uid_t>(*uid);
    }
  }
  if (const auto adjusted = read(pid, "oom_score_adj"))
    out.oom_score_adj =
        static_cast<int>(to_signed(adjusted->substr(0, adjusted->find('\n'))).value_or(0));
  out.cgroup = cgroup(pid).view();
  read_link(proc_.get(), path_of(pid, "exe").c_str(), out.exe);
  // A zombie main thread has no program any more; the other threads still run it.
  if (out.exe.empty() && stat->state == 'Z' && !out.gone)
    from_threads(pid, [&](FixedText<64> where) {
      read_link(proc_.get(), (where += "/exe").c_str(), out.exe);
      return !out.exe.empty();
    });
  return out;
}

std::optional<std::uint64_t> ProcessScan::start_ticks(int pid) {
  const auto text = read(pid, "stat");
  const auto stat = text ? stat_line(*text) : std::nullopt;
  return stat ? std::optional(stat->start_ticks) : std::nullopt;
}

std::optional<int> ProcessScan::parent(int pid) {
  const auto text = read(pid, "stat");
  const auto stat = text ? stat_line(*text) : std::nullopt;
  return stat ? std::optional(stat->parent) : std::nullopt;
}

FixedText<kLongestCgroup> ProcessScan::cgroup(int pid) {
  const auto text = read(pid, "cgroup");
  const auto path = text ? cgroup_path(*text, controller_) : std::nullopt;
  const auto root = cgroup_root_.view();
  if (!path || path->substr(0, root.size()) != root) return {};
  const auto below = path->substr(root.size());
  if (!root.empty() && !below.empty() && below[0] != '/')
    return {};  // a neighbour: "/ab" is not in "/a"
  return below;
}

std::optional<std::uint64_t> ProcessScan::oom_score(int pid) {
  const auto text = read(pid, "oom_score");
  return text ? to_number(text->substr(0, text->find('\n'))) : std::nullopt;
}

std::optional<std::uint64_t> ProcessScan::pss(int pid) {
  const auto text = read(pid, "smaps_rollup");
  if (!text) return std::nullopt;
  const auto resident = kibibytes_of(*text, "Pss");
  if (!resident) return std::nullopt;
  return *resident + kibibytes_of(*text, "SwapPss").value_or(0);
}

}  // namespace jobward::host
