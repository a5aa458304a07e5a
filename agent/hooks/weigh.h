// Is a shell command heavy, and what must be known of it before it is touched? Pure but for the
// sizes of files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "profiles/file_probe.h"

namespace jobward::hooks {

// What a configuration adds: globs over a command's words ("make *", "*/train.py*"), one blank
// between two words. What is listed as light is light whatever else says.
struct HeavyPatterns {
  std::vector<std::string> heavy;
  std::vector<std::string> light;
};

struct Weight {
  bool heavy = false;
  std::string what;               // "a test suite", "matches \"make *\" (FILE:LINE)"
  std::string part;               // the command in it that is heavy, its first words
  bool by_configuration = false;  // heavy or light: no experience overrules it
  // It changes the shell that runs it (cd, export, source …): in a shell of its own that is lost.
  std::string changes_shell;   // the command that does; empty: none
  bool in_background = false;  // a heavy one goes on after the command has ended
  bool wrapped = false;        // every heavy command in it is under `jobward run` already
  // Tiers of models that a `jobward run` in it requires.
  std::vector<std::string> required_models;
  // It leaves out the limit, and no review is named (`jobward run --no-limit`); or it would undo
  // what Jobward holds agents to. What, in words.
  std::string goes_round;
};

Weight weigh(std::string_view command, const std::string& cwd, const HeavyPatterns& patterns,
             const profiles::FileProbe& files);

// A glob with * and ?, over the whole text. Linear but for backtracking at each *.
bool matches_glob(std::string_view text, std::string_view glob);

}  // namespace jobward::hooks
