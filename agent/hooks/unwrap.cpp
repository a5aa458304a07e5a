#include "agent/hooks/unwrap.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "agent/hooks/shell_text.h"
#include "common/text.h"
#include "profiles/wrapper.h"

namespace jobward::hooks {
namespace {

struct Wrapper {
  std::string_view name;
  std::string_view values = {};  // options that take the next word
  int operands = 0;              // before the command
  std::string_view subcommand = {};
};

// Besides those of profiles/wrapper.h: these a record does not look through.
constexpr auto kWrappers = std::to_array<Wrapper>({
    {"gtimeout", "s k signal kill-after", 1},
    {"unbuffer"},
    {"builtin"},
    {"catchsegv"},
    {"strace", "e o p s u P S I a b E trace output"},
    {"ltrace", "e o p s u"},
    {"flock", "w timeout E", 1},
    {"xvfb-run", "s n e f w p screen-args server-args"},
    {"dbus-run-session"},
    {"emmake"},
    {"emcmake"},
    {"systemd-run", "p M u property unit slice"},
    {"systemd-inhibit"},
    {"caffeinate", "t w"},
    {"entr"},
    {"npx", "p package"},
    {"bunx"},
    {"uvx", "from with python p"},
    {"pipx", "spec python", 0, "run"},
    {"pnpx"},
    {"npm", "prefix C w workspace", 0, "exec"},
    {"pnpm", "C dir F filter", 0, "exec"},
    {"pnpm", "C dir F filter", 0, "dlx"},
    {"yarn", "cwd", 0, "exec"},
    {"yarn", "cwd", 0, "dlx"},
    {"rye", "", 0, "run"},
    {"pixi", "e", 0, "run"},
    {"bundle", "", 0, "exec"},
    {"docker", "context H host e env u user w workdir env-file", 1, "exec"},
    {"podman", "e env u user w workdir", 1, "exec"},
    {"coverage", "source rcfile omit include data-file", 0, "run"},
    {"git", "C c", 1, "bisect"},
});

constexpr std::string_view kShells = "bash sh dash zsh ksh fish ash";
// They are asked to do it on another machine, or in a cluster.
constexpr std::string_view kElsewhere =
    "ssh mosh kubectl oc sbatch srun qsub bsub gcloud az heroku fly vercel gh glab rsh pdsh";

bool is_option(std::string_view word) { return word.size() > 1 && word.front() == '-'; }

bool takes_next(std::string_view option, std::string_view values) {
  if (option.find('=') != std::string_view::npos) return false;
  if (option.starts_with("--")) return is_listed(values, option.substr(2));
  // In a short cluster the last one may take it: -rn 4, -dmS name. Not so -DskipTests.
  const bool cluster = option.size() <= 4 && is_listed(values, option.substr(option.size() - 1));
  return cluster || is_listed(values, option.substr(1));
}

Words from(const Words& words, std::size_t at) {
  return {words.begin() + static_cast<std::ptrdiff_t>(std::min(at, words.size())), words.end()};
}

Unwrapped behind(const Words& words, std::size_t at) {
  Unwrapped out;
  out.words = from(words, at);
  if (!out.words.empty()) out.kind = Unwrapped::Kind::command;
  return out;
}

Unwrapped text_of(std::string text) {
  Unwrapped out;
  out.kind = Unwrapped::Kind::text;
  out.text = std::move(text);
  return out;
}

// `bash -lc TEXT`, `su -c TEXT`, `script -qec TEXT`: the word after the cluster that ends in c.
Unwrapped shell_text(const Words& words) {
  for (std::size_t i = 1; i + 1 < words.size() && is_option(words[i]); ++i) {
    const std::string_view word = words[i];
    if (word == "--command" || (!word.starts_with("--") && word.back() == 'c'))
      return text_of(words[i + 1]);
    if (word == "-o" || word == "-O" || word == "-u") ++i;
  }
  return {};
}

Unwrapped xargs(const Words& words, std::string_view values) {
  auto out = behind(words, next_operand(words, 1, values));
  out.many = std::any_of(words.begin(), words.end(), [](const std::string& word) {
    return word.starts_with("-P") || word.starts_with("--max-procs");
  });
  return out;
}

// `find … -exec CMD`: what stands between it and its end.
Unwrapped find_exec(const Words& words) {
  for (std::size_t i = 1; i + 1 < words.size(); ++i) {
    if (!is_listed("-exec -execdir -ok -okdir", words[i])) continue;
    auto out = behind(words, i + 1);
    const auto end = std::find_if(out.words.begin(), out.words.end(), [](const std::string& word) {
      return word == ";" || word == "+";
    });
    out.words.erase(end, out.words.end());
    out.many = true;
    return out;
  }
  return {};
}

// `watch TEXT`, `tmux new-session … TEXT`, `screen -dmS NAME CMD`: one word is a text for a shell.
Unwrapped words_or_text(const Words& words, std::size_t at) {
  if (at >= words.size()) return {};
  if (at + 1 == words.size() && words[at].find(' ') != std::string::npos) return text_of(words[at]);
  return behind(words, at);
}

Unwrapped option_text(const Words& words, std::string_view option) {
  const auto found = std::find(words.begin(), words.end(), option);
  if (found == words.end() || std::next(found) == words.end()) return {};
  return text_of(*std::next(found));
}

// `tmux send-keys 'cd x' Enter make C-m`: the keys as they are typed, a line for each key that has
// a name.
std::string typed_text(const Words& words, std::size_t at) {
  std::string text;
  for (const auto& word : from(words, at)) {
    const bool named = is_listed("Enter KPEnter Escape", word) || word.starts_with("C-");
    text += named ? "\n" : word;
  }
  return text;
}

// What one command of tmux starts.
Unwrapped tmux_command(const Words& words, std::size_t sub) {
  if (sub >= words.size()) return {};
  if (is_listed("send-keys send", words[sub]))
    return text_of(typed_text(words, next_operand(words, sub + 1, "t c N")));
  if (!is_listed("new-session new new-window neww split-window splitw respawn-pane respawn-window",
                 words[sub]))
    return {};
  return words_or_text(words, next_operand(words, sub + 1, "s n c t x y e F l p"));
}

// `tmux new -d \; send-keys make Enter`: one after the other.
Unwrapped tmux(const Words& words) {
  std::vector<Words> parts(1);
  for (const auto& word : from(words, next_operand(words, 1, "L S f"))) {
    if (word == ";")
      parts.emplace_back();
    else
      parts.back().push_back(word);
  }
  if (parts.size() == 1) return tmux_command(parts.front(), 0);
  std::string text;
  for (const auto& part : parts) {
    const auto found = tmux_command(part, 0);
    text +=
        (found.kind == Unwrapped::Kind::command ? shell_quoted(found.words) : found.text) + "\n";
  }
  return text_of(text);
}

// `screen -dmS NAME CMD`, `screen -S NAME -X stuff TEXT`.
Unwrapped screen(const Words& words) {
  const auto at = next_operand(words, 1, "S c h p t");
  const bool typed = at < words.size() && words[at] == "stuff" &&
                     std::find(words.begin(), words.end(), "-X") != words.end();
  return typed ? text_of(typed_text(words, at + 1)) : words_or_text(words, at);
}

// A server starts the command: nothing of it is below who has asked.
Unwrapped multiplexer(std::string_view name, const Words& words) {
  auto out = name == "screen" ? screen(words) : tmux(words);
  out.outlives = true;
  return out;
}

// Has the wrapper ended long before its command? Its own options stand before words[end].
bool goes_on(std::string_view name, const Words& words, std::size_t end) {
  const auto has = [&](std::string_view list) {
    return std::any_of(words.begin() + 1, words.begin() + static_cast<std::ptrdiff_t>(end),
                       [&](const std::string& word) { return is_listed(list, word); });
  };
  if (name == "setsid")
    return std::any_of(words.begin() + 1, words.begin() + static_cast<std::ptrdiff_t>(end),
                       [](const std::string& word) {
                         return word == "--fork" ||
                                (!word.starts_with("--") && word.find('f') != std::string::npos);
                       });
  // Left to the manager.
  if (name == "systemd-run") return !has("--scope --wait --pipe --pty --shell -P -t -S");
  return false;
}

Unwrapped git(const Words& words) {
  const auto sub = next_operand(words, 1, "C c");
  if (sub >= words.size()) return {};
  if (words[sub] == "bisect" && sub + 2 < words.size() && words[sub + 1] == "run")
    return behind(words, sub + 2);
  if (words[sub] == "rebase") {
    auto out = option_text(words, "--exec");
    return out.kind == Unwrapped::Kind::none ? option_text(words, "-x") : out;
  }
  return {};
}

// `env -S TEXT [WORDS]`: the text is words of env's own, as a shell would take them.
Unwrapped env_text(const Words& words) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    std::optional<std::string> text;
    std::size_t rest = i + 1;
    if (word == "-S" || word == "-vS" || word == "--split-string") {
      if (rest >= words.size()) return {};
      text = words[rest++];
    } else if (word.starts_with("--split-string=")) {
      text = std::string(word.substr(word.find('=') + 1));
    } else if (word.starts_with("-S")) {
      text = std::string(word.substr(2));
    }
    if (text) return text_of(*text + " " + shell_quoted(from(words, rest)));
    if (is_listed("-u -C --unset --chdir", word))
      ++i;
    else if (!is_option(word) && !is_shell_assignment(word))
      return {};
  }
  return {};
}

// `nix develop … -c CMD`
Unwrapped nix(const Words& words) {
  const auto option = std::find_if(words.begin(), words.end(), [](const std::string& word) {
    return word == "-c" || word == "--command";
  });
  if (option == words.end()) return {};
  return behind(words, static_cast<std::size_t>(option - words.begin()) + 1);
}

// Those that have more to them than options before a command.
Unwrapped special(std::string_view name, const Words& words) {
  if (is_listed(kShells, name) || name == "su" || name == "script") return shell_text(words);
  if (name == "eval") {
    std::string text;
    for (const auto& word : from(words, 1))
      text += word + " ";
    return text_of(text);
  }
  if (name == "xargs") return xargs(words, "n P I L s d a E i");
  if (name == "parallel") return xargs(words, "j S N a");
  if (name == "find") return find_exec(words);
  if (name == "watch") return words_or_text(words, next_operand(words, 1, "n interval"));
  if (name == "tmux" || name == "screen") return multiplexer(name, words);
  if (name == "git") return git(words);
  if (name == "nix-shell") return option_text(words, "--run");
  if (name == "env") return env_text(words);
  if (name == "nix") return nix(words);
  if (name == "cmd" || name == "cmd.exe") {
    const auto at = std::find(words.begin(), words.end(), "/c");
    return at == words.end()
               ? Unwrapped()
               : words_or_text(words, static_cast<std::size_t>(at - words.begin()) + 1);
  }
  return {};
}

Unwrapped through(const Wrapper& wrapper, const Words& words) {
  std::size_t at = next_operand(words, 1, wrapper.values);
  if (!wrapper.subcommand.empty()) {
    if (at >= words.size() || words[at] != wrapper.subcommand) return {};
    at = next_operand(words, at + 1, wrapper.values);
  }
  while (at < words.size() && is_shell_assignment(words[at]))
    at = next_operand(words, at + 1, wrapper.values);
  for (int i = 0; i < wrapper.operands; ++i)
    at = next_operand(words, at + 1, wrapper.values);
  auto out = behind(words, at);
  out.outlives = !out.words.empty() && goes_on(wrapper.name, words, at);
  return out;
}

// By the table that records are kept by.
Unwrapped through_known(std::string_view name, const Words& words) {
  // What `hatch run` runs is a name in its configuration.
  if (name == "hatch") return {};
  profiles::CommandLine command{words, 0, ""};
  if (!profiles::look_through_wrapper(command)) return {};
  auto out = behind(command.words, command.first);
  out.outlives = goes_on(name, words, command.first);
  return out;
}

// `coverage run -m pytest`: python's.
std::optional<Unwrapped> as_module(const Words& words) {
  const auto module = std::find(words.begin(), words.end(), "-m");
  if (module == words.end() || std::next(module) == words.end()) return std::nullopt;
  Unwrapped out;
  out.kind = Unwrapped::Kind::command;
  out.words = {"python3"};
  out.words.insert(out.words.end(), module, words.end());
  return out;
}

}  // namespace

std::string_view program_of(std::string_view word) {
  const auto slash = word.rfind('/');
  return slash == std::string_view::npos ? word : word.substr(slash + 1);
}

bool is_listed(std::string_view list, std::string_view word) {
  while (!list.empty() && !word.empty()) {
    const auto end = std::min(list.find(' '), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

std::size_t next_operand(const Words& words, std::size_t at, std::string_view values) {
  while (at < words.size()) {
    const std::string_view word = words[at];
    if (word == "--") return at + 1;
    if (!is_option(word)) return at;
    at += takes_next(word, values) ? 2U : 1U;
  }
  return words.size();
}

Unwrapped unwrap(const Words& words) {
  if (words.empty()) return {};
  const auto name = program_of(words.front());
  if (is_listed(kElsewhere, name)) {
    Unwrapped out;
    out.kind = Unwrapped::Kind::elsewhere;
    return out;
  }
  if (auto out = special(name, words); out.kind != Unwrapped::Kind::none) return out;
  if (auto out = through_known(name, words); out.kind != Unwrapped::Kind::none) return out;
  for (const auto& wrapper : kWrappers) {
    if (wrapper.name != name) continue;
    if (name == "coverage")
      if (auto module = as_module(words)) return *std::move(module);
    if (auto out = through(wrapper, words); out.kind != Unwrapped::Kind::none) return out;
  }
  return {};
}

}  // namespace jobward::hooks
