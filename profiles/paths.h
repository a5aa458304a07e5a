// Paths as text: nothing here asks the file system.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace jobward::profiles {

inline std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// `path` seen from `directory` (absolute), without ".", ".." and a trailing slash.
inline std::string absolute_path(const std::string& directory, const std::string& path) {
  std::string whole = (std::filesystem::path(directory) / path).lexically_normal().string();
  while (whole.size() > 1 && whole.back() == '/')
    whole.pop_back();
  return whole;
}

// Both absolute. The path below `root`, or `path` itself where it lies elsewhere.
inline std::string path_within(const std::string& root, const std::string& path) {
  const std::string prefix = root.empty() || root.back() == '/' ? root : root + '/';
  return path.size() > prefix.size() && path.starts_with(prefix) ? path.substr(prefix.size())
                                                                 : path;
}

}  // namespace jobward::profiles
