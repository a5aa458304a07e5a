#include "host/observe/job_attribute.h"

#include <sys/xattr.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <map>

#include "common/text.h"

namespace jobward::host {
namespace {

template <class T>
std::optional<T> number(const std::map<std::string, std::string, std::less<>>& fields,
                        std::string_view key) {
  const auto it = fields.find(key);
  if (it == fields.end()) return std::nullopt;
  T value{};
  const auto& text = it->second;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

constexpr std::size_t kLongestRunId = 64;

}  // namespace

std::string encode(const JobAttribute& attribute) {
  std::string text =
      "run=" + attribute.run_id + "\nsupervisor=" + std::to_string(attribute.supervisor_pid) +
      "\nboot=" + attribute.boot_id + "\nowner=" + std::to_string(attribute.owner_uid) + "\n";
  if (attribute.memory_p99_bytes)
    text += "p99=" + std::to_string(*attribute.memory_p99_bytes) + "\n";
  if (attribute.memory_limit_bytes)
    text += "limit=" + std::to_string(*attribute.memory_limit_bytes) + "\n";
  return text;
}

Result<JobAttribute> decode_job_attribute(std::string_view text) {
  std::map<std::string, std::string, std::less<>> fields;
  for (const auto line : split(text, '\n')) {
    if (line.empty()) continue;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos)
      return error("parse", kJobAttributeName,
                   "no '=' in \"" + printable(line.substr(0, 80)) + "\"");
    fields.insert_or_assign(std::string(line.substr(0, equals)),
                            std::string(line.substr(equals + 1)));
  }
  // Anybody may write it, and it becomes part of paths.
  const std::string& run = fields["run"];
  if (run.size() > kLongestRunId ||
      run.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
          std::string::npos)
    return error("parse", kJobAttributeName,
                 "\"" + printable(run.substr(0, 80)) + "\" is not the id of a run");
  JobAttribute out;
  const auto supervisor = number<int>(fields, "supervisor");
  const auto owner = number<std::uint32_t>(fields, "owner");
  if (fields["run"].empty() || fields.count("boot") == 0 || !supervisor || *supervisor <= 0 ||
      !owner)
    return error("parse", kJobAttributeName, "run, boot, supervisor or owner is missing or broken");
  out.run_id = fields["run"];
  out.boot_id = fields["boot"];
  out.supervisor_pid = *supervisor;
  out.owner_uid = *owner;
  for (const auto* key : {"p99", "limit"})
    if (fields.count(key) != 0 && !number<std::uint64_t>(fields, key))
      return error("parse", kJobAttributeName, std::string(key) + " is no number");
  out.memory_p99_bytes = number<std::uint64_t>(fields, "p99");
  out.memory_limit_bytes = number<std::uint64_t>(fields, "limit");
  return out;
}

Status write_job_attribute(int directory, const std::string& path, const JobAttribute& attribute) {
  const std::string text = encode(attribute);
  if (::fsetxattr(directory, kJobAttributeName, text.data(), text.size(), 0) != 0)
    return errno_error("set user.jobward on", path);
  return {};
}

Result<std::optional<JobAttribute>> read_job_attribute(const std::string& directory) {
  std::array<char, 4096> buffer;
  const ssize_t size =
      ::getxattr(directory.c_str(), kJobAttributeName, buffer.data(), buffer.size());
  if (size < 0 && (errno == ENODATA || errno == ENOTSUP || errno == ENOENT)) return std::nullopt;
  if (size < 0) return errno_error("read user.jobward of", directory);
  auto decoded = decode_job_attribute({buffer.data(), static_cast<std::size_t>(size)});
  if (!decoded) return rethrow(std::move(decoded).error(), directory);
  return std::optional(std::move(*decoded));
}

}  // namespace jobward::host
