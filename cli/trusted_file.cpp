#include "cli/trusted_file.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>

#include "common/text.h"

namespace jobward::cli {
namespace {

bool is_absence(int errnum) { return errnum == ENOENT || errnum == ENOTDIR; }

std::string mode_text(const struct stat& facts) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", facts.st_mode & 07777U);
  return text;
}

std::string uid_text(uid_t uid) { return "uid " + std::to_string(uid); }

// What is wrong with one of them for a policy; `what` is "it" or "its directory".
std::optional<std::string> not_roots_own(const struct stat& facts, const std::string& path,
                                         const std::string& what) {
  const std::string shown = shell_quoted({path});
  if (facts.st_uid != 0)
    return what + " belongs to " + uid_text(facts.st_uid) +
           ", not to root; mend it with `chown root " + shown + "`";
  if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return what + " can be written by others than root (mode " + mode_text(facts) +
           "); mend it with `chmod go-w " + shown + "`";
  return std::nullopt;
}

}  // namespace

Result<std::optional<OpenedFile>> open_for_trust(const std::string& path) {
  OpenedFile out;
  out.path = path;
  const auto slash = path.rfind('/');
  out.directory = slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
  const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  const Fd directory(::open(out.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory && is_absence(errno)) return std::nullopt;
  if (!directory) return errno_error("open", printable(out.directory));
  // Not to wait for the other end of a fifo.
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  out.fd = Fd(::openat(directory.get(), name.c_str(), kFlags));
  if (!out.fd && is_absence(errno)) return std::nullopt;
  if (!out.fd) return errno_error("open", printable(path));
  if (::fstat(out.fd.get(), &out.file) != 0 || ::fstat(directory.get(), &out.in) != 0)
    return errno_error("examine", printable(path));
  return out;
}

std::optional<std::string> project_objection(const OpenedFile& opened, uid_t user) {
  const auto& file = opened.file;
  if (!S_ISREG(file.st_mode)) return "it is no regular file";
  // As git's safe.directory: what another user's project says is not for one's own jobs.
  if (file.st_uid != 0 && file.st_uid != user)
    return "it belongs to " + uid_text(file.st_uid) +
           (user == 0 ? ", not to root" : ", who is neither you nor root");
  if ((file.st_mode & S_IWOTH) != 0)
    return "everybody can write it (mode " + mode_text(file) + "); mend it with `chmod o-w " +
           shell_quoted({opened.path}) + "`";
  return std::nullopt;
}

std::optional<std::string> policy_objection(const OpenedFile& opened) {
  if (!S_ISREG(opened.file.st_mode)) return "it is no regular file";
  if (auto wrong = not_roots_own(opened.file, opened.path, "it")) return wrong;
  return not_roots_own(opened.in, opened.directory, "its directory " + printable(opened.directory));
}

}  // namespace jobward::cli
