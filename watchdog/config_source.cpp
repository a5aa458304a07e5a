#include "watchdog/config_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

#include "common/fd.h"
#include "common/files.h"
#include "common/text.h"

namespace jobward::watchdog {
namespace {

constexpr std::size_t kLargest = 64U << 10U;

struct Candidate {
  std::string path;
  bool named = false;  // with --config: it has to be there
};

std::optional<Candidate> candidate(const Options& options, const ConfigPlaces& places) {
  if (!options.config_file.empty()) return Candidate{options.config_file, true};
  if (places.uid == 0) return Candidate{places.system_file, false};
  if (places.config_home.empty()) return std::nullopt;
  return Candidate{places.config_home + "/jobward/watchdog.conf", false};
}

Status check_file(int fd, const std::string& name, uid_t uid) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return errno_error("inspect", name);
  if (!S_ISREG(info.st_mode)) return error("trust", name, "not a regular file");
  if (info.st_uid != 0 && info.st_uid != uid)
    return error("trust", name,
                 "it belongs to uid " + std::to_string(info.st_uid) +
                     ", neither to root nor to uid " + std::to_string(uid) +
                     " that runs the watchdog");
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return error("trust", name, "others than its owner may write it; chmod go-w puts it right");
  return {};
}

// Absent: there is none, and none was asked for.
Result<std::optional<std::string>> read_candidate(const Candidate& from, uid_t uid) {
  const std::string name = printable(from.path);
  // O_NONBLOCK: opening a fifo must not wait for a writer.
  const Fd fd(::open(from.path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) {
    const int reason = errno;
    const bool absent = reason == ENOENT || reason == ENOTDIR;
    // Under su or from cron HOME may be another user's: what nobody named and nobody may read is
    // not ours.
    if (!from.named && (absent || reason == EACCES)) return std::nullopt;
    if (reason == ELOOP) return error("trust", name, "it is a symbolic link; name the file itself");
    return errno_error("open", name, reason);
  }
  JOBWARD_RETURN_IF_ERROR(check_file(fd.get(), name, uid));
  auto text = read_fd(fd.get(), name, kLargest);
  if (!text) return tl::unexpected(std::move(text).error());
  return std::move(*text);
}

}  // namespace

ConfigPlaces config_places() {
  ConfigPlaces places;
  places.uid = ::geteuid();
  const char* xdg = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  // The XDG base directory specification: a relative path is to be ignored.
  if (xdg != nullptr && *xdg == '/')
    places.config_home = xdg;
  else if (home != nullptr && *home == '/')
    places.config_home = std::string(home) + "/.config";
  return places;
}

Result<LoadedConfig> load_config(const Options& options, const ConfigPlaces& places,
                                 const UserLookup& users) {
  const auto from = candidate(options, places);
  std::optional<std::string> text;
  if (from) {
    auto content = read_candidate(*from, places.uid);
    if (!content) return rethrow(std::move(content).error(), "configuration");
    text = std::move(*content);
  }
  LoadedConfig loaded;
  if (text) loaded.file = from->path;
  auto config = parse_config(text.value_or(""), loaded.file, users);
  if (!config) return tl::unexpected(std::move(config).error());
  loaded.config = std::move(*config);
  JOBWARD_RETURN_IF_ERROR(apply_overrides(options, loaded.config));
  auto sound = check(loaded.config);
  if (!sound)
    return rethrow(std::move(sound).error(),
                   text ? printable(loaded.file) : std::string("configuration"));
  return loaded;
}

}  // namespace jobward::watchdog
