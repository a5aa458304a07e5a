// What a function does when it is called: whether anything at all, and which calls it reaches.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "scan/program.h"

namespace jobward::scan {

// One function of a program.
struct FunctionId {
  std::uint32_t module = 0;
  std::uint32_t index = 0;
  // LLVM 14 sees a 0 for a pointer in what the compiler writes for it.
  // NOLINTNEXTLINE(modernize-use-nullptr)
  friend auto operator<=>(const FunctionId&, const FunctionId&) = default;
};

// What is in its own body, dead code, nested functions and lambdas left out unless they are called.
struct Effects {
  // Something that outlives the call: a call of a function that is not known to be harmless, a
  // store to an attribute, an element, a global, a deletion of one, a yield.
  bool acts = false;
  // Harmless things, for saying what there is instead.
  bool logs = false;
  bool raises = false;
  bool returns = false;
  bool returns_computed = false;  // something else than a literal
  bool statements = false;        // anything but pass, ..., literals
  bool yields = false;            // in code that is reached
  std::vector<FunctionId> calls;  // functions of the program
  // Calls that lead out of it: "os.fsync", ".replace/1" (a method of something unknown, with the
  // number of its arguments, if they are all positional), ".replace".
  std::vector<std::string> outside;
};

// Names of modules' members that the program replaces ("os.fsync"; "os.*": computed names), each
// with where: calls of them are not counted as calls.
using Replaced = std::map<std::string, std::string>;
Replaced replaced_members(const Program& program);

Effects effects_of(const Program& program, FunctionId function, const Replaced& replaced);

}  // namespace jobward::scan
