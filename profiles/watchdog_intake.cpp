#include "profiles/watchdog_intake.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "common/files.h"

namespace jobward::profiles {
namespace {

constexpr const char* kDatabase = "/jobward.db";
constexpr const char* kMark = "/watchdog-taken";
constexpr int kHurriedMs = 20;
constexpr int kAllPieces = 1 << 20;

// The journal's last file as it is now, and the database that has what it says.
std::optional<std::string> mark_of(const IntakePlace& place, const JournalFile& file) {
  const auto database = inode_of(place.state_directory + kDatabase);
  if (!database) return std::nullopt;
  const auto& info = file.info;
  return std::to_string(*database) + " " + std::to_string(info.st_dev) + " " +
         std::to_string(info.st_ino) + " " + std::to_string(info.st_size) + " " +
         std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec) + " ";
}

Result<std::optional<JournalFile>> newest_file(const IntakePlace& place) {
  auto file = open_journal_file(place.journal_directory + "/journal", place.uid);
  // Between the two steps of a rotation.
  if (file && !*file) return open_journal_file(place.journal_directory + "/journal.1", place.uid);
  return file;
}

// The mark ends with how far the file was read. Times are coarse: so there is a look, too, whether
// something stands there now.
bool says_nothing_new(const IntakePlace& place, const JournalFile& file) {
  const auto expected = mark_of(place, file);
  const auto mark = read_file(place.state_directory + kMark, 256);
  if (!expected || !mark || mark->compare(0, expected->size(), *expected) != 0) return false;
  long long read_to = 0;
  if (std::sscanf(mark->c_str() + expected->size(), "%lld\n", &read_to) != 1) return false;
  char next = 0;
  return ::pread(file.fd.get(), &next, 1, read_to) >= 0 && next == 0;
}

// Half a mark, after a crash, fits nothing.
void leave_mark(const IntakePlace& place, const JournalFile& file, std::int64_t read_to) {
  const auto mark = mark_of(place, file);
  const std::string path = place.state_directory + kMark;
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd && mark)
    static_cast<void>(write_all(fd.get(), *mark + std::to_string(read_to) + "\n", path));
}

}  // namespace

Result<Intake> take_in_journal(const IntakePlace& place, const Clock& clock, const Notice& notice,
                               Haste haste) {
  Intake intake;
  const auto newest = newest_file(place);
  if (newest && !*newest) return intake;
  if (newest && says_nothing_new(place, **newest)) return intake;
  auto journal = open_journal(place.journal_directory, place.uid);
  if (!journal) return tl::unexpected(std::move(journal).error());
  intake.problems = std::move(journal->problems);
  if (journal->files.empty()) return intake;
  const bool hurried = haste == Haste::at_once;
  auto store =
      WatchdogStore::open(place.state_directory, clock, notice, hurried ? kHurriedMs : kBusyMs);
  if (!store) return tl::unexpected(std::move(store).error());
  auto taken = (*store)->take(*journal, hurried ? 1 : kAllPieces);
  if (!taken) return tl::unexpected(std::move(taken).error());
  intake.events = taken->events;
  intake.broken = std::move(taken->broken);
  if (taken->all && intake.problems.empty())
    leave_mark(place, journal->files.back(), taken->newest_read_to);
  return intake;
}

}  // namespace jobward::profiles
