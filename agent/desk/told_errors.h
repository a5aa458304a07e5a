// What a subcommand has said on stderr, for whoever has called a tool: without our own name,
// without pointers to --help, and with the names of arguments in the place of options.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/desk/program_call.h"

namespace jobward::desk {

// {option, argument}; the longer one first where one begins with another.
using ArgumentNames = std::vector<std::pair<std::string, std::string>>;

std::string told_errors(const ProgramEnd& end, const ArgumentNames& names = {});

}  // namespace jobward::desk
