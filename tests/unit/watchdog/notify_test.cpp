#include "watchdog/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::test;
using namespace jobward::watchdog;

namespace {

// systemd's side of it.
class Manager {
 public:
  explicit Manager(const char* interval)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = directory_.path("notify");
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    if (interval != nullptr) ::setenv("WATCHDOG_USEC", interval, 1);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager() {
    for (const auto* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
      ::unsetenv(name);
  }
  // Empty: nothing has come.
  [[nodiscard]] std::string heard(int timeout_ms = 0) const {
    std::string out(256, '\0');
    const ssize_t got =
        readable(socket_.get(), timeout_ms) ? ::read(socket_.get(), out.data(), out.size()) : 0;
    out.resize(static_cast<std::size_t>(got > 0 ? got : 0));
    return out;
  }

 private:
  TemporaryDirectory directory_;
  Fd socket_;
};

}  // namespace

TEST_CASE("notify: Signs of life go out as long as systemd waits for them") {
  const Manager manager("400000");
  auto notify = Notify::from_environment();
  CHECK(notify.tick_seconds() == Approx(0.2));
  for (int i = 0; i < 3; ++i)
    CHECK(eventually([&] {
      notify.beat();
      return manager.heard() == "WATCHDOG=1";
    }));
}

TEST_CASE("notify: There are no more signs of life than systemd needs") {
  const Manager manager("400000000");
  auto notify = Notify::from_environment();
  notify.beat();
  CHECK(manager.heard() == "WATCHDOG=1");
  notify.beat();
  CHECK(manager.heard().empty());
}

TEST_CASE("notify: Who wants no signs of life gets none") {
  const Manager manager(nullptr);
  auto notify = Notify::from_environment();
  notify.tell("READY=1");
  CHECK(manager.heard() == "READY=1");
  notify.beat();
  CHECK(manager.heard().empty());
}

TEST_CASE("notify: Signs of life that another process is asked for are not ours") {
  const Manager manager("400000");
  ::setenv("WATCHDOG_PID", "1", 1);
  auto notify = Notify::from_environment();
  notify.beat();
  CHECK(manager.heard().empty());
}

TEST_CASE("notify: Without systemd nothing happens") {
  auto notify = Notify::from_environment();
  notify.tell("READY=1");
  notify.beat();
  CHECK(notify.tick_seconds() == 0);
}
