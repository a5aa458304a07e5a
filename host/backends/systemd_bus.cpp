#include "host/backends/systemd_bus.h"

#include <dlfcn.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <utility>

namespace jobward::host {
namespace {

// For each of the two or three calls of a run, during which it answers to no signal.
constexpr auto kBusPatience = std::chrono::seconds(5);
// For the answer to what was sent ahead: it may lie there unread as long as the run waits for room,
// and sd-bus would take it for one that never came. work_until() has its own bound.
constexpr std::uint64_t kNoTimeout = UINT64_MAX;
constexpr const char* kDestination = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kInterface = "org.freedesktop.systemd1.Manager";

std::uint64_t microseconds(std::chrono::steady_clock::duration time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

// The functions of libsystemd that are used here, found by name.
struct Library {
  decltype(&sd_bus_open_user) open_user = nullptr;
  decltype(&sd_bus_open_system) open_system = nullptr;
  decltype(&sd_bus_new) create = nullptr;
  decltype(&sd_bus_set_address) set_address = nullptr;
  decltype(&sd_bus_start) start = nullptr;
  decltype(&sd_bus_flush_close_unref) close = nullptr;
  decltype(&sd_bus_message_new_method_call) new_call = nullptr;
  decltype(&sd_bus_message_append) append = nullptr;
  decltype(&sd_bus_message_read) read = nullptr;
  decltype(&sd_bus_message_unref) unref = nullptr;
  decltype(&sd_bus_call) call = nullptr;
  decltype(&sd_bus_call_async) call_async = nullptr;
  decltype(&sd_bus_message_get_error) error_of = nullptr;
  decltype(&sd_bus_match_signal) match_signal = nullptr;
  decltype(&sd_bus_process) process = nullptr;
  decltype(&sd_bus_wait) wait = nullptr;
  decltype(&sd_bus_is_ready) is_ready = nullptr;
  decltype(&sd_bus_error_free) free_error = nullptr;
};

Result<const Library*> library() {
  static Library loaded;
  static std::string problem;
  static const bool ready = [] {
    // Never closed again: it would have to outlive every connection.
    void* handle = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      problem = ::dlerror();
      return false;
    }
    const auto find = [&](auto& function, const char* name) {
      function =
          reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(handle, name));
      if (function == nullptr) problem = std::string("it has no ") + name;
      return function != nullptr;
    };
    return find(loaded.open_user, "sd_bus_open_user") &&
           find(loaded.open_system, "sd_bus_open_system") && find(loaded.create, "sd_bus_new") &&
           find(loaded.set_address, "sd_bus_set_address") && find(loaded.start, "sd_bus_start") &&
           find(loaded.close, "sd_bus_flush_close_unref") &&
           find(loaded.new_call, "sd_bus_message_new_method_call") &&
           find(loaded.append, "sd_bus_message_append") &&
           find(loaded.read, "sd_bus_message_read") && find(loaded.unref, "sd_bus_message_unref") &&
           find(loaded.call, "sd_bus_call") && find(loaded.call_async, "sd_bus_call_async") &&
           find(loaded.error_of, "sd_bus_message_get_error") &&
           find(loaded.match_signal, "sd_bus_match_signal") &&
           find(loaded.process, "sd_bus_process") && find(loaded.wait, "sd_bus_wait") &&
           find(loaded.is_ready, "sd_bus_is_ready") && find(loaded.free_error, "sd_bus_error_free");
  }();
  if (!ready) return error("load", "libsystemd.so.0", problem);
  return &loaded;
}

tl::unexpected<Error> bus_error(const char* operation, const std::string& object, int code) {
  return errno_error(operation, object, -code);
}

// The last job of systemd's that ended since we began to listen, and how.
struct EndedJob {
  std::string path;
  std::string result;
};

// What systemd answered with: that of sd_bus_call(), or that of an answer that came later.
Error refusal(const sd_bus_error* failure, int code) {
  const std::string name = failure != nullptr && failure->name != nullptr ? failure->name : "";
  const std::string text =
      failure != nullptr && failure->message != nullptr ? failure->message : std::strerror(-code);
  return {"ask", "systemd", -code, text + (name.empty() ? "" : " (" + name + ")"), {}};
}

}  // namespace

struct SystemdBus::Connection {
  const Library* library = nullptr;
  sd_bus* bus = nullptr;
  std::string scope;                          // that was asked for
  std::optional<Result<std::string>> answer;  // to that: the job that makes it
  std::optional<EndedJob> ended;

  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (bus != nullptr) library->close(bus);
  }

  // The manager's own socket, as systemctl(1) uses it: no bus daemon in between, and it is there
  // without a session bus (cron). Where it is not, the bus answers the same.
  bool open_private(Manager manager) {
    const std::string path = manager == Manager::system
                                 ? "/run/systemd/private"
                                 : "/run/user/" + std::to_string(::geteuid()) + "/systemd/private";
    if (::access(path.c_str(), W_OK) != 0 || library->create(&bus) < 0) return false;
    if (library->set_address(bus, ("unix:path=" + path).c_str()) >= 0 && library->start(bus) >= 0)
      return true;
    library->close(std::exchange(bus, nullptr));
    return false;
  }
  int open_bus(Manager manager) {
    return manager == Manager::user ? library->open_user(&bus) : library->open_system(&bus);
  }

  // Works on the connection until something holds.
  template <typename Condition>
  Status work_until(const Condition& holds) {
    const auto deadline = std::chrono::steady_clock::now() + kBusPatience;
    while (!holds()) {
      const int handled = library->process(bus, nullptr);
      if (handled < 0) return bus_error("wait for", "systemd", handled);
      if (handled > 0 || holds()) continue;
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left.count() <= 0) return error("wait for", "systemd", "no answer in 5 s");
      const int waited = library->wait(bus, microseconds(left));
      if (waited < 0 && waited != -EINTR) return bus_error("wait for", "systemd", waited);
    }
    return {};
  }

  // JobRemoved(u id, o job, s unit, s result). We have at most one job at a time, but hear of all.
  static int job_removed(sd_bus_message* message, void* self, sd_bus_error*) {
    auto* connection = static_cast<Connection*>(self);
    std::uint32_t id = 0;
    const char* path = nullptr;
    const char* unit = nullptr;
    const char* result = nullptr;
    if (connection->library->read(message, "uoss", &id, &path, &unit, &result) >= 0)
      connection->ended = EndedJob{path, result};
    return 0;
  }
  static int scope_answered(sd_bus_message* message, void* self, sd_bus_error*) {
    auto* connection = static_cast<Connection*>(self);
    const char* job = nullptr;
    if (const auto* failure = connection->library->error_of(message); failure != nullptr)
      connection->answer = tl::unexpected(refusal(failure, -EIO));
    else if (const int read = connection->library->read(message, "o", &job); read < 0)
      connection->answer = tl::unexpected(refusal(nullptr, read));
    else
      connection->answer = std::string(job);
    return 0;
  }
  [[nodiscard]] bool scope_is_done() const {
    return answer && (!*answer || (ended && ended->path == **answer));
  }
};

SystemdBus::SystemdBus(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}
SystemdBus::SystemdBus(SystemdBus&&) noexcept = default;
SystemdBus& SystemdBus::operator=(SystemdBus&&) noexcept = default;
SystemdBus::~SystemdBus() = default;

Result<SystemdBus> SystemdBus::connect(Manager manager) {
  auto functions = library();
  if (!functions) return tl::unexpected(std::move(functions).error());
  auto connection = std::make_unique<Connection>();
  connection->library = *functions;
  const bool direct = connection->open_private(manager);
  if (!direct)
    if (const int opened = connection->open_bus(manager); opened < 0)
      return bus_error("connect to",
                       manager == Manager::user ? "the bus of the user manager" : "the system bus",
                       opened);
  // Without a bus in between no message has a sender.
  const int listening = connection->library->match_signal(
      connection->bus, nullptr, direct ? nullptr : kDestination, kPath, kInterface, "JobRemoved",
      &Connection::job_removed, connection.get());
  if (listening < 0) return bus_error("listen to", "systemd", listening);
  return SystemdBus(std::move(connection));
}

// Sends the request and drops it; the answer is the path of the job that does the work.
Result<std::string> SystemdBus::call(void* request) {
  const Library& lib = *connection_->library;
  auto* message = static_cast<sd_bus_message*>(request);
  sd_bus_error failure{};  // SD_BUS_ERROR_NULL, which is no C++
  sd_bus_message* reply = nullptr;
  const int done =
      lib.call(connection_->bus, message, microseconds(kBusPatience), &failure, &reply);
  lib.unref(message);
  if (done < 0) {
    auto refused = refusal(&failure, done);
    lib.free_error(&failure);
    return tl::unexpected(std::move(refused));
  }
  const char* job = nullptr;
  std::string path;
  if (lib.read(reply, "o", &job) >= 0) path = job;
  lib.unref(reply);
  return path;
}

Status SystemdBus::await_scope() {
  auto done = connection_->work_until([this] { return connection_->scope_is_done(); });
  if (!done) return rethrow(std::move(done).error(), "scope " + connection_->scope);
  if (!*connection_->answer)
    return rethrow(std::move(*connection_->answer).error(), "scope " + connection_->scope);
  if (connection_->ended->result != "done")
    return error("start", "scope " + connection_->scope,
                 "its job of systemd's ended with \"" + connection_->ended->result + "\"");
  return {};
}

Status SystemdBus::available() {
  auto loaded = library();
  if (!loaded) return tl::unexpected(std::move(loaded).error());
  return {};
}

Status SystemdBus::request_scope(const std::string& name, const std::string& slice,
                                 const std::string& description, const std::string& part_of) {
  const Library& lib = *connection_->library;
  connection_->scope = name;
  // Before, sd-bus would only queue the request.
  auto ready = connection_->work_until([&] { return lib.is_ready(connection_->bus) != 0; });
  if (!ready) return ready;
  sd_bus_message* message = nullptr;
  int built = lib.new_call(connection_->bus, &message, kDestination, kPath, kInterface,
                           "StartTransientUnit");
  const auto pid = static_cast<std::uint32_t>(::getpid());
  if (built >= 0 && part_of.empty())
    built = lib.append(message, "ssa(sv)a(sa(sv))", name.c_str(), "fail", 6,  //
                       "Description", "s", description.c_str(),               //
                       "Slice", "s", slice.c_str(), "Delegate", "b", 1,       //
                       "TasksMax", "t", UINT64_MAX,                           //
                       "CollectMode", "s", "inactive-or-failed",              //
                       "PIDs", "au", 1, pid, 0);
  else if (built >= 0)
    built = lib.append(message, "ssa(sv)a(sa(sv))", name.c_str(), "fail", 7,  //
                       "Description", "s", description.c_str(),               //
                       "Slice", "s", slice.c_str(), "Delegate", "b", 1,       //
                       "TasksMax", "t", UINT64_MAX,                           //
                       "CollectMode", "s", "inactive-or-failed",              //
                       "PartOf", "as", 1, part_of.c_str(),                    //
                       "PIDs", "au", 1, pid, 0);
  if (built >= 0)
    built = lib.call_async(connection_->bus, nullptr, message, &Connection::scope_answered,
                           connection_.get(), kNoTimeout);
  lib.unref(message);
  if (built < 0) return bus_error("send", "a request to systemd", built);
  return {};
}

Status SystemdBus::stop_unit(const std::string& name) {
  sd_bus_message* message = nullptr;
  const Library& lib = *connection_->library;
  int built = lib.new_call(connection_->bus, &message, kDestination, kPath, kInterface, "StopUnit");
  if (built >= 0) built = lib.append(message, "ss", name.c_str(), "fail");
  if (built < 0) {
    lib.unref(message);
    return bus_error("build", "a request to systemd", built);
  }
  auto done = call(message);
  if (!done) return rethrow(std::move(done).error(), "stop " + name);
  return {};
}

Status SystemdBus::set_memory_max(const std::string& slice, std::uint64_t bytes) {
  const Library& lib = *connection_->library;
  sd_bus_message* message = nullptr;
  int built = lib.new_call(connection_->bus, &message, kDestination, kPath, kInterface,
                           "SetUnitProperties");
  if (built >= 0)
    built = lib.append(message, "sba(sv)", slice.c_str(), 1, 1, "MemoryMax", "t", bytes);
  if (built < 0) {
    lib.unref(message);
    return bus_error("build", "a request to systemd", built);
  }
  auto done = call(message);
  if (!done) return rethrow(std::move(done).error(), "slice " + slice);
  return {};
}

bool booted_by_systemd() { return ::access("/run/systemd/system", F_OK) == 0; }

}  // namespace jobward::host
