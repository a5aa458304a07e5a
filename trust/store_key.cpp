#include "trust/store_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/fd.h"
#include "common/files.h"
#include "common/text.h"
#include "trust/encoding.h"

namespace jobward::trust {
namespace {

std::string place_of(const std::string& directory) { return directory + "/keys/store.key"; }

// Absent: no such file.
Result<std::optional<SecretKey>> read_key(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) return errno_error("open", printable(path));
  auto text = read_fd(fd.get(), printable(path), 4096);
  if (!text) return tl::unexpected(std::move(text).error());
  auto seed = from_base64(trim(*text));
  wipe(*text);
  if (!seed || seed->size() != kHashBytes)
    return error("read", "the store's key " + printable(path),
                 "it is damaged; put it back, or move it away: a new one is made, and the heads "
                 "signed before are then another key's");
  auto key = SecretKey::from_seed(*seed);
  wipe(*seed);
  if (!key) return rethrow(std::move(key).error(), "the store's key " + printable(path));
  return std::optional(std::move(*key));
}

Status write_key(const std::string& path, const SecretKey& key) {
  std::string temporary = path + ".XXXXXX";
  const Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return errno_error("create a file beside", printable(path));
  std::string seed = key.seed();
  std::string text = base64(seed) + "\n";
  wipe(seed);
  auto written = write_all(fd.get(), text, printable(temporary));
  wipe(text);
  if (written && ::fdatasync(fd.get()) != 0) written = errno_error("sync", printable(temporary));
  // Of two processes the first makes the key: a link does not replace.
  if (written && ::link(temporary.c_str(), path.c_str()) != 0 && errno != EEXIST)
    written = errno_error("create", printable(path));
  ::unlink(temporary.c_str());
  return written;
}

}  // namespace

Result<SecretKey> store_key(const std::string& state_directory) {
  const std::string path = place_of(state_directory);
  auto known = read_key(path);
  if (!known) return tl::unexpected(std::move(known).error());
  if (*known) return std::move(**known);
  JOBWARD_RETURN_IF_ERROR(make_private_directories(state_directory + "/keys"));
  JOBWARD_RETURN_IF_ERROR(write_key(path, SecretKey::generate()));
  known = read_key(path);
  if (!known) return tl::unexpected(std::move(known).error());
  if (!*known) return errno_error("open", printable(path), ENOENT);
  return std::move(**known);
}

Result<std::optional<PublicKey>> store_public_key(const std::string& state_directory) {
  auto key = read_key(place_of(state_directory));
  if (!key) return tl::unexpected(std::move(key).error());
  if (!*key) return std::nullopt;
  return (*key)->key();
}

}  // namespace jobward::trust
