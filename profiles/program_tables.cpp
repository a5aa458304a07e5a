#include "profiles/program_tables.h"

#include <array>

namespace jobward::profiles {
namespace {

using Operand = Wrapper::Operand;

// Options as in coreutils 9.1, util-linux 2.38, GNU time 1.9, sudo 1.9, numactl 2.0, and the tools'
// own references (uv 0.8, poetry 2, pipenv 2024, pdm 2, hatch 1, conda 24, micromamba 2).
constexpr OptionSpec kCondaRun{.values = "n name p prefix e env r root-prefix a attach cwd",
                               .directory = "cwd"};

constexpr std::array kWrappers{
    Wrapper{.name = "env",
            .options = {.values = "u unset", .directory = "C chdir", .noted = "S split-string"},
            .assignments = true},
    Wrapper{.name = "nice", .options = {.values = "n adjustment"}},
    Wrapper{.name = "ionice",
            .options = {.values = "c class n classdata", .noted = "p pid P pgid u uid"}},
    Wrapper{.name = "time", .options = {.values = "f format o output"}},
    Wrapper{
        .name = "timeout", .options = {.values = "k kill-after s signal"}, .operand = Operand::one},
    Wrapper{.name = "nohup"},
    Wrapper{.name = "setsid"},
    Wrapper{.name = "stdbuf", .options = {.values = "i input o output e error"}},
    Wrapper{.name = "taskset", .options = {.noted = "p pid"}, .operand = Operand::one},
    Wrapper{.name = "chrt",
            .options = {.values = "T sched-runtime P sched-period D sched-deadline",
                        .noted = "p pid m max"},
            .operand = Operand::number_if_any},
    Wrapper{.name = "numactl",
            .options = {.values = "i interleave w weighted-interleave p preferred P preferred-many "
                                  "m membind N cpunodebind C physcpubind",
                        .noted = "s show H hardware"}},
    Wrapper{.name = "sudo",
            .options = {.values = "u user g group p prompt C close-from h host r role t type T "
                                  "command-timeout U other-user R chroot",
                        .directory = "D chdir",
                        .noted = "e edit l list v validate K remove-timestamp V version"},
            .assignments = true},
    Wrapper{.name = "doas", .options = {.values = "u C", .noted = "s L"}},
    Wrapper{.name = "exec", .options = {.values = "a"}},
    Wrapper{.name = "command", .options = {.noted = "v V"}},
    Wrapper{.name = "uv",
            .subcommand = "run",
            .options = {.values = "w with with-editable with-requirements extra no-extra group "
                                  "no-group only-group p python env-file package project index "
                                  "default-index i index-url extra-index-url f find-links "
                                  "index-strategy keyring-provider resolution prerelease "
                                  "fork-strategy C config-setting config-settings-package "
                                  "no-build-isolation-package exclude-newer link-mode "
                                  "P upgrade-package reinstall-package refresh-package "
                                  "no-build-package no-binary-package cache-dir config-file "
                                  "python-preference python-platform color allow-insecure-host",
                        .module = "m module",
                        .directory = "directory",
                        .noted = "s script gui-script"},
            .noted = Wrapper::Noted::python_script,
            .runs_py_files = true},
    Wrapper{.name = "poetry",
            .subcommand = "run",
            .options = {.values = "P project", .directory = "C directory"}},
    Wrapper{.name = "pipenv", .subcommand = "run", .options = {.values = "python pypi-mirror"}},
    Wrapper{.name = "pdm",
            .subcommand = "run",
            .options = {.values = "p project c config env-file"},
            .runs_py_files = true},
    Wrapper{.name = "hatch",
            .subcommand = "run",
            .options = {.values = "e env p project data-dir cache-dir config"}},
    Wrapper{.name = "conda", .subcommand = "run", .options = kCondaRun},
    Wrapper{.name = "mamba", .subcommand = "run", .options = kCondaRun},
    Wrapper{.name = "micromamba", .subcommand = "run", .options = kCondaRun},
    Wrapper{.name = "jobward", .subcommand = "run", .after_dashes = true},
};

constexpr OptionSpec kPython{.values = "W X Q check-hash-based-pycs", .code = "c", .module = "m"};
constexpr OptionSpec kNode{
    .values = "r require import loader experimental-loader C conditions env-file title",
    .code = "e eval p print pe",
    .whole_words = true};
constexpr OptionSpec kShell{.values = "o O rcfile init-file", .noted = "c", .plus_options = true};

constexpr std::array kInterpreters{
    Interpreter{.family = "python", .canonical = "python3", .options = kPython},
    Interpreter{.family = "python2", .canonical = "python2", .options = kPython},
    Interpreter{.family = "pypy", .canonical = "pypy3", .options = kPython},
    Interpreter{.family = "node", .canonical = "node", .options = kNode},
    Interpreter{.family = "nodejs", .canonical = "node", .options = kNode},
    Interpreter{.family = "perl",
                .canonical = "perl",
                .options = {.values = "I", .attached = "i M m F x C D V", .code = "e E"}},
    Interpreter{.family = "ruby",
                .canonical = "ruby",
                .options = {.values = "I r E encoding external-encoding internal-encoding",
                            .attached = "i F x W K T",
                            .code = "e",
                            .directory = "C"}},
    Interpreter{
        .family = "Rscript", .canonical = "Rscript", .options = {.code = "e", .whole_words = true}},
    Interpreter{.family = "julia",
                .canonical = "julia",
                .options = {.values = "L load J sysimage C cpu-target t threads p procs H home "
                                      "machine-file gcthreads",
                            .attached = "O g",
                            .code = "e eval E print",
                            .module = "m module"}},
    Interpreter{.family = "java",
                .canonical = "java",
                .options = {.values = "cp classpath class-path p module-path add-modules "
                                      "limit-modules upgrade-module-path add-reads add-exports "
                                      "add-opens patch-module",
                            .module = "m module",
                            .script = "jar",
                            .whole_words = true},
                .source_suffix = ".java"},
    Interpreter{.family = "bash", .canonical = "bash", .options = kShell, .shell = true},
    Interpreter{.family = "sh", .canonical = "sh", .options = kShell, .shell = true},
    Interpreter{.family = "dash", .canonical = "dash", .options = kShell, .shell = true},
    Interpreter{.family = "ksh", .canonical = "ksh", .options = kShell, .shell = true},
    Interpreter{.family = "zsh", .canonical = "zsh", .options = kShell, .shell = true},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "python3.11" and "python3.13t" -> "python", "julia-1.9" -> "julia".
std::string_view without_version(std::string_view name) {
  std::string_view rest = name;
  if (rest.size() > 1 && rest.back() == 't' && is_digit(rest[rest.size() - 2]))
    rest.remove_suffix(1);
  while (!rest.empty() && (is_digit(rest.back()) || rest.back() == '.'))
    rest.remove_suffix(1);
  if (rest.size() < name.size() && rest.ends_with('-')) rest.remove_suffix(1);
  return rest;
}

}  // namespace

const Wrapper* find_wrapper(std::string_view name) {
  for (const auto& wrapper : kWrappers)
    if (wrapper.name == name) return &wrapper;
  return nullptr;
}

const Interpreter* find_interpreter(std::string_view name) {
  // Elsewhere a version changes how the same script is run; Python 2 runs another language.
  const auto family = name.starts_with("python2") ? name.substr(0, 7) : without_version(name);
  for (const auto& interpreter : kInterpreters)
    if (interpreter.family == family) return &interpreter;
  return nullptr;
}

}  // namespace jobward::profiles
