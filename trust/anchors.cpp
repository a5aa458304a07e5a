#include "trust/anchors.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/fd.h"
#include "common/files.h"
#include "common/text.h"

extern char** environ;

namespace jobward::trust {
namespace {

constexpr const char* kJournalSocket = "/run/systemd/journal/socket";
constexpr int kPatienceMs = 10000;

Status to_file(const std::string& path, const std::string& head) {
  const Fd fd(::open(path.c_str(),
                     O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!fd) return errno_error("open", printable(path));
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) return errno_error("examine", printable(path));
  JOBWARD_RETURN_IF_ERROR(write_all(fd.get(), head + "\n", printable(path)));
  if (S_ISREG(facts.st_mode) && ::fdatasync(fd.get()) != 0)
    return errno_error("sync", printable(path));
  return {};
}

// The journal's own protocol: NAME=VALUE lines in one datagram (systemd, JOURNAL_NATIVE_PROTOCOL).
Status to_journal(const std::string& head) {
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("open", "a socket for the journal");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, kJournalSocket, sizeof address.sun_path - 1);
  const std::string text =
      "MESSAGE=jobward: the head of the "
      "ledger\nSYSLOG_IDENTIFIER=jobward\nPRIORITY=5\nJOBWARD_HEAD=" +
      head + "\n";
  if (::sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return errno_error("write to", "the journal");
  return {};
}

// A process of ours that has been started, until it has ended.
Status wait_for(pid_t child, const std::string& name) {
  const Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  pollfd entry{handle.get(), POLLIN, 0};
  const bool ended = handle && ::poll(&entry, 1, kPatienceMs) > 0;
  if (!ended) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) return error("run", name, "it did not end within 10 s");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return error("run", name, "it did not end with status 0");
  return {};
}

Status to_command(const std::vector<std::string>& words, const std::string& head) {
  const std::string name = shell_quoted(words);
  const Fd text(::memfd_create("jobward-head", MFD_CLOEXEC));
  if (!text) return errno_error("make", "a file in memory");
  JOBWARD_RETURN_IF_ERROR(write_all(text.get(), head + "\n", "a file in memory"));
  ::lseek(text.get(), 0, SEEK_SET);
  std::vector<char*> argv;
  for (const auto& word : words)
    argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, text.get(), STDIN_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return errno_error("run", name, failed);
  return wait_for(child, name);
}

}  // namespace

std::string AnchorPlace::words() const {
  if (kind == Kind::journal) return "journald";
  return kind == Kind::file ? "file " + printable(path) : "command " + shell_quoted(argv);
}

Result<AnchorPlace> read_anchor_place(const std::string& text) {
  if (text == "journald") return AnchorPlace{AnchorPlace::Kind::journal, {}, {}};
  if (!text.empty() && text.front() == '/') return AnchorPlace{AnchorPlace::Kind::file, text, {}};
  return error("use", "\"" + printable(text) + "\"", "expected \"journald\" or an absolute path");
}

Status export_head(const AnchorPlace& place, const std::string& head) {
  switch (place.kind) {
    case AnchorPlace::Kind::file:
      return to_file(place.path, head);
    case AnchorPlace::Kind::journal:
      return to_journal(head);
    case AnchorPlace::Kind::command:
      return to_command(place.argv, head);
  }
  return {};
}

}  // namespace jobward::trust
