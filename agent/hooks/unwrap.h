// Programs that only start another one, looked through on the way to what a command line really
// runs. Private to hooks/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jobward::hooks {

using Words = std::vector<std::string>;

// What is behind one wrapper.
struct Unwrapped {
  enum class Kind {
    none,      // it is no wrapper, or there is nothing behind it
    command,   // `words`
    text,      // `text`, for a shell
    elsewhere  // it runs on another machine
  };
  Kind kind = Kind::none;
  Words words;
  std::string text;
  bool many = false;      // several at once, or again and again (xargs -P, watch)
  bool outlives = false;  // it goes on after the wrapper has ended (tmux, screen -d, setsid -f)
};
Unwrapped unwrap(const Words& words);

// The last part of a path.
std::string_view program_of(std::string_view word);

// Is `word` one of those in `list`, which are separated by blanks?
bool is_listed(std::string_view list, std::string_view word);

// The first word at or after `at` that is no option; options in `values` (without dashes) take the
// next word. words.size() if there is none.
std::size_t next_operand(const Words& words, std::size_t at, std::string_view values);

}  // namespace jobward::hooks
