#include "cli/detach.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cli/session.h"
#include "common/exit_codes.h"
#include "common/fault.h"
#include "common/files.h"
#include "profiles/state_dir.h"

namespace jobward::cli {
namespace {

bool put_on(const std::string& path, int flags, int stream) {
  const Fd file(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600));
  return file && ::dup2(file.get(), stream) == stream;
}

// "run ID", or "end STATUS MESSAGE".
int answer(const std::string& report) {
  if (report.compare(0, 4, "run ") == 0) {
    std::printf("%s\n", report.c_str() + 4);
    return 0;
  }
  if (report.compare(0, 4, "end ") == 0) {
    char* rest = nullptr;
    const long status = std::strtol(report.c_str() + 4, &rest, 10);
    if (*rest == ' ' && rest[1] != '\0') say(rest + 1);
    return static_cast<int>(status);
  }
  say("the background process was lost before it said how the run goes; `jobward history` lists it "
      "if it was recorded, and then it may have been started");
  return exit_code::kLauncherFailed;
}

}  // namespace

void Report::send(const std::string& text) {
  if (!pipe_) return;
  static_cast<void>(write_all(pipe_.get(), text, "the report"));
  pipe_.reset();
}

void Report::under_way(const std::string& run_id) { send("run " + run_id); }

void Report::failed(int status, const std::string& message) {
  send("end " + std::to_string(status) + " " + message);
}

int in_background(const std::function<int(Report&)>& work) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    say(std::string("cannot go on in the background: ") + std::strerror(errno));
    return exit_code::kLauncherFailed;
  }
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child < 0) {
    say(std::string("cannot go on in the background: ") + std::strerror(errno));
    return exit_code::kLauncherFailed;
  }
  if (child == 0) {
    reader.reset();
    ::setsid();
    JOBWARD_FAULT(background_begun);
    static_cast<void>(put_on("/dev/null", O_RDONLY, STDIN_FILENO));
    Report report(std::move(writer));
    const int status = work(report);
    report.failed(status, "");
    std::fflush(stdout);
    ::_exit(status);
  }
  writer.reset();
  const auto text = read_fd(reader.get(), "the background process", 1U << 16U);
  return answer(text ? *text : std::string());
}

Result<LogFiles> LogFiles::open(const std::string& directory) {
  if (auto made = make_private_directories(directory); !made)
    return tl::unexpected(std::move(made).error());
  LogFiles out;
  const auto file = [&](const char* name, Fd& target) -> Status {
    const std::string path = directory + "/" + name;
    target = Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!target) return errno_error("open log file", path);
    return {};
  };
  JOBWARD_RETURN_IF_ERROR(file("stdout", out.out_));
  JOBWARD_RETURN_IF_ERROR(file("stderr", out.err_));
  JOBWARD_RETURN_IF_ERROR(file("jobward", out.own_));
  return out;
}

Status LogFiles::give_to_job() const {
  std::fflush(stdout);
  if (::dup2(out_.get(), STDOUT_FILENO) < 0 || ::dup2(err_.get(), STDERR_FILENO) < 0)
    return errno_error("redirect", "the standard streams");
  return {};
}

Status LogFiles::keep_apart() const {
  if (::dup2(own_.get(), STDOUT_FILENO) < 0 || ::dup2(own_.get(), STDERR_FILENO) < 0)
    return errno_error("redirect", "the standard streams");
  return {};
}

}  // namespace jobward::cli
