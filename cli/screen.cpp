#include "cli/screen.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "common/files.h"
#include "common/text.h"

namespace jobward::cli {
namespace {

// xterm's: second page and back, cursor off and on.
constexpr const char* kEnter = "\x1b[?1049h\x1b[?25l";
constexpr const char* kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::array kHeld{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};

sigset_t held_signals() {
  sigset_t set{};
  sigemptyset(&set);
  for (const int number : kHeld)
    sigaddset(&set, number);
  return set;
}

bool put(const std::string& text) {
  return static_cast<bool>(write_all(STDOUT_FILENO, text, "the terminal"));
}

// UTF-8: a character begins with every byte that does not continue one.
std::string cut(std::string_view line, std::size_t columns) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < line.size(); ++i)
    if ((static_cast<unsigned char>(line[i]) & 0xc0U) != 0x80U && seen++ == columns)
      return std::string(line.substr(0, i));
  return std::string(line);
}

}  // namespace

std::string fitted(const std::string& text, std::size_t columns, std::size_t lines) {
  auto all = split(text, '\n');
  if (!all.empty() && all.back().empty()) all.pop_back();
  const bool all_fit = lines == 0 || all.size() <= lines;
  const std::size_t shown = all_fit ? all.size() : lines - 1;
  std::string out;
  for (std::size_t i = 0; i < shown; ++i)
    out += (columns == 0 ? std::string(all[i]) : cut(all[i], columns)) + "\n";
  if (!all_fit) out += "... " + std::to_string(all.size() - shown) + " more lines\n";
  return out;
}

Result<Screen> Screen::open() {
  const auto set = held_signals();
  Fd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return errno_error("watch", "signals");
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  Screen screen(std::move(signals));
  screen.enter();
  return screen;
}

Screen::Screen(Screen&& other) noexcept
    : signals_(std::move(other.signals_)),
      before_(std::exchange(other.before_, std::nullopt)),
      entered_(std::exchange(other.entered_, false)),
      signal_(other.signal_) {}

Screen::~Screen() { leave(); }

void Screen::enter() {
  termios now{};
  if (::tcgetattr(STDIN_FILENO, &now) == 0) {
    before_ = now;
    now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // Ctrl-C stays a signal
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
  }
  entered_ = true;
  put(kEnter);
}

void Screen::leave() {
  if (!std::exchange(entered_, false)) return;
  put(kLeave);
  if (before_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &*before_);
}

bool Screen::show(const std::string& text) const {
  winsize window{};
  ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window);
  // Line by line over the old picture, without the newline that would scroll a full window.
  std::string out = "\x1b[H";
  for (const char c : fitted(text, window.ws_col, window.ws_row)) {
    if (c == '\n') out += "\x1b[K";
    out += c;
  }
  if (out.back() == '\n') out.pop_back();
  return put(out + "\x1b[J");
}

bool Screen::take_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const int number = static_cast<int>(info.ssi_signo);
    if (number == SIGWINCH) continue;
    if (number != SIGTSTP) {
      signal_ = number;
      return false;
    }
    leave();
    ::raise(SIGSTOP);
    enter();
  }
  return true;
}

bool Screen::wait(double seconds) {
  std::array<pollfd, 2> sources{pollfd{signals_.get(), POLLIN, 0},
                                pollfd{before_ ? STDIN_FILENO : -1, POLLIN, 0}};
  const int found = ::poll(sources.data(), sources.size(), static_cast<int>(seconds * 1000));
  if (found <= 0) return found == 0 || errno == EINTR;
  if (sources[0].revents != 0) return take_signals();
  char key = 0;
  return ::read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 'Q';
}

}  // namespace jobward::cli
