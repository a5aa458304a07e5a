// A directory of its own for one test, removed with all that is in it.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace jobward::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory() : TemporaryDirectory(std::filesystem::temp_directory_path()) {}
  explicit TemporaryDirectory(const std::filesystem::path& parent)
      : path_(parent / "jobward-test.XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary directory");
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  // The path of something in it; `name` may have several parts and may begin with a slash.
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

  // Makes a file, and the directories above it, and returns its path.
  std::string write(const std::string& name, std::string_view text) const {
    const std::string file = path(name);
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream out(file, std::ios::binary);
    out << text;
    if (!out.flush()) throw std::runtime_error("cannot write " + file);
    return file;
  }
  std::string write_executable(const std::string& name, std::string_view text) const {
    const std::string file = write(name, text);
    if (::chmod(file.c_str(), 0755) != 0) throw std::runtime_error("cannot chmod " + file);
    return file;
  }
  std::string make_directory(const std::string& name) const {
    std::filesystem::create_directories(path(name));
    return path(name);
  }

 private:
  std::string path_;
};

}  // namespace jobward::test
