#include "profiles/watchdog_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "common/text.h"

namespace jobward::profiles {
namespace {

constexpr std::size_t kKeyBytes = 128;
constexpr int kMostFiles = 1000;
constexpr int kLongestGap = 2;  // a rotation that goes on leaves out one number

// Why a file or directory is not believed.
std::optional<std::string> objection(const struct stat& info, unsigned uid) {
  if (info.st_uid != 0 && info.st_uid != uid)
    return "it belongs to uid " + std::to_string(info.st_uid) + ", who is neither you nor root";
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return "others than its owner may write it; mend it with `chmod go-w`";
  return std::nullopt;
}

Result<std::string> read_at(const JournalFile& file, std::int64_t from, std::size_t limit) {
  std::string text(limit, '\0');
  std::size_t have = 0;
  while (have < limit) {
    const ssize_t got = ::pread(file.fd.get(), text.data() + have, limit - have,
                                from + static_cast<std::int64_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read", printable(file.path));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  return text;
}

bool only_reserved_behind(const JournalFile& file, std::int64_t from) {
  return ::lseek(file.fd.get(), from, SEEK_DATA) < 0 && errno == ENXIO;
}

}  // namespace

std::optional<std::string> watchdog_directory(unsigned uid, const Environment& environment) {
  if (const auto explicit_path = environment("JOBWARD_STATE_DIR"))
    return *explicit_path + "/watchdog";
  if (uid == 0) return "/var/lib/jobward/watchdog";
  if (const auto xdg = environment("XDG_STATE_HOME")) return *xdg + "/jobward/watchdog";
  if (const auto home = environment("HOME")) return *home + "/.local/state/jobward/watchdog";
  return std::nullopt;
}

Result<std::optional<JournalFile>> open_journal_file(const std::string& path, unsigned uid) {
  JournalFile file;
  file.path = path;
  // Not to wait for the other end of a fifo.
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  file.fd = Fd(::open(path.c_str(), kFlags));
  if (!file.fd && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!file.fd) return errno_error("open", printable(path));
  if (::fstat(file.fd.get(), &file.info) != 0) return errno_error("examine", printable(path));
  if (!S_ISREG(file.info.st_mode))
    return error("believe", printable(path), "it is no regular file");
  if (const auto why = objection(file.info, uid)) return error("believe", printable(path), *why);
  return file;
}

Result<Journal> open_journal(const std::string& directory, unsigned uid) {
  Journal journal;
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return journal;
    return errno_error("examine", printable(directory));
  }
  if (const auto why = objection(info, uid)) return error("believe", printable(directory), *why);
  // The newest first: a rotation meanwhile can show a file twice, but hide none.
  int gap = 0;
  for (int number = 0; number < kMostFiles && gap < kLongestGap; ++number) {
    auto file = open_journal_file(
        directory + "/journal" + (number == 0 ? "" : "." + std::to_string(number)), uid);
    if (!file)
      journal.problems.push_back(file.error().message());
    else if (*file)
      journal.files.push_back(std::move(**file));
    gap = file && !*file && number > 0 ? gap + 1 : 0;
  }
  std::reverse(journal.files.begin(), journal.files.end());
  return journal;
}

std::string journal_key(const JournalFile& file) {
  const auto text = read_at(file, 0, kKeyBytes);
  if (text) {
    const auto end = text->find('\n');
    const auto beginning = std::string_view(*text).substr(0, end);
    const bool whole = end != std::string::npos || text->size() == kKeyBytes;
    if (whole && !beginning.empty() && beginning.find('\0') == std::string_view::npos)
      return std::string(beginning);
  }
  return "inode " + std::to_string(file.info.st_dev) + " " + std::to_string(file.info.st_ino);
}

bool fits(const JournalFile& file, const JournalPosition& position) {
  if (position.read_to == 0) return true;
  const auto last = read_at(file, position.read_to - 1, 1);
  return last && *last == "\n";
}

Result<JournalPart> read_journal(const JournalFile& file, const JournalPosition& from) {
  for (std::int64_t at = from.read_to; !only_reserved_behind(file, at);
       at += static_cast<std::int64_t>(kLongestJournalLine)) {
    const auto text = read_at(file, at, kLongestJournalLine);
    if (!text) return tl::unexpected(text.error());
    auto part = read_journal_part(*text, from.lines);
    const auto skipped = static_cast<std::size_t>(at - from.read_to);
    if (part.consumed > 0) {
      part.consumed += skipped;
      if (skipped > 0)
        part.broken.insert(
            part.broken.begin(),
            {from.lines + 1,
             "before it are " + std::to_string(skipped) + " bytes without a line feed", ""});
      return part;
    }
    if (text->size() < kLongestJournalLine) break;
  }
  return JournalPart();
}

}  // namespace jobward::profiles
