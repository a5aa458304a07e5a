// Running another program to its end: argv, no shell.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"

namespace jobward::cli {

struct ProgramEnd {
  int status = 0;  // its exit status, or 128 + the signal that ended it
  std::string output;
  std::string errors;
};

// With our own standard streams. `argv[0]`: a path, or a name that is looked for in PATH. An error:
// it could not be started.
Result<int> run_program(const std::vector<std::string>& argv);

// With `input` as its standard input; what it writes is returned.
Result<ProgramEnd> ask_program(const std::vector<std::string>& argv, const std::string& input);

// Without input; what it writes to standard output is returned, its errors go where ours go.
// Signals that we hold back reach it: one of those that would end us ends it.
Result<ProgramEnd> ask_program_aloud(const std::vector<std::string>& argv);

// This very program, to be started, also where its file was replaced or removed meanwhile.
inline constexpr const char* kOwnProgram = "/proc/self/exe";
// The absolute path of this executable.
Result<std::string> own_executable();

}  // namespace jobward::cli
