#include "cli/on_end.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "common/fault.h"
#include "common/text.h"
#include "host/observe/process.h"

namespace jobward::cli {
namespace {

std::vector<std::string> environment_for(const launcher::RunResult& result) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (std::strncmp(*entry, "JOBWARD_RUN_ID=", 15) != 0) out.emplace_back(*entry);
  out.push_back("JOBWARD_RUN_ID=" + result.request.id);
  out.push_back("JOBWARD_OUTCOME=" + std::string(to_string(result.ending.outcome)));
  out.push_back("JOBWARD_EXIT_CODE=" +
                (result.ending.exit_code ? std::to_string(*result.ending.exit_code) : ""));
  out.push_back("JOBWARD_CAUSE=" + result.ending.cause);
  return out;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  for (const auto& word : words)
    out.push_back(const_cast<char*>(word.c_str()));  // posix_spawn(3) does not write to them
  out.push_back(nullptr);
  return out;
}

// Signals are held back while a run is wrapped up: not from this program.
int start(const std::vector<std::string>& command, const std::vector<std::string>& environment,
          pid_t& pid) {
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  auto argv = pointers(command);
  auto env = pointers(environment);
  const int failed = ::posix_spawnp(&pid, argv[0], nullptr, &attributes, argv.data(), env.data());
  ::posix_spawnattr_destroy(&attributes);
  return failed;
}

}  // namespace

Result<std::vector<std::string>> split_words(const std::string& text) {
  std::vector<std::string> words;
  bool inside = false;  // a word, perhaps an empty one
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool space = c == ' ' || c == '\t' || c == '\n';
    if (quote == 0 && space) {
      inside = false;
      continue;
    }
    if (!inside) words.emplace_back();
    inside = true;
    if (c == '\\' && quote != '\'' && i + 1 < text.size())
      words.back() += text[++i];
    else if (quote == 0 && (c == '\'' || c == '"'))
      quote = c;
    else if (quote != 0 && c == quote)
      quote = 0;
    else
      words.back() += c;
  }
  if (quote != 0) return error("read", "\"" + text + "\"", "a quote is not closed");
  if (words.empty()) return error("read", "\"" + text + "\"", "there is no command in it");
  return words;
}

std::string run_on_end(const std::vector<std::string>& command, const launcher::RunResult& result) {
  if (command.empty()) return {};
  const std::string name = printable(command.front());
  pid_t pid = 0;
  if (const int failed = start(command, environment_for(result), pid); failed != 0)
    return "--on-end: " + name + " could not be started: " + std::strerror(failed);
  JOBWARD_FAULT(on_end_started);
  const auto process = host::open_pidfd(pid);
  const bool ended = process && host::wait_for_exit(*process, kOnEndSeconds * 1000);
  // Its whole process group, which posix_spawn made for it; it is not reaped yet.
  if (!ended && pid > 0) ::kill(-pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (!ended)
    return "--on-end: " + name + " was killed after " + std::to_string(kOnEndSeconds) + " s";
  if (WIFSIGNALED(status)) return "--on-end: " + name + " was killed by a signal";
  if (WEXITSTATUS(status) != 0)
    return "--on-end: " + name + " failed with exit status " + std::to_string(WEXITSTATUS(status));
  return {};
}

}  // namespace jobward::cli
