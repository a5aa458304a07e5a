// The commands in a text that is meant for a shell, as far as they can be told without running it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jobward::hooks {

// One command with its words, quotes undone, leading assignments and redirections left out. What a
// shell would have to work out ($NAME, globs, ~) stays as it is written.
struct ShellCommand {
  std::vector<std::string> words;     // may be empty: assignments or redirections only
  std::vector<std::string> assigned;  // the names of leading assignments
  // In a subshell, a pipe, a substitution or the background: what it changes ends with it.
  bool apart = false;
  bool fed = false;  // by a pipe, or a file on its standard input
  bool in_background = false;
  std::string function;   // in the body of this one, which only defines it; empty: in none
  std::string here_text;  // of its here-documents and here-strings
};

struct ShellText {
  std::vector<ShellCommand> commands;  // in the order in which they begin
  std::vector<std::string> functions;  // those that it defines
  // A quote, a bracket or a here-document is not closed, or it is nested deeper than is looked at.
  bool unfinished = false;
};

// Deeper is not looked at: substitutions in substitutions, `bash -c` in `bash -c`.
inline constexpr int kDeepestShell = 16;

// Never fails. Reads in one pass: linear in the length of the text.
ShellText read_shell(std::string_view text);

// NAME=value, NAME+=value, NAME[i]=value.
bool is_shell_assignment(std::string_view word);

}  // namespace jobward::hooks
