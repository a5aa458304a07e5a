// Resources, and what is kept for each of them.
//
// Limits, reservations, estimates and observations are keyed by resource, so that another one (GPU
// memory) is one more line in this table and no new shape anywhere.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace jobward {

// The first seven are measured and predicted; the others are only ever limited.
enum class Resource {
  memory,
  wall,
  cpu_time,
  io_read,
  io_write,
  disk_growth,
  processes,
  swap,
  stall,
  cpus,
  cpu_weight,
  cpuset,
  open_files,
  io_read_rate,
  io_write_rate,
};

enum class Unit { bytes, seconds, count, bytes_per_second, weight };

struct ResourceInfo {
  Resource resource;
  std::string_view name;  // as in the command line, JSON and the database; never changes
  Unit unit;
};

inline constexpr std::array kResources{
    ResourceInfo{Resource::memory, "memory", Unit::bytes},
    ResourceInfo{Resource::wall, "wall", Unit::seconds},
    ResourceInfo{Resource::cpu_time, "cpu_time", Unit::seconds},
    ResourceInfo{Resource::io_read, "io_read", Unit::bytes},
    ResourceInfo{Resource::io_write, "io_write", Unit::bytes},
    ResourceInfo{Resource::disk_growth, "disk_growth", Unit::bytes},
    ResourceInfo{Resource::processes, "processes", Unit::count},
    ResourceInfo{Resource::swap, "swap", Unit::bytes},
    ResourceInfo{Resource::stall, "stall", Unit::seconds},
    ResourceInfo{Resource::cpus, "cpus", Unit::count},
    ResourceInfo{Resource::cpu_weight, "cpu_weight", Unit::weight},
    ResourceInfo{Resource::cpuset, "cpuset", Unit::count},
    ResourceInfo{Resource::open_files, "open_files", Unit::count},
    ResourceInfo{Resource::io_read_rate, "io_read_rate", Unit::bytes_per_second},
    ResourceInfo{Resource::io_write_rate, "io_write_rate", Unit::bytes_per_second},
};

constexpr const ResourceInfo& info(Resource resource) {
  return kResources[static_cast<std::size_t>(resource)];
}

constexpr std::string_view to_string(Unit unit) {
  switch (unit) {
    case Unit::bytes:
      return "bytes";
    case Unit::seconds:
      return "seconds";
    case Unit::count:
      return "count";
    case Unit::bytes_per_second:
      return "bytes_per_second";
    case Unit::weight:
      return "weight";
  }
  return "";
}

constexpr std::optional<Resource> resource_from(std::string_view name) {
  for (const auto& entry : kResources)
    if (entry.name == name) return entry.resource;
  return std::nullopt;
}

// At most one T for each resource. What was not measured, limited or predicted is absent, never 0.
template <class T>
class ResourceMap {
 public:
  void set(Resource resource, T value) { slot(resource) = std::move(value); }
  void erase(Resource resource) { slot(resource).reset(); }
  [[nodiscard]] const T* find(Resource resource) const {
    const auto& entry = slots_[static_cast<std::size_t>(resource)];
    return entry ? &*entry : nullptr;
  }
  [[nodiscard]] bool contains(Resource resource) const { return find(resource) != nullptr; }
  [[nodiscard]] bool empty() const {
    for (const auto& entry : slots_)
      if (entry) return false;
    return true;
  }
  // Calls visit(Resource, const T&) for each entry, in the table's order.
  template <class Visitor>
  void for_each(Visitor visit) const {
    for (const auto& entry : kResources)
      if (const T* value = find(entry.resource)) visit(entry.resource, *value);
  }

 private:
  std::optional<T>& slot(Resource resource) { return slots_[static_cast<std::size_t>(resource)]; }
  std::array<std::optional<T>, kResources.size()> slots_;
};

}  // namespace jobward
