#include "trust/passphrase.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "common/fd.h"
#include "common/files.h"
#include "common/text.h"
#include "trust/keys.h"

namespace jobward::trust {
namespace {

constexpr std::size_t kLongest = 4096;

// One line, without its end. Byte by byte: what follows is somebody else's.
Result<std::string> read_line(int fd, const std::string& name) {
  std::string out;
  while (out.size() < kLongest) {
    char c = 0;
    const ssize_t got = ::read(fd, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read", name);
    if (got == 0 || c == '\n') return out;
    out += c;
  }
  return error("read", name, "it is too long");
}

// The terminal without echo, as long as this lives.
class Silence {
 public:
  explicit Silence(int fd) : fd_(fd), known_(::tcgetattr(fd, &before_) == 0) {
    if (!known_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(fd_, TCSAFLUSH, &quiet);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() {
    if (known_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }

 private:
  int fd_;
  termios before_{};
  bool known_;
};

Result<std::string> ask_once(int terminal, const std::string& prompt) {
  JOBWARD_RETURN_IF_ERROR(write_all(terminal, prompt + ": ", "/dev/tty"));
  const Silence silence(terminal);
  auto line = read_line(terminal, "/dev/tty");
  static_cast<void>(write_all(terminal, "\n", "/dev/tty"));
  return line;
}

Result<std::string> from_descriptor(const std::string& text) {
  int fd = -1;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), fd);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size() || fd < 0)
    return error("use", "JOBWARD_PASSPHRASE_FD", "\"" + printable(text) + "\" is no descriptor");
  return read_line(fd, "descriptor " + text + " (JOBWARD_PASSPHRASE_FD)");
}

}  // namespace

Result<std::string> ask_passphrase(const std::string& prompt, bool twice,
                                   const std::optional<std::string>& fd_text) {
  Result<std::string> first;
  if (fd_text) {
    first = from_descriptor(*fd_text);
  } else {
    const Fd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
    if (!terminal)
      return error(
          "ask for", "the passphrase",
          "there is no terminal; JOBWARD_PASSPHRASE_FD can name a descriptor to read it from");
    first = ask_once(terminal.get(), prompt);
    if (first && twice) {
      auto second = ask_once(terminal.get(), "the same again");
      if (!second) return second;
      const bool equal = *first == *second;
      wipe(*second);
      if (!equal) return error("use", "the passphrase", "the two were not the same");
    }
  }
  if (first && first->empty()) return error("use", "the passphrase", "it is empty");
  return first;
}

}  // namespace jobward::trust
