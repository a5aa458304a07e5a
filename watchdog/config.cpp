#include "watchdog/config.h"

#include <map>
#include <utility>

#include "common/text.h"
#include "watchdog/protection.h"
#include "watchdog/settings.h"
#include "watchdog/words.h"

namespace jobward::watchdog {
namespace {

// Reads line by line into a configuration of its own.
class Reader {
 public:
  Reader(std::string file, const UserLookup& users) : file_(std::move(file)), users_(users) {}

  Result<Config> read(std::string_view text) {
    for (const auto line : split(text, '\n')) {
      ++number_;
      auto done = read_line(line);
      if (!done)
        return rethrow(std::move(done).error(), printable(file_) + ":" + std::to_string(number_));
    }
    return std::move(config_);
  }

 private:
  Status read_line(std::string_view line) {
    const auto content = trim(without_comment(line));
    if (content.empty()) return {};
    if (has_control(content)) return error("read", quoted(content), "a control character is in it");
    const auto equals = content.find('=');
    if (equals == std::string_view::npos)
      return error("read", quoted(content), "expected KEY = VALUE");
    const auto key = trim(content.substr(0, equals));
    const auto value = trim(content.substr(equals + 1));
    auto done = key == "protect" ? add_rule(value) : set_once(key, value);
    // A key that there is not is in the error itself.
    if (!done && lines_.contains(std::string(key)))
      return rethrow(std::move(done).error(), std::string(key));
    return done;
  }

  static bool has_control(std::string_view content) {
    for (const char c : content) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte < 0x20 && c != '\t') || byte == 0x7F) return true;
    }
    return false;
  }

  Status set_once(std::string_view key, std::string_view value) {
    if (!is_key(key)) return apply_setting(key, value, users_, config_);  // says which is near
    const auto [earlier, is_first] = lines_.emplace(std::string(key), number_);
    if (!is_first)
      return error("set it", "twice",
                   "it stands in line " + std::to_string(earlier->second) + " too");
    return apply_setting(key, value, users_, config_);
  }

  static bool is_key(std::string_view key) {
    for (const auto& setting : settings())
      if (setting.key == key) return true;
    return false;
  }

  Status add_rule(std::string_view value) {
    lines_.emplace("protect", number_);
    JOBWARD_RETURN_IF_ERROR(apply_setting("protect", value, users_, config_));
    const auto& rule = config_.protect.back();
    for (std::size_t i = 0; i < rule_lines_.size(); ++i)
      if (same_rule(config_.protect[i], rule))
        return error("use", quoted(rule.text),
                     "line " + std::to_string(rule_lines_[i]) + " says the same");
    rule_lines_.push_back(number_);
    return {};
  }

  std::string file_;
  const UserLookup& users_;
  Config config_;
  std::size_t number_ = 0;
  std::map<std::string, std::size_t> lines_;  // where a key was first given
  std::vector<std::size_t> rule_lines_;       // beside config_.protect
};

}  // namespace

Result<Config> parse_config(std::string_view text, const std::string& file,
                            const UserLookup& users) {
  auto config = Reader(file, users).read(text);
  if (config && config->protect_defaults)
    for (auto& rule : default_protection(config->protect_root_only))
      config->protect.push_back(std::move(rule));
  return config;
}

}  // namespace jobward::watchdog
