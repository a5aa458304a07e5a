// What root may do anyway cannot be tested as root: such a test runs as somebody else.
#pragma once

#include <grp.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <optional>
#include <stdexcept>

#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"

namespace jobward::test {

// Runs `body` in a child without any privilege, to whom the directory belongs, and returns its
// answer (not negative). Absent, with a warning, where root may not become another user.
inline std::optional<int> as_ordinary_user(const TemporaryDirectory& own,
                                           const std::function<int()>& body) {
  constexpr uid_t kNobody = 65534;
  constexpr int kCannot = -1;
  const bool is_root = ::geteuid() == 0;
  if (is_root && ::chown(own.path().c_str(), kNobody, kNobody) != 0)
    throw std::runtime_error("cannot give " + own.path() + " away");
  const pid_t parent = ::getpid();
  const Child child([&](const Child::Notify& notify) {
    if (is_root &&
        (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0))
      return notify(kCannot);
    Child::die_with(parent);  // a change of user has undone it
    notify(body());
  });
  if (child.reported() != kCannot) return child.reported();
  WARN("root may not become another user here: what an ordinary user may do is not tested");
  return std::nullopt;
}

}  // namespace jobward::test
