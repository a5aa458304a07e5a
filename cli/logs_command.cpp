// jobward logs RUN: what a detached run wrote.
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>

#include "cli/commands.h"
#include "cli/run_reference.h"
#include "common/exit_codes.h"
#include "common/fd.h"
#include "common/files.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

// Copies a file to stdout, from where it has come to; what was cut out is said in its place.
class Reader {
 public:
  explicit Reader(Fd file) : file_(std::move(file)) {}

  Status copy() {
    while (true) {
      struct stat info {};
      if (::fstat(file_.get(), &info) != 0) return errno_error("read", "the log");
      if (at_ >= info.st_size) return {};
      const off_t data = ::lseek(file_.get(), at_, SEEK_DATA);
      const off_t next = data < 0 ? info.st_size : data;
      if (next > at_) tell_cut(next - at_);
      at_ = next;
      const off_t hole = data < 0 ? -1 : ::lseek(file_.get(), at_, SEEK_HOLE);
      JOBWARD_RETURN_IF_ERROR(copy_until(hole < 0 ? info.st_size : hole));
    }
  }

 private:
  static void tell_cut(off_t bytes) {
    std::fflush(stdout);
    say("here " + format_bytes(static_cast<double>(bytes)) +
        " were cut out of the log: of a long one the beginning and the end are kept ([logs] keep)");
  }
  Status copy_until(off_t end) {
    std::array<char, 65536> buffer{};
    while (at_ < end) {
      const auto most =
          static_cast<std::size_t>(std::min<off_t>(end - at_, static_cast<off_t>(buffer.size())));
      const ssize_t got = ::pread(file_.get(), buffer.data(), most, at_);
      if (got < 0) return errno_error("read", "the log");
      if (got == 0) return {};
      JOBWARD_RETURN_IF_ERROR(
          write_all(STDOUT_FILENO, {buffer.data(), static_cast<std::size_t>(got)}, "stdout"));
      at_ += got;
    }
    return {};
  }

  Fd file_;
  off_t at_ = 0;
};

// Copies on until the run has ended: woken by writes to the file and by the end of the lock.
int follow(const RunDesk& desk, const std::string& id, const std::string& file, Reader& reader) {
  const Fd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  const bool watched =
      watch && ::inotify_add_watch(watch.get(), file.c_str(), IN_MODIFY | IN_CLOSE_WRITE) >= 0 &&
      ::inotify_add_watch(watch.get(), desk.records.lock_directory.c_str(), IN_CLOSE_WRITE) >= 0;
  if (!watched) return failure("logs", std::strerror(errno), exit_code::kUsage);
  while (true) {
    const bool alive = desk.is_alive(id);
    if (auto copied = reader.copy(); !copied)
      return failure("logs", copied.error().message(), exit_code::kUsage);
    if (!alive) return 0;
    pollfd entry{watch.get(), POLLIN, 0};
    ::poll(&entry, 1, -1);
    std::array<char, 4096> events{};
    while (::read(watch.get(), events.data(), events.size()) > 0) {
    }
  }
}

}  // namespace

int logs_command(const Arguments& arguments) {
  std::string reference;
  bool following = false;
  bool errors = false;
  CLI::App app("Prints what a detached run wrote to its stdout.", "logs");
  set_usage(app, "jobward logs [-f] [--stderr] RUN");
  app.add_option("RUN", reference, "The run's id, the beginning of it, or its name")->required();
  app.add_flag("-f,--follow", following, "Go on until the run has ended");
  app.add_flag("--stderr", errors, "What it wrote to stderr instead");
  if (const auto status = parse_options(app, arguments.options, exit_code::kUsage)) return *status;
  const auto desk = open_desk("logs");
  if (!desk) return exit_code::kUsage;
  const auto run = find_run("logs", *desk, reference);
  if (!run) return exit_code::kUsage;
  const std::string path =
      log_directory(desk->records, run->request.id) + (errors ? "/stderr" : "/stdout");
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno == ENOENT)
    return failure(
        "logs",
        run->request.survives_session
            ? "run " + run->request.id + " has written nothing yet, or its logs were pruned"
            : "run " + run->request.id +
                  " was not detached: its output went where its caller's goes",
        exit_code::kUsage);
  if (!file) return failure("logs", path + ": " + std::strerror(errno), exit_code::kUsage);
  Reader reader(std::move(file));
  if (following) return follow(*desk, run->request.id, path, reader);
  if (auto copied = reader.copy(); !copied)
    return failure("logs", copied.error().message(), exit_code::kUsage);
  return 0;
}

}  // namespace jobward::cli
