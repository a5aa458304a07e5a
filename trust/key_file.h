// Keys of people and agents, at rest: one file each in the state directory's keys/, mode 0600.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "trust/keys.h"

namespace jobward::trust {

struct KeyInfo {
  std::string name;
  std::string role;
  bool agent = false;  // without a passphrase
  PublicKey key;
  UnixMillis created = 0;
};

class KeyFiles {
 public:
  explicit KeyFiles(const std::string& state_directory) : directory_(state_directory + "/keys") {}

  // A new key. With a passphrase it is encrypted: argon2id (libsodium, moderate: 256 MiB, under a
  // second) makes the key of a secretbox. Without one only for an agent. A name that is taken is an
  // error; names are 1 to 64 letters, digits, '.', '_' and '-'.
  Result<KeyInfo> make(const KeyInfo& info, const std::optional<std::string>& passphrase);
  // All of them, by name. What cannot be read is told in `problems`.
  struct List {
    std::vector<KeyInfo> keys;
    std::vector<std::string> problems;
  };
  Result<List> list() const;
  // A wrong passphrase is an error that says so. `passphrase` absent: only for an agent's key.
  Result<SecretKey> open(const KeyInfo& info, const std::optional<std::string>& passphrase) const;

 private:
  std::string directory_;
};

}  // namespace jobward::trust
