#include "watchdog/journal.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "common/files.h"
#include "common/text.h"
#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::test;
using namespace jobward::watchdog;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kBytes = 4096;

Journal opened(const std::string& directory, int files = 3, std::uint64_t bytes = kBytes) {
  auto journal = Journal::open(directory, bytes, files);
  if (!journal) FAIL(journal.error().message());
  return std::move(*journal);
}

// The complete lines of one file, and nothing but zeros after them.
std::vector<std::string> lines_of(const std::string& path) {
  const auto text = read_file(path);
  REQUIRE(text);
  const auto end = text->rfind('\n') == std::string::npos ? 0 : text->rfind('\n') + 1;
  CHECK(text->find_first_not_of('\0', end) == std::string::npos);
  std::vector<std::string> out;
  for (const auto line : split(std::string_view(*text).substr(0, end), '\n'))
    if (!line.empty()) out.emplace_back(line);
  return out;
}

// Of all files, the oldest first.
std::vector<std::string> all_lines(const std::string& directory) {
  std::vector<std::string> out;
  for (int n = 20; n >= 0; --n) {
    const auto path = directory + "/journal" + (n == 0 ? "" : "." + std::to_string(n));
    if (!fs::exists(path)) continue;
    const auto lines = lines_of(path);
    out.insert(out.end(), lines.begin(), lines.end());
  }
  return out;
}

std::string numbered(int n) { return "line " + std::to_string(n) + std::string(90, '.'); }

mode_t mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777U;
}

std::uint64_t reserved(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return static_cast<std::uint64_t>(info.st_blocks) * 512;
}

}  // namespace

TEST_CASE("journal: Its space is reserved from the beginning, and only its owner may read it") {
  const TemporaryDirectory dir;
  const auto where = dir.path("state/watchdog");
  const auto journal = opened(where, 3, 1U << 20U);
  CHECK(journal.path() == where + "/journal");
  CHECK(fs::file_size(journal.path()) == 1U << 20U);
  CHECK(reserved(journal.path()) >= 1U << 20U);
  CHECK(mode_of(journal.path()) == 0600);
  CHECK(mode_of(where) == 0700);
  CHECK(lines_of(journal.path()).empty());
}

TEST_CASE("journal: Lines stay in order over a restart") {
  const TemporaryDirectory dir;
  {
    auto journal = opened(dir.path("j"));
    CHECK(journal.append("one"));
    CHECK(journal.append("two"));
    CHECK(journal.settle());
  }
  auto journal = opened(dir.path("j"));
  CHECK(journal.append("three"));
  CHECK(lines_of(journal.path()) == std::vector<std::string>{"one", "two", "three"});
  CHECK(journal.used() == 14);
}

TEST_CASE("journal: A line that a crash cut short is written over") {
  const TemporaryDirectory dir;
  const std::string path = dir.path("j/journal");
  {
    auto journal = opened(dir.path("j"));
    CHECK(journal.append("one"));
  }
  {
    const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    const std::string cut(300, 'x');
    REQUIRE(::pwrite(file.get(), cut.data(), cut.size(), 4) == 300);
  }
  auto journal = opened(dir.path("j"));
  CHECK(lines_of(path) == std::vector<std::string>{"one"});
  CHECK(journal.append("two"));
  CHECK(lines_of(path) == std::vector<std::string>{"one", "two"});
}

TEST_CASE("journal: Whatever is found in the file, what is appended is on record") {
  for (const auto& found :
       {std::string("\n\n\n"), std::string("\0\0\nx", 4), std::string(10000, 'y'),
        std::string(5000, '\n'), std::string(kBytes, '\0')}) {
    const TemporaryDirectory dir;
    fs::create_directories(dir.path("j"));
    fs::permissions(dir.path("j"), fs::perms::owner_all);
    dir.write("j/journal", found);
    fs::permissions(dir.path("j/journal"), fs::perms::owner_read | fs::perms::owner_write);
    auto journal = opened(dir.path("j"));
    CHECK(journal.append("new"));
    CHECK(all_lines(dir.path("j")).back().find("new") != std::string::npos);
  }
}

TEST_CASE("journal: Rotation keeps so many files and loses no line of them") {
  const TemporaryDirectory dir;
  auto journal = opened(dir.path("j"), 4);
  constexpr int kMany = 400;  // some ten files
  for (int n = 0; n < kMany; ++n) {
    REQUIRE(journal.append(numbered(n)));
    if (n % 7 == 0) REQUIRE(journal.settle());
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator(dir.path("j")))
      files += entry.path().filename() != "journal.next";
    CHECK(files <= 4);
  }
  const auto lines = all_lines(dir.path("j"));
  REQUIRE(lines.size() > 3 * kBytes / 100 - 10);
  for (std::size_t i = 0; i < lines.size(); ++i)
    CHECK(lines[i] == numbered(kMany - static_cast<int>(lines.size() - i)));
  CHECK_FALSE(fs::exists(dir.path("j/journal.4")));
}

TEST_CASE("journal: Until the bound is reached no line is lost at all") {
  const TemporaryDirectory dir;
  int n = 0;
  for (int session = 0; session < 5; ++session) {
    auto journal = opened(dir.path("j"), 4);
    for (int i = 0; i < 25; ++i)
      REQUIRE(journal.append(numbered(n++)));
  }
  const auto lines = all_lines(dir.path("j"));
  CHECK(lines.size() == static_cast<std::size_t>(n));
}

TEST_CASE(
    "journal: Every file of it is reserved when it is written to, also what a crash left of the "
    "next") {
  const TemporaryDirectory dir;
  { const auto journal = opened(dir.path("j"), 3, 1U << 20U); }
  dir.write("j/journal.next", "");  // made, but not yet reserved
  fs::permissions(dir.path("j/journal.next"), fs::perms::owner_read | fs::perms::owner_write);
  auto journal = opened(dir.path("j"), 3, 1U << 20U);
  const std::string line(60000, 'x');
  while (!fs::exists(dir.path("j/journal.1")))
    REQUIRE(journal.append(line));
  CHECK(reserved(dir.path("j/journal")) >= 1U << 20U);
}

TEST_CASE("journal: One file only: what is new counts") {
  const TemporaryDirectory dir;
  auto journal = opened(dir.path("j"), 1);
  for (int n = 0; n < 200; ++n)
    REQUIRE(journal.append(numbered(n)));
  CHECK(lines_of(journal.path()).back() == numbered(199));
  CHECK_FALSE(fs::exists(dir.path("j/journal.1")));
}

TEST_CASE("journal: Somebody else's file, or one that others may write, is refused") {
  const TemporaryDirectory dir;
  { const auto journal = opened(dir.path("j")); }
  for (const mode_t mode : {0660U, 0602U, 0666U}) {
    REQUIRE(::chmod(dir.path("j/journal").c_str(), mode) == 0);
    CHECK_FALSE(Journal::open(dir.path("j"), kBytes, 3));
  }
  REQUIRE(::chmod(dir.path("j/journal").c_str(), 0600) == 0);
  REQUIRE(::chmod(dir.path("j").c_str(), 0777) == 0);
  CHECK_FALSE(Journal::open(dir.path("j"), kBytes, 3));
  REQUIRE(::chmod(dir.path("j").c_str(), 0700) == 0);
  CHECK(Journal::open(dir.path("j"), kBytes, 3));
  if (::geteuid() != 0) FAIL("run as root: files have to be given to other users");
  REQUIRE(::chown(dir.path("j/journal").c_str(), 4321, 4321) == 0);
  CHECK_FALSE(Journal::open(dir.path("j"), kBytes, 3));
  REQUIRE(::chown(dir.path("j/journal").c_str(), 0, 0) == 0);
  REQUIRE(::chown(dir.path("j").c_str(), 4321, 4321) == 0);
  CHECK_FALSE(Journal::open(dir.path("j"), kBytes, 3));
}

TEST_CASE("journal: A link in its place is not followed") {
  const TemporaryDirectory dir;
  fs::create_directories(dir.path("j"));
  fs::permissions(dir.path("j"), fs::perms::owner_all);
  dir.write("precious", "text");
  fs::create_symlink(dir.path("precious"), dir.path("j/journal"));
  CHECK_FALSE(Journal::open(dir.path("j"), kBytes, 3));
  CHECK(read_file(dir.path("precious")).value_or("") == "text");
}

namespace {

// What a child answers (0: as it should be) that has a file system of 256 KiB of its own at
// `where`.
int on_a_small_disk(const std::function<int(const std::string& where)>& body) {
  const TemporaryDirectory dir;
  const auto where = dir.make_directory("small");
  const Child child([&](const Child::Notify& notify) {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", where.c_str(), "tmpfs", 0, "size=256k,mode=0700") != 0)
      return notify(-1);
    notify(body(where));
  });
  if (child.reported() == -1)
    FAIL("run as root, where a tmpfs can be mounted in a mount namespace");
  return child.reported();
}

// Until not one byte more fits.
bool fill_up(const std::string& path) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::string block(4096, 'x');
  while (::write(file.get(), block.data(), block.size()) > 0) {
  }
  return errno == ENOSPC;
}

}  // namespace

TEST_CASE("journal: A full disk loses nothing of what was reserved") {
  const int answer = on_a_small_disk([](const std::string& where) {
    constexpr std::uint64_t kReserved = 64U << 10U;
    auto journal = Journal::open(where + "/j", kReserved, 3);
    if (!journal) return 1;
    const std::string line(1000, 'a');
    for (int n = 0; n < 40; ++n)
      if (!journal->append(line)) return 2;
    if (!journal->settle()) return 3;  // reserves the next file: more than half is used
    if (!fill_up(where + "/filler")) return 4;
    int kept = 40;
    while (journal->append(line))
      if (++kept == 1000) break;
    // The rest of the first file and all of the second, and as the oldest make room, on and on.
    if (kept < 125) return 5;
    const auto text = read_file(where + "/j/journal");
    return text && text->find(line) != std::string::npos ? 0 : 6;
  });
  CHECK(answer == 0);
}

TEST_CASE("journal: On a full disk the oldest file is written anew: its space is never free") {
  const int answer = on_a_small_disk([](const std::string& where) {
    auto journal = Journal::open(where + "/j", 16U << 10U, 3);
    if (!journal) return 1;
    // Three files, and no fourth reserved.
    for (int n = 0; !fs::exists(where + "/j/journal.2"); ++n)
      if (!journal->append(numbered(n))) return 2;
    if (!fill_up(where + "/filler")) return 3;
    const auto inode = [&](const char* name) {
      struct stat info {};
      return ::stat((where + "/j/" + name).c_str(), &info) == 0 ? info.st_ino : 0;
    };
    const auto oldest = inode("journal.2");
    const auto younger = inode("journal.1");
    while (journal->used() + 200 < (16U << 10U))
      if (!journal->append(numbered(1000))) return 4;
    for (int n = 0; n < 4; ++n)
      if (!journal->append(numbered(2000 + n))) return 5;
    if (oldest == 0 || inode("journal") != oldest || inode("journal.2") != younger) return 6;
    // Of what it held nothing is left behind the new lines.
    const auto text = read_file(where + "/j/journal").value_or("");
    for (int n = 0; n < 1000; ++n)
      if (text.find(numbered(n)) != std::string::npos) return 7;
    return text.find(numbered(2003)) != std::string::npos ? 0 : 8;
  });
  CHECK(answer == 0);
}

TEST_CASE("journal: On a full disk the only file begins anew") {
  const int answer = on_a_small_disk([](const std::string& where) {
    auto journal = Journal::open(where + "/j", 16U << 10U, 1);
    if (!journal) return 1;
    if (!fill_up(where + "/filler")) return 2;
    for (int n = 0; n < 1000; ++n)
      if (!journal->append(numbered(n))) return 3;
    const auto text = read_file(where + "/j/journal").value_or("");
    if (text.find(numbered(0)) != std::string::npos) return 4;
    return text.find(numbered(999)) != std::string::npos ? 0 : 5;
  });
  CHECK(answer == 0);
}

TEST_CASE("journal: What a crash left in the next file is not read as new") {
  const TemporaryDirectory dir;
  const auto where = dir.path("j");
  opened(where);
  dir.write("j/journal.next", std::string(3000, '\0') + numbered(1) + "\n" + numbered(2) + "\n");
  fs::permissions(dir.path("j/journal.next"), fs::perms::owner_read | fs::perms::owner_write);
  auto journal = opened(where);
  for (int n = 10; n < 60; ++n)
    REQUIRE(journal.append(numbered(n)));
  const auto lines = all_lines(where);
  CHECK(lines.back() == numbered(59));
  for (const auto& line : lines)
    CHECK((line != numbered(1) && line != numbered(2)));
}

TEST_CASE("journal: A disk that is full from the beginning is an error that says so") {
  const int answer = on_a_small_disk([](const std::string& where) {
    if (!fill_up(where + "/filler")) return 1;
    const auto journal = Journal::open(where + "/j", 64U << 10U, 3);
    if (journal) return 2;
    return journal.error().message().find("No space left") != std::string::npos ? 0 : 3;
  });
  CHECK(answer == 0);
}

TEST_CASE("journal: A bound on the size of files is an error and no end of the program") {
  const TemporaryDirectory dir;
  const Child child([&](const Child::Notify& notify) {
    const rlimit limit{8192, 8192};
    ::signal(SIGXFSZ, SIG_IGN);
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return notify(-1);
    notify(Journal::open(dir.path("j"), 1U << 20U, 3) ? 1 : 0);
  });
  CHECK(child.reported() == 0);
}
