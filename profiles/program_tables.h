// What Jobward knows of wrappers and interpreters: data. Private to profiles/.
#pragma once

#include <string_view>

#include "profiles/option_scan.h"

namespace jobward::profiles {

// A program that only starts another one: NAME [SUBCOMMAND] options [operand] COMMAND.
struct Wrapper {
  // What stands between the options and the command.
  enum class Operand { none, one, number_if_any };
  // What an option listed as `noted` says about the rest of the line.
  enum class Noted { no_command, python_script };

  std::string_view name;
  std::string_view subcommand = {};
  OptionSpec options = {};
  Operand operand = Operand::none;
  Noted noted = Noted::no_command;
  bool assignments = false;    // NAME=value may precede the command
  bool runs_py_files = false;  // a command that ends in .py is run by python
  bool after_dashes = false;   // the command stands behind the first "--"
};

struct Interpreter {
  std::string_view family;     // the base name without a version
  std::string_view canonical;  // what all its spellings count as
  OptionSpec options = {};
  bool shell = false;  // `noted` options: the operand is program text
  std::string_view source_suffix =
      {};  // other operands are classes, not files; empty: all are files
};

// Absent: nullptr. `name` is a base name.
const Wrapper* find_wrapper(std::string_view name);
const Interpreter* find_interpreter(std::string_view name);

}  // namespace jobward::profiles
