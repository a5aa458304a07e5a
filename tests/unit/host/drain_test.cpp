#include "host/backends/drain.h"

#include <signal.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::host;
using test::Child;
using Pids = std::vector<int>;

namespace {

constexpr int kNoSuchPid = 4194305;  // above PID_MAX_LIMIT

Pids living(std::vector<Child*> children) {
  Pids pids;
  for (auto* child : children)
    if (!child->ended()) pids.push_back(child->pid());
  return pids;
}

}  // namespace

TEST_CASE("drain: Each process gets the signal and those that are gone are passed over") {
  Child first;
  Child second;
  REQUIRE(signal_each({first.pid(), kNoSuchPid, second.pid()}, SIGTERM));
  CHECK(WTERMSIG(first.wait()) == SIGTERM);
  CHECK(WTERMSIG(second.wait()) == SIGTERM);
  CHECK(signal_each({}, SIGTERM));
}

TEST_CASE("drain: A zombie that nobody has reaped is no obstacle") {
  Child first;
  Child second;
  REQUIRE(::kill(first.pid(), SIGKILL) == 0);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(first.pid()), &info, WEXITED | WNOWAIT) == 0);
  CHECK(signal_each({first.pid(), second.pid()}, SIGTERM));
  CHECK(WTERMSIG(second.wait()) == SIGTERM);
}

TEST_CASE("drain: A signal that cannot be sent is an error") {
  const Child child;
  CHECK_FALSE(signal_each({child.pid()}, 9999));
}

TEST_CASE("drain: It kills until none is left and tells how many there were") {
  Child first;
  Child second;
  const auto list = [&]() -> Result<Pids> { return living({&first, &second}); };
  const auto drained = drain(list, [&] { return signal_each(living({&first, &second}), SIGKILL); });
  REQUIRE(drained);
  CHECK(*drained == 2);
  CHECK(living({&first, &second}).empty());
}

TEST_CASE("drain: One that appears meanwhile is killed too") {
  Child first;
  Child late;
  bool seen_late = false;
  const auto list = [&]() -> Result<Pids> {
    auto pids = living({&first});
    if (!pids.empty()) return pids;
    seen_late = true;
    return living({&late});
  };
  const auto kill = [&] { return signal_each(living({seen_late ? &late : &first}), SIGKILL); };
  CHECK(drain(list, kill).value() == 1);
  CHECK(late.ended());
}

TEST_CASE("drain: With nobody there it kills nobody") {
  int kills = 0;
  const auto kill = [&]() -> Status {
    ++kills;
    return {};
  };
  CHECK(drain([]() -> Result<Pids> { return Pids{}; }, kill).value() == 0);
  CHECK(kills == 0);
}

TEST_CASE("drain: A list that cannot be read and a kill that fails are errors") {
  const Child child;
  const auto list = [&]() -> Result<Pids> { return Pids{child.pid()}; };
  const auto no_list = []() -> Result<Pids> { return error("list", "processes", "broken"); };
  const auto no_kill = []() -> Status { return error("kill", "processes", "forbidden"); };
  CHECK(drain(no_list, [] { return Status{}; }).error().detail == "broken");
  CHECK(drain(list, no_kill).error().detail == "forbidden");
}

TEST_CASE("drain: An empty directory is removed and one that is gone is fine") {
  const test::TemporaryDirectory tmp;
  tmp.make_directory("run/job/main");
  const auto parent = CgroupDir::open(tmp.path());
  REQUIRE(parent);
  CHECK(remove_drained(*parent, "run"));
  CHECK(parent->children().empty());
  CHECK(remove_drained(*parent, "run"));
}

TEST_CASE("drain: A directory that will never be empty is an error") {
  const test::TemporaryDirectory tmp;
  tmp.write("run/file", "");
  const auto parent = CgroupDir::open(tmp.path());
  REQUIRE(parent);
  CHECK_FALSE(remove_drained(*parent, "run"));
}
