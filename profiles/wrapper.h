// Programs that only start another one: env, nice, sudo, timeout, `uv run`, `conda run`, ….
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace jobward::profiles {

// A command line on the way to what it really runs: words[first] is the program's name.
struct CommandLine {
  std::vector<std::string> words;
  std::size_t first = 0;
  std::string cwd;  // absolute; what a wrapper's option for it says is taken from there

  [[nodiscard]] const std::string& name() const { return words[first]; }
  [[nodiscard]] std::vector<std::string> from(std::size_t index) const;
};

// One wrapper further. False, and nothing changed: it is none, or starts nothing (`command -v`).
// There is a word at `first`.
bool look_through_wrapper(CommandLine& command);

}  // namespace jobward::profiles
