#include "trust/key_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/fd.h"
#include "common/files.h"
#include "common/text.h"
#include "trust/canonical.h"
#include "trust/encoding.h"

namespace jobward::trust {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kEnding = ".key.json";
constexpr std::size_t kLongestFile = 64U << 10U;

const unsigned char* raw(const std::string& bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

bool is_name(const std::string& name) {
  static constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.size() <= 64 && name.front() != '.' && name.front() != '-' &&
         name.find_first_not_of(kAllowed) == std::string::npos;
}

// What a passphrase and a salt come to. The limits are part of the file, so that they can grow.
Result<std::string> stretched(const std::string& passphrase, const std::string& salt,
                              unsigned long long operations, std::size_t memory) {
  std::string key(crypto_secretbox_KEYBYTES, '\0');
  if (crypto_pwhash(raw(key), key.size(), passphrase.data(), passphrase.size(), raw(salt),
                    operations, memory, crypto_pwhash_ALG_ARGON2ID13) != 0)
    return error("use", "the passphrase",
                 "argon2id needs " + std::to_string(memory >> 20U) + " MiB of memory here");
  return key;
}

Result<Json> sealed(const std::string& seed, const std::string& passphrase) {
  auto salt = random_bytes(crypto_pwhash_SALTBYTES);
  auto nonce = random_bytes(crypto_secretbox_NONCEBYTES);
  if (!salt || !nonce) return error("get", "random bytes", "for a key file");
  auto key = stretched(passphrase, *salt, crypto_pwhash_OPSLIMIT_MODERATE,
                       crypto_pwhash_MEMLIMIT_MODERATE);
  if (!key) return tl::unexpected(std::move(key).error());
  std::string box(crypto_secretbox_MACBYTES + seed.size(), '\0');
  crypto_secretbox_easy(raw(box), raw(seed), seed.size(), raw(*nonce), raw(*key));
  wipe(*key);
  return Json{{"argon2id",
               {{"operations", crypto_pwhash_OPSLIMIT_MODERATE},
                {"memory_bytes", crypto_pwhash_MEMLIMIT_MODERATE},
                {"salt", base64(*salt)}}},
              {"nonce", base64(*nonce)},
              {"box", base64(box)}};
}

Result<std::string> unsealed(const Json& secret, const std::string& passphrase) {
  const auto broken = [] { return error("read", "the key file", "its secret part is damaged"); };
  if (!secret.is_object() || !secret.contains("argon2id")) return broken();
  const Json& how = secret["argon2id"];
  const auto salt = from_base64(text_member(how, "salt"));
  const auto nonce = from_base64(text_member(secret, "nonce"));
  const auto box = from_base64(text_member(secret, "box"));
  if (!salt || !nonce || !box || salt->size() != crypto_pwhash_SALTBYTES ||
      nonce->size() != crypto_secretbox_NONCEBYTES || box->size() <= crypto_secretbox_MACBYTES ||
      !how.contains("operations") || !how["operations"].is_number_unsigned() ||
      !how.contains("memory_bytes") || !how["memory_bytes"].is_number_unsigned() ||
      how["memory_bytes"].get<std::uint64_t>() > crypto_pwhash_MEMLIMIT_SENSITIVE)
    return broken();
  auto key = stretched(passphrase, *salt, how["operations"].get<unsigned long long>(),
                       how["memory_bytes"].get<std::size_t>());
  if (!key) return key;
  std::string seed(box->size() - crypto_secretbox_MACBYTES, '\0');
  const int opened =
      crypto_secretbox_open_easy(raw(seed), raw(*box), box->size(), raw(*nonce), raw(*key));
  wipe(*key);
  if (opened != 0) return error("open", "the key", "the passphrase is wrong, or the file damaged");
  return seed;
}

Result<Json> read_json(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return errno_error("open", printable(path));
  auto text = read_fd(fd.get(), printable(path), kLongestFile);
  if (!text) return tl::unexpected(std::move(text).error());
  auto value = Json::parse(*text, nullptr, false);
  wipe(*text);
  if (!value.is_object()) return error("read", "the key file " + printable(path), "it is damaged");
  return value;
}

Result<KeyInfo> read_info(const std::string& path) {
  auto value = read_json(path);
  if (!value) return tl::unexpected(std::move(value).error());
  KeyInfo info;
  info.name = text_member(*value, "name");
  info.role = text_member(*value, "role");
  info.agent = value->contains("agent") && (*value)["agent"] == true;
  if (value->contains("created_ms") && (*value)["created_ms"].is_number_integer())
    info.created = (*value)["created_ms"].get<std::int64_t>();
  auto key = read_key_line(text_member(*value, "public"));
  if (!key) return rethrow(std::move(key).error(), "the key file " + printable(path));
  info.key = std::move(*key);
  return info;
}

Status write_new(const std::string& path, const std::string& text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd && errno == EEXIST)
    return error("make", "the key " + printable(path), "there is one of that name; it was kept");
  if (!fd) return errno_error("create", printable(path));
  auto written = write_all(fd.get(), text, printable(path));
  if (written && ::fdatasync(fd.get()) != 0) written = errno_error("sync", printable(path));
  if (!written) ::unlink(path.c_str());
  return written;
}

}  // namespace

Result<KeyInfo> KeyFiles::make(const KeyInfo& info, const std::optional<std::string>& passphrase) {
  if (!is_name(info.name))
    return error("make", "the key \"" + printable(info.name) + "\"",
                 "a name has 1 to 64 letters, digits, '.', '_' and '-'");
  if (!passphrase && !info.agent)
    return error("make", "the key " + info.name, "only an agent's key is without a passphrase");
  JOBWARD_RETURN_IF_ERROR(make_private_directories(directory_));
  const auto key = SecretKey::generate();
  std::string seed = key.seed();
  Json secret{{"plain", base64(seed)}};
  if (passphrase) {
    auto box = sealed(seed, *passphrase);
    if (!box) return tl::unexpected(std::move(box).error());
    secret = std::move(*box);
  }
  wipe(seed);
  KeyInfo made = info;
  made.key = key.key();
  std::string text = canonical({{"schema_version", 1},
                                {"name", made.name},
                                {"role", json_text(made.role)},
                                {"agent", made.agent},
                                {"created_ms", made.created},
                                {"public", key_line(made.key)},
                                {"secret", std::move(secret)}}) +
                     "\n";
  auto written = write_new(directory_ + "/" + made.name + std::string(kEnding), text);
  wipe(text);
  if (!written) return tl::unexpected(std::move(written).error());
  return made;
}

Result<KeyFiles::List> KeyFiles::list() const {
  List out;
  const std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(directory_.c_str()), ::closedir);
  if (!handle && errno == ENOENT) return out;
  if (!handle) return errno_error("read", printable(directory_));
  while (const dirent* entry = ::readdir(handle.get())) {
    const std::string name = entry->d_name;
    if (!name.ends_with(kEnding)) continue;
    auto info = read_info(directory_ + "/" + name);
    if (info)
      out.keys.push_back(std::move(*info));
    else
      out.problems.push_back(info.error().message());
  }
  std::sort(out.keys.begin(), out.keys.end(),
            [](const KeyInfo& a, const KeyInfo& b) { return a.name < b.name; });
  return out;
}

Result<SecretKey> KeyFiles::open(const KeyInfo& info,
                                 const std::optional<std::string>& passphrase) const {
  start_sodium();
  auto value = read_json(directory_ + "/" + info.name + std::string(kEnding));
  if (!value) return tl::unexpected(std::move(value).error());
  const Json secret = value->value("secret", Json());
  Result<std::string> seed = error("open", "the key " + info.name, "it needs its passphrase");
  if (passphrase && !info.agent) {
    seed = unsealed(secret, *passphrase);
  } else if (info.agent) {
    auto bytes = from_base64(text_member(secret, "plain"));
    if (bytes) seed = std::move(*bytes);
  }
  if (!seed) return rethrow(std::move(seed).error(), "key " + info.name);
  auto key = SecretKey::from_seed(*seed);
  wipe(*seed);
  if (key && !(key->key() == info.key))
    return error("open", "the key " + info.name, "its file is damaged: it is another key's secret");
  return key;
}

}  // namespace jobward::trust
