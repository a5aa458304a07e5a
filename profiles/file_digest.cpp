#include "profiles/file_digest.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/fd.h"
#include "common/files.h"
#include "common/identity.h"

namespace jobward::profiles {

std::optional<FileDigest> digest_file(const std::string& role, const std::string& path) {
  // O_NONBLOCK: a fifo of that name must not hold us up.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
  FileDigest digest;
  digest.role = role;
  digest.path = path;
  digest.bytes = static_cast<std::uint64_t>(facts.st_size);
  digest.mtime_ms =
      static_cast<std::int64_t>(facts.st_mtim.tv_sec) * 1000 + facts.st_mtim.tv_nsec / 1000000;
  if (digest.bytes > kDigestLimit) return digest;
  if (const auto content = read_fd(fd.get(), path, kDigestLimit))
    digest.sha256 = sha256_hex(*content);
  return digest;
}

}  // namespace jobward::profiles
