#include "agent/hooks/weigh.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include "agent/hooks/heavy_list.h"
#include "agent/hooks/shell_text.h"
#include "agent/hooks/special_cases.h"
#include "agent/hooks/unwrap.h"
#include "common/text.h"

namespace jobward::hooks {
namespace {

// Wrappers in wrappers: more is no command that anybody types.
constexpr int kDeepest = 12;
// Of a longer command the beginning tells.
constexpr std::size_t kLooked = 256U << 10U;

constexpr std::string_view kChangeShell =
    "cd pushd popd export source . alias unalias unset set shopt umask ulimit trap declare typeset "
    "readonly hash exec eval conda mamba nvm module enable disown bg fg jobs read history "
    "sdk workon deactivate";

// These answer at once, whatever program it is.
constexpr std::string_view kAsks = "--help --version -version";

std::string joined(const Words& words) {
  std::string text;
  for (const auto& word : words)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

// For a reason: the first words of it.
std::string beginning(const Words& words) {
  constexpr std::size_t kMost = 60;
  std::string text = shell_quoted(words);
  if (text.size() > kMost) text = utf8_lossy(text.substr(0, kMost)) + "…";
  return printable(text);
}

// One word that is all that is asked for: `cargo --version`, `torchrun --help`, `cargo help build`.
bool only_asks(const Words& words) {
  if (words.size() < 2) return false;
  if (words[1] == "help") return true;
  for (std::size_t i = 1; i < words.size() && words[i] != "--"; ++i)
    if (words[i] == "--help" || (is_listed(kAsks, words[i]) && i + 1 == words.size())) return true;
  // It looks a program up.
  if (words[0] == "command" && is_listed("-v -V", words[1])) return true;
  return words.size() == 2 && is_listed("-h -V -v", words[1]);
}

class Scales {
 public:
  Scales(const std::string& cwd, const HeavyPatterns& patterns, const profiles::FileProbe& files)
      : cwd_(cwd), patterns_(patterns), files_(files) {}

  Weight weigh(std::string_view command) {
    const auto text = read_shell(command.substr(0, kLooked));
    look_at(text, 0, true);
    out_.wrapped = !out_.heavy && saw_wrapped_;
    return std::move(out_);
  }

 private:
  using Names = std::set<std::string, std::less<>>;

  void look_at(const ShellText& text, int depth, bool outermost) {
    const Names functions(text.functions.begin(), text.functions.end());
    Names called;
    for (const auto& command : text.commands)
      if (!command.words.empty() && command.words.front() != command.function)
        called.insert(command.words.front());
    for (const auto& command : text.commands) {
      if (outermost) note_change(command);
      if (!command.function.empty() && !called.contains(command.function)) continue;
      Words words = command.words;
      // A function that is defined here, with a command as its arguments: run() { "$@"; }
      if (!words.empty() && functions.contains(words.front())) words.erase(words.begin());
      look_at(words, command, depth);
    }
    if (outermost && out_.changes_shell.empty() && !text.functions.empty() && only_defines(text))
      out_.changes_shell = text.functions.front() + "()";
  }

  static bool only_defines(const ShellText& text) {
    return std::all_of(text.commands.begin(), text.commands.end(),
                       [](const auto& command) { return !command.function.empty(); });
  }

  void note_change(const ShellCommand& command) {
    if (command.apart || !command.function.empty() || !out_.changes_shell.empty()) return;
    if (command.words.empty()) {
      if (!command.assigned.empty()) out_.changes_shell = command.assigned.front() + "=…";
      return;
    }
    const auto& name = command.words.front();
    if (!is_listed(kChangeShell, name)) return;
    if (is_listed("conda mamba", name) &&
        !(command.words.size() > 1 && is_listed("activate deactivate", command.words[1])))
      return;
    if (name == "nvm" && !(command.words.size() > 1 && command.words[1] == "use")) return;
    out_.changes_shell = name;
  }

  void look_at(const Words& words, const ShellCommand& in, int depth, bool many = false) {
    if (words.empty() || depth > kDeepest || out_.heavy) return;
    look_at_variable(words);
    if (program_of(words.front()) == "jobward") {
      look_at_jobward(words, in, depth);
      return;
    }
    if (match_patterns(words, in)) return;
    if (only_asks(words)) return;
    const auto behind = unwrap(words);
    // Copied only where it has to be: its here-document may be long.
    std::optional<ShellCommand> left;
    if (behind.outlives) {
      left = in;
      left->in_background = true;
    }
    switch (behind.kind) {
      case Unwrapped::Kind::elsewhere:
        return;
      case Unwrapped::Kind::text:
        look_at(read_shell(behind.text), depth + 1, false);
        if ((left || in.in_background) && out_.heavy) out_.in_background = true;
        return;
      case Unwrapped::Kind::command:
        look_at(behind.words, left ? *left : in, depth + 1, many || behind.many);
        // `git bisect run`, `docker exec` are nothing else; `nix develop`, `find / -exec` may be.
        if (!is_listed("nix find", program_of(words.front()))) return;
        break;
      case Unwrapped::Kind::none:
        break;
    }
    if (is_shell(words) && !in.here_text.empty()) {
      look_at(read_shell(in.here_text), depth + 1, false);
      if (in.in_background && out_.heavy) out_.in_background = true;
      return;
    }
    judge(words, in, depth, many);
  }

  // ---- Already under Jobward, or going round it

  void look_at_jobward(const Words& words, const ShellCommand& in, int depth) {
    const auto dashes = std::find(words.begin(), words.end(), "--");
    const Words options(words.begin() + 1, dashes);
    if (options.empty()) return;
    if (options.front() == "run") {
      saw_wrapped_ = true;
      const bool reviewed =
          std::any_of(options.begin(), options.end(),
                      [](const std::string& word) { return word.starts_with("--require-review"); });
      const bool unlimited =
          std::any_of(options.begin(), options.end(), [](const std::string& word) {
            return word == "--no-limit" || word.starts_with("--no-limit=");
          });
      note_required_models(options);
      if (unlimited && !reviewed)
        out_.goes_round = "`jobward run --no-limit` without a review (--require-review ID)";
      // Another one inside would undo nothing, but one that goes round it is looked for.
      if (dashes != words.end()) {
        Scales inside(cwd_, patterns_, files_);
        ShellCommand alone = in;
        alone.words = Words(dashes + 1, words.end());
        inside.look_at(alone.words, alone, depth + 1);
        if (out_.goes_round.empty()) out_.goes_round = inside.out_.goes_round;
      }
    } else if (options.front() == "approve") {
      out_.goes_round = "`jobward approve`: an approval is a person's to give";
    } else if (options.front() == "uninstall") {
      out_.goes_round =
          "`jobward uninstall` takes away the hook that this command has come through";
    }
  }

  void note_required_models(const Words& options) {
    static constexpr std::string_view kOption = "--require-model";
    for (std::size_t i = 0; i < options.size(); ++i) {
      const std::string_view word = options[i];
      if (word == kOption && i + 1 < options.size())
        out_.required_models.push_back(options[i + 1]);
      else if (word.starts_with(kOption) && word.size() > kOption.size() + 1)
        out_.required_models.emplace_back(word.substr(kOption.size() + 1));
    }
  }

  // A name in a variable is not looked up; what follows tells all the same.
  void look_at_variable(const Words& words) {
    if (!words.front().starts_with("$") || words.size() < 3 || words[1] != "run") return;
    if (std::any_of(words.begin(), words.end(),
                    [](const std::string& word) { return word.starts_with("--no-limit"); }))
      out_.goes_round = "`run --no-limit` of a program that a variable names";
  }

  // ---- What the configuration says

  bool match_patterns(const Words& words, const ShellCommand& in) {
    if (patterns_.heavy.empty() && patterns_.light.empty()) return false;
    Words named = words;
    named.front() = std::string(program_of(words.front()));
    const std::string by_name = joined(named);
    const std::string by_path = joined(words);
    const auto first = [&](const std::vector<std::string>& globs) {
      return std::find_if(globs.begin(), globs.end(), [&](const std::string& glob) {
        return matches_glob(by_name, glob) || matches_glob(by_path, glob);
      });
    };
    if (first(patterns_.light) != patterns_.light.end()) {
      out_.by_configuration = true;
      return true;
    }
    const auto found = first(patterns_.heavy);
    if (found == patterns_.heavy.end()) return false;
    found_heavy("what [hooks] heavy names (\"" + printable(*found) + "\")", words, in);
    out_.by_configuration = true;
    return true;
  }

  // ---- What the shipped list says

  void judge(const Words& words, const ShellCommand& in, int depth, bool many) {
    const Plain plain{words, program_of(words.front()), in, cwd_, files_, many};
    if (const auto what = special_case(plain)) {
      if (!what->empty()) found_heavy(*what, words, in);
      return;
    }
    if (look_into_container(words, in, depth)) return;
    if (const auto* rule = python_module(words)) {
      found_heavy(std::string(rule->what), words, in);
      return;
    }
    for (const auto& rule : heavy_rules()) {
      if (!applies(rule, plain.name, words)) continue;
      found_heavy(std::string(rule.what), words, in);
      return;
    }
    const bool path = words.front().find('/') != std::string::npos;
    const bool by_shell = is_shell(words);
    if (by_shell && many) found_heavy("several scripts at once", words, in);
    if (by_shell && words.size() > 1) {
      const auto script = next_operand(words, 1, "o O rcfile init-file");
      const bool checks = std::find(words.begin(), words.end(), "-n") != words.end();
      if (script < words.size() && !checks && has_heavy_name(words[script]))
        found_heavy("a script named for heavy work", words, in);
    } else if (path && has_heavy_name(words.front())) {
      found_heavy("a program named for heavy work", words, in);
    }
  }

  static bool applies(const HeavyRule& rule, std::string_view name, const Words& words) {
    if (!is_listed(rule.programs, name)) return false;
    return is_wanted(rule, words, 1);
  }

  // An option of the list, or one of its words as the verb; `clean` only where there is nothing
  // else.
  static bool is_excepted(const HeavyRule& rule, const Words& words, std::size_t at) {
    for (std::size_t i = at; i < words.size() && words[i] != "--"; ++i)
      if (words[i].starts_with("-") && is_listed(rule.unless, words[i])) return true;
    const auto first = next_operand(words, at, rule.values);
    const auto second = next_operand(words, first + 1, rule.values);
    for (const auto index : {first, second}) {
      if (index >= words.size() || !is_listed(rule.unless, words[index])) continue;
      if (words[index] != "clean" || second >= words.size()) return true;
    }
    return false;
  }

  static bool is_wanted(const HeavyRule& rule, const Words& words, std::size_t at) {
    if (is_excepted(rule, words, at)) return false;
    if (rule.when.empty()) return true;
    for (std::size_t i = at; i < words.size(); ++i)
      if (words[i].starts_with("-") && is_listed(rule.when, words[i])) return true;
    std::size_t first = next_operand(words, at, rule.values);
    // cargo +nightly build
    while (first < words.size() && words[first].starts_with("+"))
      first = next_operand(words, first + 1, rule.values);
    while (first < words.size()) {
      const auto verb = std::string_view(words[first]).substr(0, words[first].find(','));
      if (is_listed(rule.when, verb)) return true;
      if (!rule.anywhere) return false;
      first = next_operand(words, first + 1, rule.values);
    }
    return false;
  }

  static const HeavyRule* python_module(const Words& words) {
    const auto name = program_of(words.front());
    if (!name.starts_with("python") && !name.starts_with("pypy")) return nullptr;
    const auto found = module_of(words);
    if (!found) return nullptr;
    const auto& module = found->name;
    for (const auto& rule : heavy_modules())
      if (is_listed(rule.programs, module))
        return is_wanted(rule, words, found->next) ? &rule : nullptr;
    // python -m src.train
    static constexpr HeavyRule kNamed{"", "a module named for heavy work"};
    if (is_listed("py_compile compileall", module)) return nullptr;
    return has_heavy_name(std::string(module).append(".py")) || has_heavy_part(module) ? &kNamed
                                                                                       : nullptr;
  }

  // trainer.main, src.train
  static bool has_heavy_part(const std::string& module) {
    const auto parts = split(module, '.');
    return std::any_of(parts.begin(), parts.end(), has_heavy_name);
  }

  // `docker run IMAGE CMD`, `docker compose run SERVICE CMD`: the command is weighed as if it ran
  // here. It does, but for its files.
  bool look_into_container(const Words& words, const ShellCommand& in, int depth) {
    if (!is_listed("docker podman nerdctl docker-compose podman-compose",
                   program_of(words.front())))
      return false;
    static constexpr std::string_view kValues =
        "v volume w workdir e env env-file p publish name gpus network net u user shm-size m "
        "memory "
        "cpus entrypoint platform mount h hostname l label f file profile project-name";
    auto at = next_operand(words, 1, kValues);
    if (at < words.size() && words[at] == "compose") at = next_operand(words, at + 1, kValues);
    if (at >= words.size() || !is_listed("run exec", words[at])) return false;
    at = next_operand(words, at + 1, kValues);
    if (at >= words.size()) return true;
    look_at(Words(words.begin() + static_cast<std::ptrdiff_t>(at) + 1, words.end()), in, depth + 1);
    return true;
  }

  static bool is_shell(const Words& words) {
    return is_listed("bash sh dash zsh ksh", program_of(words.front()));
  }

  void found_heavy(std::string what, const Words& words, const ShellCommand& in) {
    if (out_.heavy) return;
    out_.heavy = true;
    out_.what = std::move(what);
    out_.part = beginning(words);
    out_.in_background = in.in_background;
  }

  const std::string& cwd_;
  const HeavyPatterns& patterns_;
  const profiles::FileProbe& files_;
  Weight out_;
  bool saw_wrapped_ = false;
};

}  // namespace

bool matches_glob(std::string_view text, std::string_view glob) {
  std::size_t at = 0;
  std::size_t in = 0;
  std::optional<std::size_t> star;
  std::size_t mark = 0;
  while (at < text.size()) {
    if (in < glob.size() && glob[in] == '*') {
      star = in++;
      mark = at;
    } else if (in < glob.size() && (glob[in] == '?' || glob[in] == text[at])) {
      ++in;
      ++at;
    } else if (star) {
      in = *star + 1;
      at = ++mark;
    } else {
      return false;
    }
  }
  while (in < glob.size() && glob[in] == '*')
    ++in;
  return in == glob.size();
}

Weight weigh(std::string_view command, const std::string& cwd, const HeavyPatterns& patterns,
             const profiles::FileProbe& files) {
  return Scales(cwd, patterns, files).weigh(command);
}

}  // namespace jobward::hooks
