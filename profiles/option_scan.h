// Reading past a program's own options to what it was asked to run. Private to profiles/.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace jobward::profiles {

// Which options of a program are more than a flag. Each field lists names without dashes, separated
// by spaces; a name of one letter is a short option, which may stand in a cluster (-ne).
struct OptionSpec {
  std::string_view values = {};     // take a value, in the same word or the next
  std::string_view attached = {};   // short ones that take a value in the same word only
  std::string_view code = {};       // the value is program text: ends the options
  std::string_view module = {};     // the value is a module's name: ends the options
  std::string_view script = {};     // the value is a script's path: ends the options
  std::string_view directory = {};  // the value is the directory to work in
  std::string_view noted = {};      // a flag whose presence matters to the caller
  bool whole_words = false;         // -cp is one option and no cluster
  bool plus_options = false;        // +x is an option too
};

struct OptionScan {
  enum class Stop { operand, code, module, script };
  Stop stop = Stop::operand;
  std::string value;      // of the option that ended the scan
  std::size_t next = 0;   // the first word not read; may be the end of the words
  std::string directory;  // as given; empty if none was
  bool noted = false;
};

// Reads options from words[first] on.
OptionScan scan_options(const std::vector<std::string>& words, std::size_t first,
                        const OptionSpec& spec);

// Is `word` one of the words of `list`, which are separated by single spaces?
bool lists(std::string_view list, std::string_view word);

}  // namespace jobward::profiles
