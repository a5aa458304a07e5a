// Another process that takes turns with the test, for what only another process can show.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>
#include <utility>

#include "tests/support/child.h"

namespace jobward::test {

// Forks at once and runs `body` in the child; what it returns is the exit status. The child
// destroys nothing of the test's. The destructor lets the child go on and waits for its end.
class Partner {
 public:
  // The child's side.
  class Turn {
   public:
    Turn(int from_test, int to_test) : from_test_(from_test), to_test_(to_test) {}
    // Tells the test that the child has got this far.
    void tell() const {
      if (::write(to_test_, "x", 1) != 1) ::_exit(99);
    }
    // Until the test says so.
    void wait() const {
      char byte = 0;
      if (::read(from_test_, &byte, 1) < 0) ::_exit(99);
    }
    // Has the test not said so yet?
    [[nodiscard]] bool held() const { return !readable(from_test_, 0); }

   private:
    int from_test_;
    int to_test_;
  };

  explicit Partner(const std::function<int(const Turn&)>& body) {
    Pipe down = make_pipe(O_CLOEXEC);
    Pipe up = make_pipe(O_CLOEXEC);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("no fork");
    if (pid_ == 0) {
      Child::die_with(parent);
      down.writer.reset();
      up.reader.reset();
      ::_exit(body(Turn(down.reader.get(), up.writer.get())));
    }
    to_child_ = std::move(down.writer);
    from_child_ = std::move(up.reader);
  }
  Partner(const Partner&) = delete;
  Partner& operator=(const Partner&) = delete;
  ~Partner() { finish(); }

  // Until the child tells something; false if it ended without a word, or said none within the
  // bound.
  [[nodiscard]] bool await(int timeout_ms = kPatienceMs) const {
    char byte = 0;
    return readable(from_child_.get(), timeout_ms) && ::read(from_child_.get(), &byte, 1) == 1;
  }
  // Lets the child go on from wait().
  void release() { to_child_.reset(); }
  // Lets it go on and end; its exit status, or -1 if a signal ended it.
  int finish() {
    release();
    if (pid_ > 0) {
      int status = 0;
      ::waitpid(std::exchange(pid_, 0), &status, 0);
      exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    return exit_status_;
  }

 private:
  Fd to_child_;
  Fd from_child_;
  pid_t pid_ = 0;
  int exit_status_ = -1;
};

}  // namespace jobward::test
