// The command line, before any option is understood.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"

namespace CLI {
class App;
}

namespace jobward::cli {

// What stands before the first "--", and the command after it, byte for byte.
struct Arguments {
  std::vector<std::string> options;
  std::optional<std::vector<std::string>> command;
};
Arguments split_arguments(int argc, char** argv);

// What --help shows after "usage:".
void set_usage(CLI::App& app, const std::string& usage);
// Options under a heading of their own.
CLI::App& add_group(CLI::App& app, const std::string& heading);

// Lets the parser read the options. Absent: go on. A number: --help was answered (0), or the usage
// is wrong: a message is on stderr, and the number is `usage_status`.
std::optional<int> parse_options(CLI::App& app, std::vector<std::string> options, int usage_status);

// Prints "jobward: COMMAND: MESSAGE" to stderr and returns status: what went wrong was not the
// command line.
int failure(const std::string& command, const std::string& message, int status);

// The same, with a pointer to --help. Prints "jobward COMMAND: MESSAGE" to stderr and returns
// status.
int usage_error(const std::string& command, const std::string& message, int status);

}  // namespace jobward::cli
