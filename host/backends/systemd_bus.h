// Asking a systemd manager for a unit of our own. sd-bus is loaded from libsystemd when it is first
// needed: a machine without systemd never loads it, and needs no libsystemd.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/result.h"

namespace jobward::host {

enum class Manager { user, system };

// One connection. Used by one thread. Every call is bounded to kBusPatience.
class SystemdBus {
 public:
  static Result<SystemdBus> connect(Manager manager);
  SystemdBus(SystemdBus&&) noexcept;
  SystemdBus& operator=(SystemdBus&&) noexcept;
  SystemdBus(const SystemdBus&) = delete;
  SystemdBus& operator=(const SystemdBus&) = delete;
  ~SystemdBus();

  // Is there a libsystemd?
  static Status available();
  // Asks for the transient scope NAME (Delegate=yes: what is below it is ours), into which this
  // process is moved. It is stopped together with the unit `part_of`, if that is not empty. Does
  // not wait for systemd.
  Status request_scope(const std::string& name, const std::string& slice,
                       const std::string& description, const std::string& part_of);
  // Waits until the scope that was asked for is there and we are in it.
  Status await_scope();
  // Returns when systemd has begun to.
  Status stop_unit(const std::string& name);
  // MemoryMax= of a slice, until the next boot.
  Status set_memory_max(const std::string& slice, std::uint64_t bytes);

 private:
  struct Connection;
  explicit SystemdBus(std::unique_ptr<Connection> connection);
  Result<std::string> call(void* request);
  std::unique_ptr<Connection> connection_;
};

// Was this machine booted by systemd (sd_booted(3))?
bool booted_by_systemd();

}  // namespace jobward::host
