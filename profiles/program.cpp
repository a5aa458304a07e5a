#include "profiles/program.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "common/identity.h"
#include "common/text.h"
#include "profiles/option_scan.h"
#include "profiles/paths.h"
#include "profiles/program_tables.h"
#include "profiles/shell_command.h"
#include "profiles/wrapper.h"

namespace jobward::profiles {
namespace {

// `bash -c TEXT` where TEXT is one simple command.
bool look_through_shell(CommandLine& command, const Interpreter& shell) {
  const auto scan = scan_options(command.words, command.first + 1, shell.options);
  if (!scan.noted || scan.next >= command.words.size()) return false;
  auto words = simple_command(command.words[scan.next]);
  if (!words) return false;
  command.words = std::move(*words);
  command.first = 0;
  return true;
}

bool look_through(CommandLine& command) {
  if (look_through_wrapper(command)) return true;
  const auto* interpreter = find_interpreter(base_name(command.name()));
  return interpreter != nullptr && interpreter->shell && look_through_shell(command, *interpreter);
}

std::string script_identity(std::string_view interpreter, const std::string& root,
                            const std::string& path) {
  std::string identity(interpreter);
  if (!identity.empty()) identity += ' ';
  return identity + path_within(root, path);
}

Program script_program(std::string_view interpreter, const std::string& path,
                       const std::string& root, std::vector<std::string> arguments) {
  return {std::string(base_name(path)), path, script_identity(interpreter, root, path),
          std::move(arguments)};
}

// Text given on the command line: keyed by a digest, as it may be long and may hold a secret.
Program text_program(const std::string& typed, const Interpreter& interpreter,
                     std::string_view option, const std::string& text,
                     std::vector<std::string> arguments) {
  const std::string suffix = " -" + std::string(option);
  return {typed + suffix, "",
          std::string(interpreter.canonical) + suffix + " " + sha256_hex(text).substr(0, 32),
          std::move(arguments)};
}

// A module, a class, or standard input ("-"): what follows the interpreter is the name itself.
Program named_program(const std::string& typed, const Interpreter& interpreter,
                      const std::string& rest, std::vector<std::string> arguments) {
  return {typed + " " + rest, "", std::string(interpreter.canonical) + " " + rest,
          std::move(arguments)};
}

Program interpreted(const CommandLine& command, const Interpreter& interpreter,
                    const std::string& root) {
  using Stop = OptionScan::Stop;
  const std::string typed(base_name(command.name()));
  const auto& options = interpreter.options;
  const auto scan = scan_options(command.words, command.first + 1, options);
  if (scan.stop == Stop::code)
    return text_program(typed, interpreter, options.code.substr(0, options.code.find(' ')),
                        scan.value, command.from(scan.next));
  if (scan.stop == Stop::module)
    return named_program(typed, interpreter, "-m " + scan.value, command.from(scan.next));
  const std::string cwd =
      scan.directory.empty() ? command.cwd : absolute_path(command.cwd, scan.directory);
  if (scan.stop == Stop::script)
    return script_program(interpreter.canonical, absolute_path(cwd, scan.value), root,
                          command.from(scan.next));
  // Without an operand the options are all there is to tell `python3 --version` from `python3`.
  if (scan.next >= command.words.size())
    return {typed, "", std::string(interpreter.canonical), command.from(command.first + 1)};
  const std::string& operand = command.words[scan.next];
  auto arguments = command.from(scan.next + 1);
  if (interpreter.shell && scan.noted)
    return text_program(typed, interpreter, "c", operand, std::move(arguments));
  if (operand == "-" || !operand.ends_with(interpreter.source_suffix))
    return named_program(typed, interpreter, operand, std::move(arguments));
  return script_program(interpreter.canonical, absolute_path(cwd, operand), root,
                        std::move(arguments));
}

// What the first line of a script names, as it would be called on the command line; empty if it is
// odd.
std::string_view shebang_interpreter(std::string_view text) {
  auto line = text.substr(2, text.find('\n') - 2);
  bool behind_env = false;
  for (const auto word : split(trim(line), ' ')) {
    if (word.empty()) continue;
    const auto name = base_name(trim(word));
    if (behind_env && (word.front() == '-' || is_assignment(word))) continue;
    if (!behind_env && name == "env") {
      behind_env = true;
      continue;
    }
    if (const auto* wrapper = find_wrapper(name); wrapper != nullptr && wrapper->runs_py_files)
      return "python3";
    const auto* known = find_interpreter(name);
    return known != nullptr ? known->canonical : name;
  }
  return {};
}

Program plain(const CommandLine& command, const std::string& root, const FileProbe& files) {
  auto arguments = command.from(command.first + 1);
  const std::string& word = command.name();
  if (word.find('/') != std::string::npos) {
    const std::string path = absolute_path(command.cwd, word);
    const auto text = files.head(path);
    if (text && text->starts_with("#!"))
      return script_program(shebang_interpreter(*text), path, root, std::move(arguments));
  }
  const std::string name(base_name(word));
  return {name, "", name, std::move(arguments)};
}

}  // namespace

Program find_program(const Job& job, const std::string& project_root, const FileProbe& files) {
  if (job.argv.empty()) return {};
  CommandLine command{job.argv, 0, job.cwd};
  while (look_through(command)) {
  }
  if (const auto* interpreter = find_interpreter(base_name(command.name())))
    return interpreted(command, *interpreter, project_root);
  return plain(command, project_root, files);
}

}  // namespace jobward::profiles
