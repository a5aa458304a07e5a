// A file system of a few facts, kept in memory.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "profiles/file_probe.h"

namespace jobward::test {

class FakeFileProbe final : public profiles::FileProbe {
 public:
  using Facts = profiles::FileFacts;

  FakeFileProbe& add_file(const std::string& path, const std::string& content) {
    facts_[path] = {Facts::Kind::regular, content.size()};
    contents_[path] = content;
    return *this;
  }
  // A file that is only looked at: reading it fails, as if it were too large.
  FakeFileProbe& add_sized_file(const std::string& path, std::uint64_t bytes) {
    facts_[path] = {Facts::Kind::regular, bytes};
    return *this;
  }
  // Without `bytes`, the tree could not be measured.
  FakeFileProbe& add_directory(const std::string& path, std::optional<std::uint64_t> bytes) {
    facts_[path] = {Facts::Kind::directory, bytes};
    return *this;
  }
  FakeFileProbe& add_other(const std::string& path) {
    facts_[path] = {Facts::Kind::other, std::nullopt};
    return *this;
  }

  [[nodiscard]] std::optional<Facts> look(const std::string& path) const override {
    looked_.push_back(path);
    const auto found = facts_.find(path);
    return found == facts_.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] std::optional<std::string> head(const std::string& path) const override {
    const auto found = contents_.find(path);
    return found == contents_.end() ? std::nullopt
                                    : std::optional(found->second.substr(0, kHeadBytes));
  }

  // The paths asked for by look(), in order.
  [[nodiscard]] const std::vector<std::string>& looked() const { return looked_; }

 private:
  std::map<std::string, Facts> facts_;
  std::map<std::string, std::string> contents_;
  mutable std::vector<std::string> looked_;
};

}  // namespace jobward::test
