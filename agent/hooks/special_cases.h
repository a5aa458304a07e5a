// Programs of which no list of words tells whether they are heavy. Private to hooks/.
#pragma once

#include <optional>
#include <string>

#include "agent/hooks/shell_text.h"
#include "agent/hooks/unwrap.h"
#include "profiles/file_probe.h"

namespace jobward::hooks {

// One command, its wrappers gone.
struct Plain {
  const Words& words;
  std::string_view name;  // of the program, without its path
  const ShellCommand& in;
  const std::string& cwd;
  const profiles::FileProbe& files;
  bool many = false;  // it is started for many files, which are not named
};

// Absent: this program is no special case. Empty: it is light. Else what it does.
std::optional<std::string> special_case(const Plain& command);

// Those that read or write large files.
std::optional<std::string> file_case(const Plain& command);

// Does a script or program of this name look heavy? `train_ddp.py`, `run-benchmarks.sh`.
bool has_heavy_name(std::string_view path);

// Does program text look heavy?
bool is_heavy_code(std::string_view text);

// -m NAME among Python's own options, also in a cluster (-um NAME, -mNAME).
struct Module {
  std::string name;
  std::size_t next = 0;  // the first word behind it
};
std::optional<Module> module_of(const Words& words);

// Together, bytes; absent: none of the operands is there.
std::optional<double> bytes_of_operands(const Plain& command);

inline constexpr double kLargeFileBytes = 128.0 * 1024 * 1024;

}  // namespace jobward::hooks
