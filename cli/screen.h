// The terminal while a live picture is on it.
#pragma once

#include <termios.h>

#include <cstddef>
#include <optional>
#include <string>

#include "common/fd.h"
#include "common/result.h"

namespace jobward::cli {

// A text cut to a window of so many columns (characters) and lines; the last line says how many
// there is no room for. 0: no bound.
std::string fitted(const std::string& text, std::size_t columns, std::size_t lines);

// From open() to its end keys come at once and are not echoed, and the picture is on the terminal's
// second page: afterwards all is as it was. Signals that would end or stop the process are held
// until it has been tidied up. stdout must be a terminal; if stdin is none, no keys come.
class Screen {
 public:
  static Result<Screen> open();
  Screen(Screen&& other) noexcept;
  Screen& operator=(Screen&&) = delete;
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen();

  // Replaces the picture; false: the terminal is gone.
  bool show(const std::string& text) const;
  // At most so long; false: the user, or a signal, ends it.
  bool wait(double seconds);
  // The signal that ended it; 0: none. The caller dies of it when the screen is closed.
  [[nodiscard]] int signal() const { return signal_; }

 private:
  explicit Screen(Fd signals) : signals_(std::move(signals)) {}
  void enter();
  void leave();
  bool take_signals();

  Fd signals_;
  std::optional<termios> before_;  // of stdin; absent: it is no terminal
  bool entered_ = false;
  int signal_ = 0;
};

}  // namespace jobward::cli
