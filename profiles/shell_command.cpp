#include "profiles/shell_command.h"

#include "profiles/option_scan.h"

namespace jobward::profiles {
namespace {

constexpr std::string_view kBlank = " \t";
constexpr std::string_view kEndsWord = " \t\n;&|()<>";

// Words that a shell takes for itself when a command begins with them.
constexpr std::string_view kShellsOwn =
    "! [[ ]] { } if then elif else fi for while until do done case esac select function coproc "
    ". : [ alias bg break cd continue declare eval exit export fg getopts hash jobs let local read "
    "readonly return set shift shopt source test times trap type typeset ulimit umask unalias "
    "unset "
    "wait";

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool contains(std::string_view set, char c) { return set.find(c) != std::string_view::npos; }

// Reads text from the front. Once it meets what is not simple it has failed, and says so in
// failed().
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool failed() const { return failed_; }

  // The next word of the command; absent at the end and on failure.
  std::optional<std::string> next_word() {
    while (true) {
      skip_blanks();
      if (rest_.empty()) return std::nullopt;
      if (at_end_of_command() || failed_) return std::nullopt;
      if (!take_redirection()) break;
      if (failed_ || !read_word()) return fail();
    }
    if (rest_.front() == '#' || contains(kEndsWord, rest_.front())) return fail();
    return read_word();
  }

 private:
  std::nullopt_t fail() {
    failed_ = true;
    return std::nullopt;
  }

  void skip_blanks() {
    while (!rest_.empty()) {
      if (rest_.starts_with("\\\n"))
        rest_.remove_prefix(2);
      else if (contains(kBlank, rest_.front()))
        rest_.remove_prefix(1);
      else
        return;
    }
  }

  // A `;` or newlines may close the text; with anything behind them it is more than one command.
  bool at_end_of_command() {
    if (rest_.front() != ';' && rest_.front() != '\n') return false;
    if (rest_.front() == ';') rest_.remove_prefix(1);
    if (rest_.find_first_not_of(" \t\n") != std::string_view::npos) failed_ = true;
    return true;
  }

  // Reads `>`, `2>>`, `&>`, `<` and the like; their word comes next. `<<` and `<(` have none, which
  // is how they turn out not to be simple.
  bool take_redirection() {
    std::size_t at = 0;
    while (at < rest_.size() && is_digit(rest_[at]))
      ++at;
    if (at == 0 && rest_.starts_with("&>")) at = 1;
    if (at >= rest_.size() || (rest_[at] != '<' && rest_[at] != '>')) return false;
    ++at;
    if (at < rest_.size() && contains(">|&", rest_[at])) ++at;
    rest_.remove_prefix(at);
    skip_blanks();
    return true;
  }

  std::optional<std::string> read_word() {
    std::string word;
    bool any = false;
    while (!rest_.empty() && !contains(kEndsWord, rest_.front())) {
      any = true;
      const char c = take();
      if (c == '\'') {
        const auto end = rest_.find('\'');
        if (end == std::string_view::npos) return fail();
        word += rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
      } else if (c == '"') {
        if (!read_double_quoted(word)) return fail();
      } else if (c == '\\') {
        if (rest_.empty()) return fail();
        if (const char next = take(); next != '\n') word += next;
      } else if (!expands_simply(c)) {
        return fail();
      } else {
        word += c;
      }
    }
    if (!any) return std::nullopt;
    return word;
  }

  bool read_double_quoted(std::string& word) {
    while (!rest_.empty()) {
      const char c = take();
      if (c == '"') return true;
      if (c == '\\' && !rest_.empty() && contains("\"\\$`\n", rest_.front())) {
        if (const char next = take(); next != '\n') word += next;
      } else if (!expands_simply(c)) {
        return false;
      } else {
        word += c;
      }
    }
    return false;
  }

  // $NAME and ${NAME are left in the word as they stand; other expansions depend on what is not
  // known here.
  [[nodiscard]] bool expands_simply(char c) const {
    if (c == '`') return false;
    if (c != '$') return true;
    const auto name = rest_.starts_with('{') ? rest_.substr(1) : rest_;
    if (!name.empty() && is_name_start(name.front())) return true;
    return rest_.empty() || contains(" \t\n/.,:%\"", rest_.front());
  }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace

bool is_assignment(std::string_view word) {
  if (word.empty() || !is_name_start(word.front())) return false;
  const auto end = word.find('=');
  if (end == std::string_view::npos) return false;
  for (const char c : word.substr(0, end))
    if (!is_name_start(c) && !is_digit(c)) return false;
  return true;
}

std::optional<std::vector<std::string>> simple_command(std::string_view text) {
  const auto start = text.find_first_not_of(" \t\n");
  if (start == std::string_view::npos) return std::nullopt;
  Reader reader(text.substr(start));
  std::vector<std::string> words;
  while (auto word = reader.next_word())
    if (!words.empty() || !is_assignment(*word)) words.push_back(std::move(*word));
  if (reader.failed() || words.empty()) return std::nullopt;
  const auto& first = words.front();
  if (first.empty() || first.front() == '$' || lists(kShellsOwn, first)) return std::nullopt;
  return words;
}

}  // namespace jobward::profiles
