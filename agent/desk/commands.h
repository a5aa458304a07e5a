// The subcommands for agents; each gets the words after its name and returns the exit status.
#pragma once

#include "cli/arguments.h"

namespace jobward::desk {

int mcp_command(const cli::Arguments& arguments);
int hook_command(const cli::Arguments& arguments);
int install_command(const cli::Arguments& arguments);
int uninstall_command(const cli::Arguments& arguments);

}  // namespace jobward::desk
