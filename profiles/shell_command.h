// The text of `sh -c` where it is so simple that the shell does not matter. Private to profiles/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobward::profiles {

// The words of a shell text that is one simple command, with its quotes undone and its redirections
// and leading assignments dropped. $NAME, globs and ~ stay as they are written. Absent for
// everything whose words a shell would have to work out or that runs more than one thing: lists,
// pipes, background, command substitution, positional parameters, keywords and builtins, and for
// text that is not closed.
std::optional<std::vector<std::string>> simple_command(std::string_view text);

// NAME=value, as a shell, env or sudo takes it before a command.
bool is_assignment(std::string_view word);

}  // namespace jobward::profiles
