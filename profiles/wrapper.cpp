#include "profiles/wrapper.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "profiles/option_scan.h"
#include "profiles/paths.h"
#include "profiles/program_tables.h"
#include "profiles/shell_command.h"

namespace jobward::profiles {
namespace {

bool skip_operand(const CommandLine& command, Wrapper::Operand operand, std::size_t& at) {
  if (operand == Wrapper::Operand::none) return true;
  if (at >= command.words.size()) return false;
  const bool number = command.words[at].find_first_not_of("0123456789") == std::string::npos;
  if (operand == Wrapper::Operand::one || number) ++at;
  return true;
}

bool look_behind_dashes(CommandLine& command, std::size_t at) {
  const auto begin = command.words.begin();
  const auto dashes = std::find(begin + static_cast<std::ptrdiff_t>(at), command.words.end(), "--");
  if (dashes == command.words.end() || std::next(dashes) == command.words.end()) return false;
  command.first = static_cast<std::size_t>(dashes - begin) + 1;
  return true;
}

// `uv run -m pkg` and `uv run x.py` are python's `-m pkg` and `x.py`.
void start_with_python(CommandLine& command, std::vector<std::string> options, std::size_t at) {
  std::vector<std::string> words{"python3"};
  std::move(options.begin(), options.end(), std::back_inserter(words));
  const auto rest = command.from(at);
  words.insert(words.end(), rest.begin(), rest.end());
  command.words = std::move(words);
  command.first = 0;
}

// Reads options and, where the wrapper takes them, NAME=value and "-", in whatever order.
OptionScan scan_wrapper(const CommandLine& command, const Wrapper& wrapper) {
  OptionScan scan = scan_options(command.words, command.first + 1, wrapper.options);
  if (!wrapper.assignments) return scan;
  while (scan.next < command.words.size()) {
    const std::string& word = command.words[scan.next];
    if (word.starts_with('-') && word != "-") {
      OptionScan more = scan_options(command.words, scan.next, wrapper.options);
      more.noted = more.noted || scan.noted;
      if (more.directory.empty()) more.directory = std::move(scan.directory);
      scan = std::move(more);
    } else if (word == "-" || is_assignment(word)) {
      ++scan.next;
    } else {
      break;
    }
  }
  return scan;
}

bool look_through(CommandLine& command, const Wrapper& wrapper) {
  OptionScan scan = scan_wrapper(command, wrapper);
  std::size_t at = scan.next;
  if (!wrapper.subcommand.empty()) {
    if (at >= command.words.size() || command.words[at] != wrapper.subcommand) return false;
    if (wrapper.after_dashes) return look_behind_dashes(command, at + 1);
    std::string outer = std::move(scan.directory);
    scan = scan_options(command.words, at + 1, wrapper.options);
    if (scan.directory.empty()) scan.directory = std::move(outer);
    at = scan.next;
  }
  const bool python_script = scan.noted && wrapper.noted == Wrapper::Noted::python_script;
  if (scan.noted && !python_script) return false;
  const auto enter = [&] {
    if (!scan.directory.empty()) command.cwd = absolute_path(command.cwd, scan.directory);
  };
  if (scan.stop == OptionScan::Stop::module) {
    enter();
    start_with_python(command, {"-m", scan.value}, at);
    return true;
  }
  if (!skip_operand(command, wrapper.operand, at) || at >= command.words.size()) return false;
  enter();
  command.first = at;
  if (python_script || (wrapper.runs_py_files && command.name().ends_with(".py")))
    start_with_python(command, {}, at);
  return true;
}

}  // namespace

std::vector<std::string> CommandLine::from(std::size_t index) const {
  const auto start = std::min(index, words.size());
  return {words.begin() + static_cast<std::ptrdiff_t>(start), words.end()};
}

bool look_through_wrapper(CommandLine& command) {
  const auto* wrapper = find_wrapper(base_name(command.name()));
  return wrapper != nullptr && look_through(command, *wrapper);
}

}  // namespace jobward::profiles
