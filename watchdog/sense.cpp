#include "watchdog/sense.h"

#include <fcntl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "host/observe/cgroup_tree.h"
#include "host/observe/kernel_text.h"
#include "watchdog/clock.h"

namespace jobward::watchdog {
namespace {

using host::kibibytes_of;

// A process stalled for 100 ms within a second is worth a look; unprivileged ones are refused
// windows that are no multiple of 2 s (Documentation/accounting/psi.rst).
struct Window {
  std::string_view text;
  std::string_view words;
};
constexpr std::array kWindows{Window{"some 100000 1000000", "100 ms in 1 s"},
                              Window{"some 150000 2000000", "150 ms in 2 s"}};

Fd open_for_reading(const std::string& path) {
  return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

// What /proc/self/cgroup has before the path below the mount point: the mount shows only that part.
std::string root_of(const host::KernelRoots& roots, const std::string& controller,
                    const std::string& own_path) {
  std::array<char, 4096> text;
  const auto groups = host::read_into(AT_FDCWD, (roots.proc + "/self/cgroup").c_str(), text);
  const auto whole = groups ? host::cgroup_path(*groups, controller) : std::nullopt;
  if (!whole || *whole == "/" || whole->size() < own_path.size()) return {};
  return std::string(whole->substr(0, whole->size() - own_path.size()));
}

struct Alone {
  int self;
  bool others = false;
};
bool holds_others(int directory) {
  Alone alone{::getpid()};
  host::each_process(
      directory,
      [](void* context, int pid) {
        auto& found = *static_cast<Alone*>(context);
        found.others = found.others || pid != found.self;
      },
      &alone);
  return alone.others;
}

// How much of the swap a cgroup may use.
std::optional<std::uint64_t> swap_limit(int directory, bool v2, std::uint64_t memory_limit) {
  std::array<char, 64> text;
  const auto content =
      host::read_into(directory, v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes", text);
  const auto value =
      content ? host::to_number(content->substr(0, content->find('\n'))) : std::nullopt;
  if (!value || v2) return value;
  return *value > memory_limit ? *value - memory_limit : 0;
}

}  // namespace

Result<Sensor> Sensor::open(const host::KernelRoots& roots, const std::string& within) {
  Sensor out;
  out.meminfo_ = open_for_reading(roots.proc + "/meminfo");
  if (!out.meminfo_) return errno_error("open", roots.proc + "/meminfo");
  auto groups = host::read_cgroup_tree(roots);
  if (!groups) return tl::unexpected(std::move(groups).error());
  const auto* memory = groups->of("memory");
  if (memory != nullptr) {
    out.tree_ = {memory->mount_point, memory->v2};
    out.controller_ = memory->v2 ? "" : "memory";
    out.cgroup_root_ = root_of(roots, out.controller_, memory->own_path);
    if (!memory->v2 && groups->v2() != nullptr) out.unified_mount_ = groups->v2()->mount_point;
  }
  if (!within.empty()) {
    JOBWARD_RETURN_IF_ERROR(out.open_within(within));
    if (out.sense().empty()) return errno_error("read the memory of", within);
    return out;
  }
  const std::string pressure = roots.proc + "/pressure/memory";
  out.pressure_ = open_for_reading(pressure);
  // Switched off (psi=0) it can be opened, but not read.
  std::array<char, 512> text;
  if (out.pressure_ && !host::reread_into(out.pressure_.get(), text)) out.pressure_.reset();
  out.arcstats_ = open_for_reading(roots.proc + "/spl/kstat/zfs/arcstats");
  out.open_trigger(pressure);
  if (memory != nullptr) out.own_path_ = memory->own_path;
  out.find_enclosing();
  if (out.sense().empty()) return errno_error("read", roots.proc + "/meminfo");
  return out;
}

Status Sensor::reopen() {
  bounds_.clear();
  trigger_.reset();
  return open_within(std::string(within_));
}

Status Sensor::open_within(const std::string& within) {
  within_ = within;
  if (tree_.mount_point.empty())
    return error("watch within", within, "no cgroup hierarchy counts memory here");
  std::string path = within;
  if (path.substr(0, tree_.mount_point.size() + 1) == tree_.mount_point + "/")
    path = path.substr(tree_.mount_point.size());
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  if (path.empty() || path[0] != '/' || path.size() < 2)
    return error("watch within", within,
                 "give a cgroup's directory below " + tree_.mount_point + ", or its path there");
  if (path.size() >= host::kLongestCgroup) return error("watch within", within, "is too long");
  auto directory = host::open_cgroup(tree_, path);
  if (!directory) return errno_error("open cgroup", tree_.mount_point + path);
  const auto room = host::read_room(directory.get(), tree_.v2);
  if (!room) return errno_error("read the memory of", tree_.mount_point + path);
  if (!room->limit)
    return error("watch within", tree_.mount_point + path,
                 "it has no memory limit, so nothing says when its memory is short");
  Bound bound{path, std::move(directory), {}};
  bound.pressure = Fd(::openat(bound.directory.get(), "memory.pressure", O_RDONLY | O_CLOEXEC));
  bounds_.push_back(std::move(bound));
  if (tree_.v2) open_trigger(tree_.mount_point + path + "/memory.pressure");
  if (!trigger_ && trigger_words_.empty()) trigger_words_ = "no pressure file on cgroup v1";
  return {};
}

void Sensor::find_enclosing() {
  if (is_within() || tree_.mount_point.empty()) return;
  bounds_.clear();
  for (std::string path = own_path_;; path = path.substr(0, path.rfind('/'))) {
    auto directory = host::open_cgroup(tree_, path);
    const auto room =
        directory ? host::read_room(directory.get(), tree_.v2) : std::optional<host::CgroupRoom>();
    // A limit on nobody but ourselves is none that anybody has to go for.
    if (room && room->limit && bounds_.size() + 1 < kMost && holds_others(directory.get())) {
      Fd pressure(::openat(directory.get(), "memory.pressure", O_RDONLY | O_CLOEXEC));
      bounds_.push_back({path, std::move(directory), std::move(pressure)});
    }
    if (path.empty() || path == "/") return;
  }
}

void Sensor::open_trigger(const std::string& file) {
  for (const auto& window : kWindows) {
    Fd fd(::open(file.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd) {
      trigger_words_ = std::string("no pressure trigger: ") + std::strerror(errno);
      return;
    }
    if (::write(fd.get(), window.text.data(), window.text.size() + 1) > 0) {
      trigger_ = std::move(fd);
      trigger_words_ = "wakes when processes waited for memory for " + std::string(window.words);
      return;
    }
    trigger_words_ = std::string("no pressure trigger: ") + std::strerror(errno);
  }
}

std::optional<Sensor::Free> Sensor::free_now() {
  struct sysinfo info {};
  if (::sysinfo(&info) != 0) return std::nullopt;
  return Free{std::uint64_t{info.freeram} * info.mem_unit,
              std::uint64_t{info.freeswap} * info.mem_unit};
}

void Sensor::pressure(int fd, Snapshot& out) {
  if (fd < 0) return;
  const auto text = host::reread_into(fd, *text_);
  if (!text) return;
  out.some = host::pressure_avg10(*text, "some");
  out.full = host::pressure_avg10(*text, "full");
}

bool Sensor::machine(Snapshot& out) {
  out = Snapshot();
  out.time_ms = wall_ms();
  const auto text = host::reread_into(meminfo_.get(), *text_);
  if (!text) return false;
  const auto total = kibibytes_of(*text, "MemTotal");
  const auto available = kibibytes_of(*text, "MemAvailable");
  const auto swap_total = kibibytes_of(*text, "SwapTotal");
  const auto swap_free = kibibytes_of(*text, "SwapFree");
  if (!total || !available || !swap_total || !swap_free) {
    errno = EPROTO;
    return false;
  }
  out.memory_total = *total;
  out.memory_available = *available;
  out.swap_total = *swap_total;
  out.swap_free = *swap_free;
  out.shmem = kibibytes_of(*text, "Shmem").value_or(0);
  if (arcstats_) {
    // Cache that ZFS gives back, down to c_min, but that is not part of MemAvailable.
    const auto arc = host::reread_into(arcstats_.get(), *text_);
    const auto value = [&](std::string_view key) -> std::uint64_t {
      std::string_view rest = arc ? *arc : std::string_view();
      while (!rest.empty()) {
        auto line = host::take_line(rest);
        if (host::take_word(line) != key) continue;
        host::take_word(line);  // the type
        return host::to_number(host::take_word(line)).value_or(0);
      }
      return 0;
    };
    const auto size = value("size");
    const auto least = value("c_min");
    if (size > least) out.memory_available += size - least;
    out.memory_available = std::min(out.memory_available, out.memory_total);
  }
  return true;
}

bool Sensor::bound(const Bound& bound, const Snapshot& machine, Snapshot& out) {
  const auto room = host::read_room(bound.directory.get(), tree_.v2);
  if (!room || !room->limit) return false;
  out = Snapshot();
  out.time_ms = machine.time_ms;
  out.within = bound.path;
  // A limit beyond what the machine has is none.
  out.memory_total = std::min(*room->limit, machine.memory_total);
  out.memory_available =
      *room->limit > room->unreclaimable ? *room->limit - room->unreclaimable : 0;
  // More than the machine has is not available.
  out.memory_available = std::min(out.memory_available, machine.memory_available);
  const auto allowed = swap_limit(bound.directory.get(), tree_.v2, *room->limit);
  out.swap_total = allowed ? std::min(*allowed, machine.swap_total) : machine.swap_total;
  const auto left = out.swap_total > room->swap ? out.swap_total - room->swap : 0;
  out.swap_free = std::min(left, machine.swap_free);
  out.shmem = room->shmem;
  return true;
}

std::span<const Snapshot> Sensor::sense_memory() {
  sensed_ = 0;
  Snapshot whole;
  if (!machine(whole)) return {};
  if (!is_within()) {
    pressure_of_[sensed_] = pressure_.get();
    snapshots_[sensed_++] = whole;
  }
  for (const auto& entry : bounds_) {
    if (sensed_ == kMost || !bound(entry, whole, snapshots_[sensed_])) continue;
    pressure_of_[sensed_++] = entry.pressure.get();
  }
  if (sensed_ == 0) errno = ENODEV;  // the cgroup is gone, or its limit
  return std::span(snapshots_).first(sensed_);
}

void Sensor::complete_pressure() {
  for (std::size_t i = 0; i < sensed_; ++i)
    pressure(pressure_of_[i], snapshots_[i]);
}

std::span<const Snapshot> Sensor::sense() {
  const auto out = sense_memory();
  complete_pressure();
  return out;
}

}  // namespace jobward::watchdog
