#include "agent/hooks/special_cases.h"

#include <algorithm>
#include <cctype>

#include "agent/hooks/heavy_list.h"

namespace jobward::hooks {
namespace {

bool has(const Words& words, std::string_view list) {
  return std::any_of(words.begin() + 1, words.end(),
                     [&](const std::string& word) { return is_listed(list, word); });
}

// ---- make

// Letters in a cluster of options: -pRrq. What follows a letter that takes a value is that value.
bool cluster_has(std::string_view word, std::string_view letters, std::string_view take_value) {
  if (word.size() < 2 || word[0] != '-' || word[1] == '-') return false;
  for (const char c : word.substr(1)) {
    if (letters.find(c) != std::string_view::npos) return true;
    if (take_value.find(c) != std::string_view::npos) return false;
  }
  return false;
}

bool is_light_target(std::string_view target) {
  return is_listed(
             "clean distclean mostlyclean realclean maintainer-clean help list tags version "
             "info format fmt uninstall",
             target) ||
         target.starts_with("print-") || target.starts_with("clean-") || target.ends_with("-clean");
}

std::string make(const Words& words) {
  bool any = false;
  bool all_light = true;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (cluster_has(word, "nqpv", "CfIjlOoW") ||
        is_listed("--dry-run --just-print --recon --question --print-data-base", word))
      return {};
    if (is_listed("-C -f -I -o -W --directory --file --makefile", word)) ++i;
    const bool number = word.find_first_not_of("0123456789") == std::string_view::npos;
    if (word.front() == '-' || is_shell_assignment(word) || number) continue;
    any = true;
    all_light = all_light && is_light_target(word);
  }
  return any && all_light ? "" : "a build";
}

// ---- JavaScript's package managers

bool is_heavy_script(std::string_view script) {
  std::size_t at = 0;
  while (at <= script.size()) {
    const auto end = std::min(script.find_first_of(":-_.", at), script.size());
    const auto part = script.substr(at, end - at);
    if (is_listed("build test tests e2e bench benchmark coverage compile ci bundle package dist "
                  "release train typecheck check storybook prepare verify integration unit",
                  part))
      return true;
    at = end + 1;
  }
  return false;
}

std::string node_packages(const Words& words) {
  const std::string_view values = "prefix C dir cwd F filter w workspace";
  std::size_t at = next_operand(words, 1, values);
  if (at < words.size() && is_listed("workspace workspaces foreach", words[at]))
    at = next_operand(words, at + 2, values);
  if (at >= words.size()) return program_of(words[0]) == "yarn" ? "installing packages" : "";
  const std::string_view verb = words[at];
  if (is_listed("ci install i add clean-install rebuild dedupe", verb))
    return "installing packages";
  if (is_listed("test t tst", verb)) return "a test suite";
  if (is_listed("run run-script", verb)) {
    const auto script = next_operand(words, at + 1, values);
    return script < words.size() && is_heavy_script(words[script]) ? "a build or a test suite" : "";
  }
  // `npm NAME` is a verb of its own, the others run a script of that name.
  return program_of(words[0]) != "npm" && is_heavy_script(verb) ? "a build or a test suite" : "";
}

// ---- Containers

constexpr std::string_view kRunValues =
    "v volume w workdir e env env-file p publish name gpus network net u user shm-size m memory "
    "cpus entrypoint platform mount h hostname l label pull device ulimit tmpfs add-host runtime "
    "security-opt cap-add ipc pid f file profile project-name context H host";

bool is_heavy_image(std::string_view image) {
  for (const std::string_view part : {"pytorch", "tensorflow", "cuda", "vllm", "ollama", "spark",
                                      "jupyter", "triton", "elasticsearch", "oracle"})
    if (image.find(part) != std::string_view::npos) return true;
  return false;
}

// What stands behind the image or service of `docker run IMAGE CMD` is weighed by the caller: here
// only the image.
std::optional<std::string> container(const Words& words) {
  std::size_t at = next_operand(words, 1, kRunValues);
  if (at >= words.size()) return std::nullopt;
  if (is_listed("container image", words[at])) at = next_operand(words, at + 1, kRunValues);
  if (at >= words.size()) return std::nullopt;
  if (words[at] == "compose") {
    at = next_operand(words, at + 1, kRunValues);
    if (at >= words.size()) return std::nullopt;
    if (words[at] == "build") return "a container";
    if (words[at] == "up") return has(words, "--build") ? "a container" : "";
    return std::nullopt;
  }
  if (words[at] != "run" && words[at] != "create") return std::nullopt;
  const auto image = next_operand(words, at + 1, kRunValues);
  if (image < words.size() && is_heavy_image(words[image])) return "a container";
  return std::nullopt;
}

// ---- Compilers

std::string compiler(const Words& words) {
  int sources = 0;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word.front() == '-') continue;
    const auto dot = word.rfind('.');
    if (dot == std::string_view::npos) continue;
    const bool source =
        is_listed("c cc cpp cxx c++ C m mm f90 f95 rs java kt cu", word.substr(dot + 1));
    if (!source) continue;
    sources += word.find('*') != std::string_view::npos ? 100 : 1;
  }
  for (const auto& word : words)
    if (word.find("$(") != std::string::npos || word.find('`') != std::string::npos) sources += 100;
  return sources >= 5 ? "a build" : "";
}

// ---- Linters that look at a whole tree, or at one file

std::string linter(const Words& words) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word.empty() || word.front() == '-') continue;
    const auto name = program_of(word);
    const bool file = name.find('.') != std::string_view::npos && name.front() != '.';
    if (!file) return "an analysis of the whole source";
  }
  return {};
}

// ---- Python, R, Julia and the like

std::string script_or_code(const Plain& command, std::string_view code_option) {
  const auto& words = command.words;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == code_option || (code_option == "-c" && cluster_has(word, "c", "mWX")))
      return i + 1 < words.size() && is_heavy_code(words[i + 1]) ? "a program text" : "";
    if (word == "-") break;
    if (is_listed("-W -X --project -L -J --env-file -r -t -p", word)) {
      ++i;
      continue;
    }
    if (word.front() == '-') continue;
    if (is_listed("--version", word)) return {};
    if (command.words.size() > i + 1 &&
        has({command.words.begin() + static_cast<std::ptrdiff_t>(i), command.words.end()},
            "--help -h --version"))
      return {};
    if (program_of(word) == "manage.py")
      return i + 1 < words.size() &&
                     is_listed("test migrate collectstatic loaddata dumpdata", words[i + 1])
                 ? "a test suite or a data build"
                 : "";
    if (program_of(word) == "setup.py")
      return has(words, "build bdist_wheel sdist install develop build_ext bdist test") ? "a build"
                                                                                        : "";
    return has_heavy_name(word) ? "a script named for heavy work" : "";
  }
  return is_heavy_code(command.in.here_text) ? "a program text" : "";
}

// `node --import tsx --test`: before the first operand, behind which options are the program's own.
bool node_tests(const Words& words) {
  for (std::size_t i = 1; i < words.size() && words[i].starts_with('-'); ++i) {
    if (words[i] == "--test") return true;
    if (is_listed("-r --require --import --loader --experimental-loader -C --conditions "
                  "--env-file --title",
                  words[i]))
      ++i;
  }
  return false;
}

std::optional<std::string> interpreter(const Plain& command) {
  if (command.name == "Rscript") {
    const bool code = has(command.words, "-e");
    return code ? script_or_code(command, "-e") : std::string("a script that computes");
  }
  if (command.name == "julia") return script_or_code(command, "-e");
  if (command.name == "node" && node_tests(command.words)) return "a test suite";
  if (is_listed("node ruby perl php lua", command.name)) {
    if (has(command.words, "-e -c -l --check -r -p -pi -n")) return "";
    // `php vendor/bin/phpstan analyse`
    for (std::size_t i = 1; i < command.words.size(); ++i)
      if (command.words[i].front() != '-' && command.words[i].find('=') == std::string::npos)
        return is_listed("phpstan phpunit psalm pest jest mocha webpack vitest rspec tsc",
                         program_of(command.words[i])) ||
                       has_heavy_name(command.words[i])
                   ? "a script named for heavy work"
                   : "";
    return "";
  }
  return std::nullopt;
}

// What is built, or run; the other verbs only look, or write a file.
std::optional<std::string> nix(const Words& words) {
  const auto verb = next_operand(words, 1, "");
  if (verb >= words.size() || words[verb] != "flake") return std::nullopt;
  const auto next = next_operand(words, verb + 1, "");
  return next < words.size() && words[next] == "check" ? "a build" : "";
}

bool is_python(std::string_view name) {
  return name.starts_with("python") || name.starts_with("pypy") || name == "ipython";
}

std::optional<std::string> git(const Words& words) {
  const std::string_view values = "C c git-dir work-tree";
  const auto at = next_operand(words, 1, values);
  if (at >= words.size()) return "";
  const std::string_view verb = words[at];
  if (verb == "clone")
    return std::any_of(words.begin(), words.end(),
                       [](const std::string& word) { return word.starts_with("--depth"); })
               ? ""
               : "a large download";
  if (verb == "lfs")
    return has(words, "pull fetch checkout migrate push") ? "a large download" : "";
  if (verb == "submodule") return has(words, "--init") ? "a large download" : "";
  return std::nullopt;
}

}  // namespace

bool has_heavy_name(std::string_view path) {
  const auto name = program_of(path);
  const auto stem = name.substr(0, name.rfind('.'));
  if (is_listed(heavy_name_parts(), stem)) return true;
  std::string part;
  const auto is_heavy = [&part] {
    const bool heavy = is_listed(heavy_name_parts(), part);
    part.clear();
    return heavy;
  };
  char before = ' ';
  for (const char c : stem) {
    const bool hump = std::isupper(static_cast<unsigned char>(c)) != 0 &&
                      std::islower(static_cast<unsigned char>(before)) != 0;
    const bool inside = std::isalpha(static_cast<unsigned char>(c)) != 0;
    if ((hump || !inside) && is_heavy()) return true;
    if (inside) part += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    before = c;
  }
  return is_heavy();
}

std::optional<Module> module_of(const Words& words) {
  for (std::size_t i = 1; i < words.size() && words[i].starts_with('-'); ++i) {
    const std::string_view word = words[i];
    if (word.starts_with("--")) continue;
    const auto at = word.find_first_of("mcWX", 1);
    if (at == std::string_view::npos) continue;
    const bool joined = at + 1 < word.size();
    if (word[at] == 'c') return std::nullopt;
    if (word[at] == 'm' && joined) return Module{std::string(word.substr(at + 1)), i + 1};
    if (word[at] == 'm')
      return i + 1 < words.size() ? std::optional(Module{words[i + 1], i + 2}) : std::nullopt;
    if (!joined) ++i;
  }
  return std::nullopt;
}

bool is_heavy_code(std::string_view text) {
  return std::any_of(heavy_code().begin(), heavy_code().end(), [&](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  });
}

std::optional<std::string> special_case(const Plain& command) {
  const auto& words = command.words;
  const auto name = command.name;
  if (is_listed("make gmake bmake mingw32-make", name)) return make(words);
  if (is_listed("npm pnpm yarn", name)) return node_packages(words);
  if (name == "bun" && words.size() > 1 && words[1] == "run") return node_packages(words);
  if (is_listed("docker podman nerdctl docker-compose podman-compose", name))
    if (auto found = container(words)) return found;
  if (is_listed("gcc g++ cc c++ clang clang++ rustc javac kotlinc nvcc gfortran tcc icx", name))
    return compiler(words);
  if (is_listed("eslint biome oxlint clang-tidy pylint rubocop flake8", name)) return linter(words);
  if (name == "cmake" && has(words, "--target") && words.back() == "clean") return "";
  if (name == "pre-commit" && !has(words, "--all-files -a")) return "";
  if (name == "git")
    if (auto found = git(words)) return found;
  if (name == "nix")
    if (auto found = nix(words)) return found;
  if (is_python(name) && !module_of(words)) return script_or_code(command, "-c");
  if (name == "jupyter" && !has(words, "--execute")) return "";
  if (auto found = interpreter(command)) return found;
  return file_case(command);
}

}  // namespace jobward::hooks
