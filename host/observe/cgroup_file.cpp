#include "host/observe/cgroup_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

namespace jobward::host {
namespace {

constexpr std::size_t kLargest = 16384;
using Buffer = std::array<char, kLargest>;

Result<std::string_view> read_again(const Fd& fd, Buffer& buffer, const std::string& name) {
  const ssize_t got = ::pread(fd.get(), buffer.data(), buffer.size(), 0);
  if (got < 0) return errno_error("read", name);
  if (static_cast<std::size_t>(got) == buffer.size())
    return error("read", name, "it is longer than expected");
  return std::string_view(buffer.data(), static_cast<std::size_t>(got));
}

}  // namespace

Result<CgroupFile> CgroupFile::open(const CgroupDir& dir, const std::string& name) {
  auto fd = dir.open_file(name, O_RDONLY);
  if (!fd) return tl::unexpected(std::move(fd).error());
  return CgroupFile(std::move(*fd), dir.path() + "/" + name);
}

Result<std::uint64_t> CgroupFile::counter() const {
  Buffer buffer;
  auto text = read_again(fd_, buffer, name_);
  if (!text) return tl::unexpected(std::move(text).error());
  auto value = parse_counter(*text);
  if (!value) return rethrow(std::move(value).error(), name_);
  if (!*value) return error("read", name_, "no number");
  return **value;
}

Result<FlatKeyed> CgroupFile::keyed() const {
  Buffer buffer;
  auto text = read_again(fd_, buffer, name_);
  if (!text) return tl::unexpected(std::move(text).error());
  auto value = parse_flat_keyed(*text);
  if (!value) return rethrow(std::move(value).error(), name_);
  return value;
}

std::uint64_t value_or_zero(const FlatKeyed& keyed, std::string_view key) {
  const auto it = keyed.find(key);
  return it == keyed.end() ? 0 : it->second;
}

}  // namespace jobward::host
