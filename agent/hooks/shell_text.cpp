#include "agent/hooks/shell_text.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/hooks/shell_words.h"

namespace jobward::hooks {
namespace {

template <std::size_t N>
bool is_one_of(const std::string_view (&list)[N], std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

// After these a command begins.
constexpr std::string_view kBefore[] = {"if",    "then", "elif", "else", "while",
                                        "until", "do",   "!",    "{",    "coproc"};
constexpr std::string_view kOpens[] = {"if", "for", "while", "until", "select", "case", "{"};
constexpr std::string_view kCloses[] = {"fi", "done", "esac", "}"};

struct HereDocument {
  std::string end;
  bool strips_tabs = false;
  std::size_t command = 0;  // whose it is
};

class Reader final : private ShellWords {
 public:
  Reader(std::string_view text, ShellText& out, int depth, bool apart)
      : ShellWords(text), out_(out), depth_(depth), apart_(apart) {}

  void read() {
    while (!at_end())
      step();
    end_command();
    if (unfinished_ || !waiting_.empty() || brackets_ > 0) out_.unfinished = true;
  }

 private:
  void step() {
    const char c = peek();
    if (starts("\\\n")) {
      at_ += 2;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++at_;
    } else if (c == '#') {
      const auto end = text_.find('\n', at_);
      at_ = end == std::string_view::npos ? text_.size() : end;
    } else if (c == '\n') {
      ++at_;
      if (!continues_) list_begin_ = out_.commands.size();
      end_command();
      take_here_documents();
    } else if (c == ';' || c == '|' || (c == '&' && peek(1) != '>')) {
      take_separator();
    } else if (c == '(' || c == ')') {
      take_bracket();
    } else if (take_redirection()) {
      // its word is no word of the command
    } else {
      take_word();
    }
  }

  // ---- Commands

  ShellCommand& current() {
    continues_ = false;
    if (!open_) {
      out_.commands.emplace_back();
      index_ = out_.commands.size() - 1;
      out_.commands.back().apart = apart_ || brackets_ > 0 || piped_;
      out_.commands.back().fed = piped_;
      out_.commands.back().function = function_;
      open_ = true;
    }
    return out_.commands[index_];
  }

  void end_command() {
    open_ = false;
    skipping_ = false;
    piped_ = false;
  }

  void take_separator() {
    const char c = text_[at_++];
    const bool doubled = peek() == c;
    continues_ = doubled || c == '|';
    if (doubled) ++at_;
    if (c == '|' && !doubled) {
      if (peek() == '&') ++at_;
      if (open_) current().apart = true;
      end_command();
      piped_ = true;
      return;
    }
    if (c == '&' && !doubled) {
      // All of the list that it ends, whatever brackets are around its parts.
      for (std::size_t i = list_begin_; i < out_.commands.size(); ++i)
        out_.commands[i].apart = out_.commands[i].in_background = true;
    }
    end_command();
    if (!doubled) list_begin_ = out_.commands.size();
  }

  void take_bracket() {
    const char c = text_[at_++];
    if (c == '(') {
      // name () { … }
      if (open_ && current().words.size() == 1 && peek() == ')') {
        ++at_;
        begin_function(current().words.front());
        out_.commands.pop_back();
        open_ = false;
        return;
      }
      if (peek() == '(' && !open_) {  // (( … )): arithmetic
        skip_arithmetic();
        return;
      }
      end_command();
      ++brackets_;
      enter();
      return;
    }
    // A ")" without its "(" ends a pattern of `case`, which is no command.
    if (brackets_ == 0 && open_ && index_ + 1 == out_.commands.size()) out_.commands.pop_back();
    end_command();
    if (brackets_ > 0) {
      --brackets_;
      leave();
    }
  }

  // ---- Words

  void take_word() {
    bool quoted = false;
    auto word = read_word(quoted);
    if (skipping_) return;
    if (std::exchange(names_function_, false)) {
      begin_function(word);
      return;
    }
    if (!open_ || current().words.empty()) {
      if (!quoted && take_keyword(word)) return;
      if (is_shell_assignment(word)) {
        current().assigned.push_back(word.substr(0, word.find_first_of("+=[")));
        return;
      }
    }
    current().words.push_back(std::move(word));
  }

  // Into a compound command, where lists begin and end of their own, and out of it.
  void enter() {
    outer_begins_.push_back(list_begin_);
    list_begin_ = out_.commands.size();
  }
  void leave() {
    if (outer_begins_.empty()) return;
    list_begin_ = outer_begins_.back();
    outer_begins_.pop_back();
  }

  // Its body is what stands between the next braces.
  void begin_function(const std::string& name) {
    out_.functions.push_back(name);
    if (!function_.empty()) return;  // one in another: all of it is the outer one's
    function_ = name;
    function_braces_ = braces_;
  }

  bool take_keyword(const std::string& word) {
    if (open_) return false;
    if (is_one_of(kOpens, word)) enter();
    if (word == "for" || word == "select" || word == "case") {
      skipping_ = true;  // its words are no command
      return true;
    }
    if (word == "function") {
      names_function_ = true;
      return true;
    }
    if (word == "[[") {
      const auto end = text_.find("]]", at_);
      at_ = end == std::string_view::npos ? text_.size() : end + 2;
      if (end == std::string_view::npos) out_.unfinished = true;
      return true;
    }
    if (word == "{") ++braces_;
    if (word == "}" && --braces_ <= function_braces_) function_.clear();
    if (is_one_of(kCloses, word)) leave();
    return is_one_of(kBefore, word) || is_one_of(kCloses, word);
  }

  void inside(std::string_view text) override {
    if (depth_ >= kDeepestShell) {
      out_.unfinished = true;
      return;
    }
    // What is in it is looked at where it stands, so the command around it comes first.
    if (!skipping_) static_cast<void>(current());
    Reader(text, out_, depth_ + 1, true).read();
  }

  // ---- Redirections and here-documents

  bool take_redirection() {
    std::size_t length = 0;
    if (starts("&>")) {
      length = 2;
    } else {
      while (is_digit(peek(length)))
        ++length;
      if (peek(length) != '<' && peek(length) != '>') return false;
      ++length;
    }
    const bool in = text_[at_ + length - 1] == '<';
    at_ += length;
    if (peek() == '(') {  // <( … ) and >( … )
      ++at_;
      inside(matching(')'));
      return true;
    }
    if (in && peek() == '<') {
      take_here();
      return true;
    }
    if (contains(">|&", peek())) ++at_;
    skip_blanks();
    bool quoted = false;
    static_cast<void>(read_word(quoted));
    if (in) current().fed = true;
    return true;
  }

  void take_here() {
    ++at_;
    if (peek() == '<') {
      ++at_;
      skip_blanks();
      bool quoted = false;
      auto word = read_word(quoted);
      current().here_text += word;
      return;
    }
    HereDocument document;
    if (peek() == '-') {
      document.strips_tabs = true;
      ++at_;
    }
    skip_blanks();
    bool quoted = false;
    document.end = read_word(quoted);
    static_cast<void>(current());
    document.command = index_;
    waiting_.push_back(std::move(document));
  }

  void take_here_documents() {
    for (const auto& document : waiting_) {
      std::string body;
      bool closed = false;
      while (at_ < text_.size() && !closed) {
        const auto end = std::min(text_.find('\n', at_), text_.size());
        auto line = text_.substr(at_, end - at_);
        at_ = std::min(end + 1, text_.size());
        if (document.strips_tabs)
          line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
        closed = line == document.end;
        if (!closed) body.append(line).append("\n");
      }
      if (!closed) out_.unfinished = true;
      out_.commands[document.command].here_text += body;
    }
    waiting_.clear();
  }

  ShellText& out_;
  int depth_;
  bool apart_;
  std::size_t index_ = 0;
  bool open_ = false;       // a command has begun
  bool continues_ = false;  // after &&, || or |: a list goes on in the next line
  bool skipping_ = false;   // up to the end of this command: words of `for`, `case`
  bool piped_ = false;      // the next command is fed by a pipe
  int brackets_ = 0;
  std::size_t list_begin_ = out_.commands.size();  // the first command of this list
  std::vector<std::size_t> outer_begins_;
  int braces_ = 0;
  std::string function_;  // whose body this is
  int function_braces_ = 0;
  bool names_function_ = false;  // the next word is a function's name
  std::vector<HereDocument> waiting_;
};

}  // namespace

bool is_shell_assignment(std::string_view word) {
  if (word.empty() || !is_name_start(word.front())) return false;
  std::size_t at = 1;
  while (at < word.size() && (is_name_start(word[at]) || is_digit(word[at])))
    ++at;
  if (at < word.size() && word[at] == '[') {
    const auto end = word.find(']', at);
    if (end == std::string_view::npos) return false;
    at = end + 1;
  }
  if (at < word.size() && word[at] == '+') ++at;
  return at < word.size() && word[at] == '=';
}

ShellText read_shell(std::string_view text) {
  ShellText out;
  Reader(text, out, 0, false).read();
  return out;
}

}  // namespace jobward::hooks
