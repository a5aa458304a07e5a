#include "host/backends/drain.h"

#include <fcntl.h>
#include <signal.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::host;
using test::Child;
using Pids = std::vector<int>;

namespace {

constexpr int kNoSuchPid = 4194305;  // above PID_MAX_LIMIT

Pids living(const std::vector<Child*>& children) {
  Pids pids;
  for (auto* child : children)
    if (!child->ended()) pids.push_back(child->pid());
  return pids;
}

ListProcesses always(const Pids& pids) {
  return [pids]() -> Result<Pids> { return pids; };
}

// What the kernel does at once: only children that are not reaped yet.
Status kill_all(const Pids& pids) {
  for (const int pid : pids)
    if (pid <= 0 || ::kill(pid, SIGKILL) != 0) return errno_error("kill", std::to_string(pid));
  return {};
}

// Children of which each ends by itself as soon as the one before it has ended.
class Chain {
 public:
  explicit Chain(int length) {
    for (int i = 0; i < length; ++i) {
      auto before = std::move(last_);
      last_ = test::make_pipe(O_CLOEXEC);
      links_.push_back(std::make_unique<Child>([&](const auto& notify) {
        last_.reader.reset();  // its writer is ours alone once the parent has let go of it
        before.writer.reset();
        notify(0);
        if (!before.reader) return;
        while (!test::readable(before.reader.get())) {
        }
        ::_exit(0);
      }));
      last_.writer.reset();
    }
  }
  [[nodiscard]] int first() const { return links_.front()->pid(); }
  Pids living() {
    Pids pids;
    for (auto& link : links_)
      if (!link->ended()) pids.push_back(link->pid());
    return pids;
  }

 private:
  test::Pipe last_;
  std::deque<std::unique_ptr<Child>> links_;
};

using Seconds = std::chrono::duration<double>;
std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }

}  // namespace

TEST_CASE("drain: Each process gets the signal and those that are gone are passed over") {
  Child first;
  Child second;
  const Pids pids{first.pid(), kNoSuchPid, second.pid()};
  CHECK(signal_members(always(pids), SIGTERM).value() == 3);
  CHECK(WTERMSIG(first.wait()) == SIGTERM);
  CHECK(WTERMSIG(second.wait()) == SIGTERM);
  CHECK(signal_members(always({}), SIGTERM).value() == 0);
}

TEST_CASE("drain: A zombie that nobody has reaped is no obstacle") {
  Child first;
  Child second;
  REQUIRE(first.send(SIGKILL));
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(first.pid()), &info, WEXITED | WNOWAIT) == 0);
  CHECK(signal_members(always({first.pid(), second.pid()}), SIGTERM));
  CHECK(WTERMSIG(second.wait()) == SIGTERM);
}

TEST_CASE("drain: A signal that cannot be sent is an error") {
  const Child child;
  CHECK_FALSE(signal_members(always({child.pid()}), 9999));
}

TEST_CASE("drain: A pid that is no member any more at the second look is not signalled") {
  Child member;
  Child stranger;
  bool looked = false;
  const auto list = [&]() -> Result<Pids> {
    return std::exchange(looked, true) ? Pids{member.pid()} : Pids{member.pid(), stranger.pid()};
  };
  CHECK(signal_members(list, SIGTERM));
  CHECK(WTERMSIG(member.wait()) == SIGTERM);
  // Sent after it would have been: had it got the first, it would not end by this one.
  REQUIRE(stranger.send(SIGKILL));
  CHECK(WTERMSIG(stranger.wait()) == SIGKILL);
}

TEST_CASE("drain: One that ends between the second look and the signal is passed over") {
  Child child;
  const int pid = child.pid();
  int looks = 0;
  const auto list = [&]() -> Result<Pids> {
    if (++looks == 2) {
      CHECK(child.send(SIGKILL));
      child.wait();
    }
    return Pids{pid};
  };
  CHECK(signal_members(list, SIGTERM).value() == 1);
}

TEST_CASE("drain: A list that cannot be read, at the first or the second look, is an error") {
  const Child child;
  for (const int good : {0, 1}) {
    int looks = 0;
    const auto list = [&]() -> Result<Pids> {
      if (looks++ == good) return error("list", "processes", "broken");
      return Pids{child.pid()};
    };
    const auto sent = signal_members(list, SIGKILL);
    REQUIRE_FALSE(sent);
    CHECK(sent.error().detail == "broken");
  }
}

TEST_CASE("drain: It kills until none is left and tells how many there were") {
  Child first;
  Child second;
  const auto list = [&]() -> Result<Pids> { return living({&first, &second}); };
  const auto drained = drain(list, [&] { return kill_all(living({&first, &second})); });
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
  const auto kill = [&] { return kill_all(living({seen_late ? &late : &first})); };
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
  const auto in_vain = [] { return Status{}; };
  CHECK(drain(no_list, in_vain).error().detail == "broken");
  auto waiting = std::async(std::launch::async, [&] { return drain(list, in_vain); });
  CHECK(drain(list, no_kill).error().detail == "forbidden");
  const auto survived = waiting.get();
  REQUIRE_FALSE(survived);
  CHECK_THAT(survived.error().message(),
             Catch::Contains("1 processes") && Catch::Contains(std::to_string(child.pid())));
}

TEST_CASE("drain: Many that end one after another are waited for, not listed again for each") {
  constexpr int kLength = 60;
  Chain chain(kLength);
  int lists = 0;
  const auto list = [&]() -> Result<Pids> {
    ++lists;
    return chain.living();
  };
  const auto begin = now();
  // Once: the others end by themselves.
  CHECK(drain(list, [&, killed = false]() mutable {
          return std::exchange(killed, true) ? Status() : kill_all({chain.first()});
        }).value() == kLength);
  // Usually 2; where the machine is busy, one more each 100 ms.
  CHECK(lists <= 3 + Seconds(now() - begin).count() / 0.1);
}

TEST_CASE("drain: It looks and kills again though none of those that it waits for has ended") {
  Child child;
  int kills = 0;
  const auto list = [&]() -> Result<Pids> { return living({&child}); };
  const auto kill = [&] { return ++kills < 3 ? Status{} : kill_all({child.pid()}); };
  const auto begin = now();
  CHECK(drain(list, kill).value() == 1);
  CHECK(kills == 3);
  CHECK(Seconds(now() - begin).count() < 5);
}

TEST_CASE("drain: One that leaves the list alive holds nobody up") {
  Child child;
  bool listed = false;
  const auto list = [&]() -> Result<Pids> {
    return std::exchange(listed, true) ? Pids{} : Pids{child.pid()};
  };
  const auto begin = now();
  CHECK(drain(list, [] { return Status{}; }).value() == 1);
  CHECK(Seconds(now() - begin).count() < 5);
  CHECK_FALSE(child.ended());
}

TEST_CASE("drain: The time until it looks again is for all together, not for each") {
  std::deque<Child> children(60);
  Pids pids;
  for (const auto& child : children)
    pids.push_back(child.pid());
  bool listed = false;
  const auto list = [&]() -> Result<Pids> { return std::exchange(listed, true) ? Pids{} : pids; };
  const auto begin = now();
  CHECK(drain(list, [] { return Status{}; }).value() == 60);
  CHECK(Seconds(now() - begin).count() < 3);  // 100 ms for each would be 6 s
}

TEST_CASE("drain: A listed process that is gone by now is not waited for") {
  int lists = 0;
  const auto list = [&]() -> Result<Pids> { return ++lists < 3 ? Pids{kNoSuchPid} : Pids{}; };
  CHECK(drain(list, [] { return Status{}; }).value() == 1);
  CHECK(lists == 3);
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
