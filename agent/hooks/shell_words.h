// The words of a shell text: quotes, expansions, brackets. Private to hooks/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jobward::hooks {

bool is_name_start(char c);
bool is_digit(char c);
bool contains(std::string_view set, char c);

// Reads a text from the front. What stands in a substitution is handed to inside().
class ShellWords {
 public:
  explicit ShellWords(std::string_view text) : text_(text) {}
  ShellWords(const ShellWords&) = delete;
  ShellWords& operator=(const ShellWords&) = delete;
  virtual ~ShellWords() = default;

 protected:
  // The text within $( … ), ` … `, <( … ).
  virtual void inside(std::string_view text) = 0;

  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  [[nodiscard]] bool starts(std::string_view what) const {
    return text_.substr(at_).starts_with(what);
  }
  // One word, its quotes undone. `quoted`: it had some.
  std::string read_word(bool& quoted);
  // Up to the end of (( … )) or $(( … )).
  void skip_arithmetic();
  void skip_blanks();
  // The text up to the bracket that closes, which is passed over.
  std::string_view matching(char close);

  std::string_view text_;
  std::size_t at_ = 0;
  bool unfinished_ = false;

 private:
  void read_single(std::string& word);
  void read_double(std::string& word);
  void read_escaped(std::string& word);
  void read_expansion(std::string& word, bool& quoted, bool in_double);
  std::size_t closing_backtick();
  void skip_double();
  void skip_bodies(const std::vector<std::string>& ends);
};

}  // namespace jobward::hooks
