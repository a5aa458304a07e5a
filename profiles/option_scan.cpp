#include "profiles/option_scan.h"

#include <optional>

namespace jobward::profiles {
namespace {

enum class Role { flag, value, attached, code, module, script, directory, noted };

Role role_of(const OptionSpec& spec, std::string_view name) {
  if (lists(spec.code, name)) return Role::code;
  if (lists(spec.module, name)) return Role::module;
  if (lists(spec.script, name)) return Role::script;
  if (lists(spec.directory, name)) return Role::directory;
  if (lists(spec.noted, name)) return Role::noted;
  if (lists(spec.values, name)) return Role::value;
  if (lists(spec.attached, name)) return Role::attached;
  return Role::flag;
}

class Scanner {
 public:
  Scanner(const std::vector<std::string>& words, std::size_t first, const OptionSpec& spec)
      : words_(words), spec_(spec) {
    scan_.next = first;
  }

  OptionScan run() {
    while (scan_.next < words_.size() && !done_) {
      const std::string_view word = words_[scan_.next];
      const bool plus = spec_.plus_options && word.starts_with('+');
      if (word.size() < 2 || (!word.starts_with('-') && !plus)) break;
      ++scan_.next;
      if (word == "--") break;
      if (word.starts_with("--") || spec_.whole_words)
        read_long(word);
      else
        read_cluster(word);
    }
    return scan_;
  }

 private:
  void read_long(std::string_view word) {
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    const auto equals = word.find('=');
    const Role role = role_of(spec_, word.substr(0, equals));
    if (equals == std::string_view::npos)
      apply(role, std::nullopt);
    else
      apply(role, word.substr(equals + 1));
  }

  void read_cluster(std::string_view word) {
    for (std::size_t at = 1; at < word.size(); ++at) {
      const Role role = role_of(spec_, word.substr(at, 1));
      const auto rest = word.substr(at + 1);
      apply(role, rest.empty() ? std::nullopt : std::optional(rest));
      if (role != Role::flag && role != Role::noted) return;
    }
  }

  void apply(Role role, std::optional<std::string_view> value) {
    switch (role) {
      case Role::flag:
      case Role::attached:
        return;
      case Role::noted:
        scan_.noted = true;
        return;
      case Role::value:
        take(value);
        return;
      case Role::directory:
        scan_.directory = take(value);
        return;
      case Role::code:
        return stop(OptionScan::Stop::code, value);
      case Role::module:
        return stop(OptionScan::Stop::module, value);
      case Role::script:
        return stop(OptionScan::Stop::script, value);
    }
  }

  void stop(OptionScan::Stop why, std::optional<std::string_view> value) {
    scan_.stop = why;
    scan_.value = take(value);
    done_ = true;
  }

  // The value in the same word, else the next word, which is then read.
  std::string take(std::optional<std::string_view> value) {
    if (value) return std::string(*value);
    return scan_.next < words_.size() ? words_[scan_.next++] : std::string();
  }

  const std::vector<std::string>& words_;
  const OptionSpec& spec_;
  OptionScan scan_;
  bool done_ = false;
};

}  // namespace

OptionScan scan_options(const std::vector<std::string>& words, std::size_t first,
                        const OptionSpec& spec) {
  return Scanner(words, first, spec).run();
}

bool lists(std::string_view list, std::string_view word) {
  if (word.empty() || word.find(' ') != std::string_view::npos) return false;
  for (std::size_t at = list.find(word); at != std::string_view::npos;
       at = list.find(word, at + 1)) {
    const auto end = at + word.size();
    if ((at == 0 || list[at - 1] == ' ') && (end == list.size() || list[end] == ' ')) return true;
  }
  return false;
}

}  // namespace jobward::profiles
