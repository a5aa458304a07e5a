// Files that are obeyed only if the right people own them. The descriptor that is judged is the one
// that is read: a file that is exchanged meanwhile gains nothing.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "common/fd.h"
#include "common/result.h"

namespace jobward::cli {

struct OpenedFile {
  std::string path;
  std::string directory;
  Fd fd;
  struct stat file {};
  struct stat in {};  // the directory's
};

// Opens a file without following a link in its last part. Absent: there is none. An error has the
// errno; ELOOP: it is a symbolic link.
Result<std::optional<OpenedFile>> open_for_trust(const std::string& path);

// Why a project's configuration is not obeyed; absent: it is. It belongs to root or the user, and
// not the whole world may write it.
std::optional<std::string> project_objection(const OpenedFile& opened, uid_t user);

// The same for the system's policy, with the command that mends it: file and directory are root's,
// and nobody else's to write.
std::optional<std::string> policy_objection(const OpenedFile& opened);

}  // namespace jobward::cli
