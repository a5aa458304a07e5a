#include "profiles/features.h"

#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "common/units.h"
#include "profiles/paths.h"

namespace jobward::profiles {
namespace {

// Bounds a record: `gcc` with a thousand objects would leave a thousand numbers behind. What has no
// name of its own still counts in size:total.
constexpr std::size_t kMaxNamedFeatures = 64;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<double> number(std::string_view text) {
  if (auto plain = parse_number(text)) return *plain;
  if (auto bytes = parse_bytes(text)) return static_cast<double>(*bytes);
  return std::nullopt;
}

bool is_flag(std::string_view word) {
  return word.size() > 1 && word.front() == '-' && !parse_number(word);
}

class Reader {
 public:
  Reader(const Program& program, const std::string& cwd, const FileProbe& files)
      : program_(program), cwd_(cwd), files_(files) {}

  Features read() {
    const auto& words = program_.arguments;
    bool options = true;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (options && words[i] == "--") {
        options = false;
      } else if (!options || !is_flag(words[i])) {
        read_operand(words[i]);
      } else if (!read_joined_flag(words[i]) && i + 1 < words.size() && !is_flag(words[i + 1])) {
        read_value(words[i], words[i + 1]);
        ++i;
      }
    }
    if (inputs_ > 1 && unmeasured_.empty()) features_["size:total"] = total_;
    for (const auto& name : unmeasured_)
      features_.erase(name);
    return std::move(features_);
  }

 private:
  // --flag=value, and -j8. False if the flag's value can only be the next word.
  bool read_joined_flag(const std::string& word) {
    const auto equals = word.find('=');
    if (equals != std::string::npos) {
      read_value(word.substr(0, equals), word.substr(equals + 1));
      return true;
    }
    if (word.size() < 3 || !is_letter(word[1]) || !number(word.substr(2))) return false;
    read_value(word.substr(0, 2), word.substr(2));
    return true;
  }

  void read_operand(const std::string& word) {
    const auto equals = word.find('=');
    if (equals != std::string::npos && is_feature_name(word.substr(0, equals)))
      return read_value(word.substr(0, equals), word.substr(equals + 1));
    read_value("arg" + std::to_string(++operands_), word);
  }

  void read_value(const std::string& name, const std::string& value) {
    if (value.empty()) return;
    if (const auto count = number(value)) {
      if (double* slot = named("num:" + name)) *slot = *count;
      return;
    }
    const std::string path = absolute_path(cwd_, value);
    if (path == program_.script_path) return;
    const auto facts = files_.look(path);
    if (!facts || facts->kind == FileFacts::Kind::other) return;
    if (!facts->bytes) {
      unmeasured_.insert("size:" + name);
      return;
    }
    ++inputs_;
    total_ += static_cast<double>(*facts->bytes);
    if (double* slot = named("size:" + name)) *slot += static_cast<double>(*facts->bytes);
  }

  double* named(const std::string& name) {
    const auto found = features_.find(name);
    if (found != features_.end()) return &found->second;
    if (features_.size() >= kMaxNamedFeatures) return nullptr;
    return &features_.emplace(name, 0.0).first->second;
  }

  const Program& program_;
  const std::string& cwd_;
  const FileProbe& files_;
  Features features_;
  int operands_ = 0;
  int inputs_ = 0;
  double total_ = 0;
  std::set<std::string> unmeasured_;  // a sum that lacks an input would be wrong, not small
};

tl::unexpected<Error> bad_feature(const std::string& text, std::string detail) {
  return error("read feature", '"' + text + '"', std::move(detail));
}

}  // namespace

bool is_feature_name(std::string_view name) {
  for (const char c : name)
    if (!is_letter(c) && !is_digit(c) && c != '_' && c != '.' && c != '-') return false;
  return !name.empty();
}

Features command_features(const Program& program, const std::string& cwd, const FileProbe& files) {
  return Reader(program, cwd, files).read();
}

Result<Features> declared_features(const std::vector<std::string>& texts) {
  Features features;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) return bad_feature(text, "expected NAME=NUMBER");
    const std::string name = text.substr(0, equals);
    if (!is_feature_name(name))
      return bad_feature(text, "a name is made of letters, digits, '_', '.' and '-'");
    const auto value = parse_number(std::string_view(text).substr(equals + 1));
    if (!value) return bad_feature(text, "the value must be a finite decimal number");
    if (!features.emplace("feature:" + name, *value).second)
      return bad_feature(text, "\"" + name + "\" is given twice");
  }
  return features;
}

}  // namespace jobward::profiles
