#include "profiles/secrets.h"

#include <array>
#include <cstddef>
#include <string_view>

#include "profiles/option_scan.h"
#include "profiles/paths.h"
#include "profiles/secret_shapes.h"

namespace jobward::profiles {
namespace {

// How a word is to be read: as the program gets it, or as a shell will still take it apart.
enum class Form { argument, shell_word };

// Bounds recursion: a hostile argument can nest quotes and '=' as deep as it is long.
constexpr int kMaxDepth = 8;

std::vector<std::string> mask_words(const std::vector<std::string>& words, Form form, int depth);
std::string mask_word(std::string_view word, Form form, int depth);

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }
bool ends_shell_word(char c) {
  return is_blank(c) || std::string_view(";&|()<>`").find(c) != std::string_view::npos;
}

// The length of the shell word at the front of text, with what its quotes hold together, or
// without.
std::size_t shell_word_length(std::string_view text, bool quotes) {
  char quote = 0;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\' && quote != '\'') {
      ++at;
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (quotes && (c == '"' || c == '\'')) {
      quote = c;
    } else if (ends_shell_word(c)) {
      break;
    }
  }
  return at < text.size() ? at : text.size();
}

// Masks a text word by word; what lies between the words stays.
std::string mask_text(std::string_view text, int depth) {
  std::vector<std::string> words;
  std::vector<std::string> gaps(1);
  // Quotes that make all of it one word tell nothing: an apostrophe, or a quote that is not closed.
  const bool quotes = shell_word_length(text, true) < text.size();
  while (!text.empty()) {
    const auto length = shell_word_length(text, quotes);
    if (length == 0) {
      gaps.back() += text.front();
      text.remove_prefix(1);
      continue;
    }
    words.emplace_back(text.substr(0, length));
    gaps.emplace_back();
    text.remove_prefix(length);
  }
  const auto masked = mask_words(words, Form::shell_word, depth);
  std::string whole = gaps.front();
  for (std::size_t i = 0; i < masked.size(); ++i)
    whole += masked[i] + gaps[i + 1];
  return whole;
}

bool is_name(std::string_view text) {
  for (const char c : text)
    if (is_blank(c) || c == '"' || c == '\'' || c == ':' || c == '/' || c == ';' || c == '&' ||
        c == '?')
      return false;
  return !text.empty();
}

// "--password=", "API_KEY=", "X-Api-Key: ": the length of a name that makes all the rest a secret,
// or 0.
std::size_t secret_name_length(std::string_view word) {
  const auto equals = word.find('=');
  if (equals != std::string_view::npos && equals + 1 < word.size() &&
      is_name(word.substr(0, equals)) &&
      names_secret(word.substr(0, equals), word.substr(equals + 1)))
    return equals + 1;
  const auto colon = word.find(": ");
  if (colon == std::string_view::npos || !is_name(word.substr(0, colon))) return 0;
  const auto header = word.substr(0, colon);
  const bool authorization = header.ends_with("uthorization") || header.ends_with("UTHORIZATION");
  return authorization || names_secret(header, word.substr(colon + 2)) ? colon + 2 : 0;
}

bool is_quoted(std::string_view word) {
  return word.size() >= 2 && (word.front() == '"' || word.front() == '\'') &&
         word.back() == word.front();
}

std::string mask_word(std::string_view word, Form form, int depth) {
  if (depth >= kMaxDepth) return mask_inside(word);
  if (form == Form::shell_word && is_quoted(word)) {
    const auto inner = word.substr(1, word.size() - 2);
    return word.front() + mask_word(inner, Form::argument, depth + 1) + word.back();
  }
  if (const auto length = secret_name_length(word); length > 0)
    return std::string(word.substr(0, length)).append(kMasked);
  const auto equals = word.find('=');
  if (equals != std::string_view::npos && is_name(word.substr(0, equals)))
    return std::string(word.substr(0, equals + 1)) +
           mask_word(word.substr(equals + 1), form, depth + 1);
  for (const char c : word)
    if (is_blank(c)) return mask_text(word, depth + 1);
  return mask_inside(word);
}

// Options of single programs that carry a password though their names do not say so.
struct CredentialOption {
  std::string_view programs;
  std::string_view option;
  bool in_next_word;
  bool in_same_word;
  bool after_colon;  // "user:password"
};
constexpr std::array kCredentialOptions{
    CredentialOption{"curl wget", "-u", true, true, true},
    CredentialOption{"curl", "--user", true, false, true},
    CredentialOption{"curl", "--proxy-user", true, false, true},
    CredentialOption{"sshpass", "-p", true, true, false},
    CredentialOption{"mysql mysqldump mysqladmin mariadb", "-p", false, true, false},
};

std::string mask_credential(std::string_view value, bool after_colon) {
  if (!after_colon) return std::string(kMasked);
  const auto colon = value.find(':');
  if (colon == std::string_view::npos || colon + 1 == value.size()) return std::string(value);
  auto masked = std::string(value.substr(0, colon + 1)).append(kMasked);
  return is_quoted(value) ? masked + value.back() : masked;
}

// Masks a list of words, where a flag may announce that the next word is a secret.
class WordMasker {
 public:
  WordMasker(Form form, int depth) : form_(form), depth_(depth) {}

  std::string mask(const std::string& word) {
    const bool announced = announced_ && !is_option(word);
    announced_ = false;
    if (announced && names_secret(flag_, word)) return std::string(kMasked);
    if (credential_ != nullptr) {
      const auto* option = credential_;
      credential_ = nullptr;
      return mask_credential(word, option->after_colon);
    }
    note_program(word);
    if (const auto* option = credential_option(word)) {
      if (word.size() == option->option.size())
        credential_ = option->in_next_word ? option : nullptr;
      else if (option->in_same_word)
        return std::string(option->option) +
               mask_credential(std::string_view(word).substr(option->option.size()),
                               option->after_colon);
    }
    note_flag(word);
    return mask_word(word, form_, depth_);
  }

 private:
  // After `--password` an option means that the flag took no value; a secret may still begin with a
  // dash.
  static bool is_option(std::string_view word) {
    return word.starts_with("--") || (word.size() == 2 && word.front() == '-');
  }

  void note_flag(const std::string& word) {
    announced_ = word.size() > 1 && word.front() == '-' && word.find('=') == std::string::npos &&
                 is_name(word);
    if (announced_) flag_ = word;
  }

  void note_program(std::string_view word) {
    const auto name = base_name(word);
    for (const auto& option : kCredentialOptions)
      if (lists(option.programs, name)) program_ = name;
  }

  [[nodiscard]] const CredentialOption* credential_option(std::string_view word) const {
    for (const auto& option : kCredentialOptions)
      if (lists(option.programs, program_) &&
          (word == option.option || (option.in_same_word && word.starts_with(option.option))))
        return &option;
    return nullptr;
  }

  Form form_;
  int depth_;
  bool announced_ = false;
  std::string flag_;
  std::string program_;
  const CredentialOption* credential_ = nullptr;
};

std::vector<std::string> mask_words(const std::vector<std::string>& words, Form form, int depth) {
  WordMasker masker(form, depth);
  std::vector<std::string> masked;
  masked.reserve(words.size());
  for (const auto& word : words)
    masked.push_back(masker.mask(word));
  return masked;
}

bool is_shell(std::string_view word) {
  return lists("sh bash dash ksh zsh fish ash", base_name(word));
}

// -c, -lc, -ec: the next word is program text.
bool announces_text(std::string_view word) {
  return word.size() > 1 && word.front() == '-' && word[1] != '-' && word.ends_with('c');
}

}  // namespace

std::vector<std::string> mask_secrets(const std::vector<std::string>& argv) {
  auto masked = mask_words(argv, Form::argument, 0);
  bool shell = false;
  for (std::size_t i = 0; i < argv.size(); ++i) {
    if (shell && i > 0 && announces_text(argv[i - 1])) masked[i] = mask_text(argv[i], 0);
    shell = shell || is_shell(argv[i]);
  }
  return masked;
}

}  // namespace jobward::profiles
