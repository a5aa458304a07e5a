#include "watchdog/outlet.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <future>
#include <string>

#include "common/files.h"
#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::test;
using namespace jobward::watchdog;

namespace {

constexpr std::size_t kPage = 4096;

// Of one page.
Pipe small_pipe() {
  auto out = make_pipe(O_CLOEXEC);
  REQUIRE(::fcntl(out.writer.get(), F_SETPIPE_SZ, kPage) == kPage);
  return out;
}

std::string take(int fd, std::size_t most = 1U << 16U) {
  std::string out(most, '\0');
  const ssize_t got = readable(fd) ? ::read(fd, out.data(), out.size()) : 0;
  out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return out;
}

// Fails where the line waits for a reader; then `reader` is emptied until it is written.
bool line_now(Outlet& outlet, const std::string& text, int reader) {
  auto done = std::async(std::launch::async, [&] { return outlet.line(text); });
  const bool in_time =
      done.wait_for(std::chrono::milliseconds(kPatienceMs)) == std::future_status::ready;
  CHECK(in_time);
  while (done.wait_for(std::chrono::milliseconds(0)) != std::future_status::ready)
    take(reader);
  return done.get();
}

}  // namespace

TEST_CASE("outlet: A pipe that nobody reads holds nothing up, and what follows is whole") {
  const auto pipe = small_pipe();
  Outlet outlet(pipe.writer.get());
  const std::string line(100, 'a');
  int written = 0;
  while (line_now(outlet, line, pipe.reader.get()))
    ++written;
  CHECK(written > 0);
  CHECK(written <= static_cast<int>(kPage / line.size()));
  CHECK_FALSE(line_now(outlet, line, pipe.reader.get()));
  std::string all;
  for (int i = 0; i < written; ++i)
    all += line + "\n";
  CHECK(take(pipe.reader.get()) == all);
  CHECK(outlet.line("again"));
  CHECK(take(pipe.reader.get()) == "again\n");
}

TEST_CASE("outlet: After a line that was cut the next begins on its own") {
  const auto pipe = small_pipe();
  Outlet outlet(pipe.writer.get());
  CHECK_FALSE(line_now(outlet, std::string(3 * kPage, 'a'), pipe.reader.get()));
  CHECK(take(pipe.reader.get()) == std::string(kPage, 'a'));
  CHECK(outlet.line("next"));
  CHECK(take(pipe.reader.get()) == "\nnext\n");
}

TEST_CASE("outlet: A reader that is there gets all of a line longer than the pipe") {
  const std::string line(3 * kPage, 'a');
  // Where the machine is busy, the reader may not get to run within the writer's patience.
  const auto gets_all = [&] {
    auto pipe = small_pipe();
    auto reading = std::async(std::launch::async, [&] {
      std::string out;
      for (std::string part; !(part = take(pipe.reader.get())).empty();)
        out += part;
      return out;
    });
    const auto begin = std::chrono::steady_clock::now();
    const bool taken = Outlet(pipe.writer.get()).line(line);
    const auto waited = std::chrono::steady_clock::now() - begin;
    CHECK((taken || waited >= std::chrono::milliseconds(Outlet::kPatienceMs - 1)));
    pipe.writer.reset();
    const bool is_whole = reading.get() == line + "\n";
    CHECK(is_whole == taken);
    return taken;
  };
  bool done = false;
  for (int i = 0; i < 50 && !done; ++i)
    done = gets_all();
  CHECK(done);
}

TEST_CASE("outlet: The descriptor stays as it was given") {
  const auto pipe = small_pipe();
  CHECK(Outlet(pipe.writer.get()).line("a"));
  CHECK((::fcntl(pipe.writer.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("outlet: A socket that nobody reads holds nothing up") {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  Outlet outlet(writer.get());
  const std::string line(10000, 'a');
  int written = 0;
  while (written < 10000 && line_now(outlet, line, reader.get()))
    ++written;
  CHECK(written < 10000);
  CHECK(take(reader.get(), line.size() + 1) == line + "\n");
}

TEST_CASE("outlet: A line is one message with its line feed") {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  CHECK(Outlet(writer.get()).line("one"));
  CHECK(take(reader.get()) == "one\n");
}

TEST_CASE("outlet: A file is written where it has come to") {
  const TemporaryDirectory dir;
  const std::string path = dir.write("log", "before\n");
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  REQUIRE(::lseek(file.get(), 0, SEEK_END) == 7);
  Outlet outlet(file.get());
  CHECK(outlet.line("one"));
  CHECK(outlet.line("two"));
  CHECK(read_file(path).value() == "before\none\ntwo\n");
}

TEST_CASE("outlet: What is closed is no reason to stop") {
  Outlet outlet(-1);
  CHECK_FALSE(outlet.line("a"));
}
