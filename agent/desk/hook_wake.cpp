#include "agent/desk/hook_wake.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <set>

#include "agent/desk/desk.h"
#include "agent/desk/job_view.h"
#include "common/fd.h"
#include "common/files.h"
#include "common/identity.h"
#include "common/text.h"

namespace jobward::desk {
namespace {

constexpr int kWakes = 2;
constexpr int kQuiet = 0;
constexpr int kMostLooked = 500;
constexpr std::chrono::seconds kLookForMore{2};

// One of them waits for a session at a time. The lock goes with the process.
std::optional<Fd> only_one(const std::string& state, const std::string& conversation) {
  const std::string directory = state + "/hooks";
  if (!make_private_directories(directory)) return std::nullopt;
  const std::string name = "wake-" + sha256_hex(conversation).substr(0, 16);
  Fd fd(::open((directory + "/" + name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  return fd;
}

bool is_within(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/");
}

// Was it started by this session? The MCP server is not told which session it serves: what was
// started through it in the session's directory counts.
bool is_of_session(const profiles::RunRecord& run, const hooks::Event& event) {
  const auto& claims = run.request.actor.claims;
  const auto claim = [&](const char* name) {
    const auto found = claims.find(name);
    return found == claims.end() ? std::string() : found->second;
  };
  if (!event.conversation.empty() && claim("conversation") == event.conversation) return true;
  return claim("via") == "mcp" && claim("agent").starts_with("claude") &&
         is_within(run.request.cwd, event.cwd);
}

std::vector<std::string> open_jobs(const cli::RunDesk& desk, const hooks::Event& event) {
  profiles::HistoryQuery query;
  query.limit = kMostLooked;
  query.open_only = true;
  std::vector<std::string> out;
  const auto runs = desk.records.store->history(query);
  if (!runs) return out;
  for (const auto& run : *runs)
    if (run.request.survives_session && is_of_session(run, event)) out.push_back(run.request.id);
  return out;
}

}  // namespace

int wait_to_wake(hooks::Agent agent, const std::string& input) {
  const auto event = hooks::read_event(agent, input);
  if (!event || event->cwd.empty()) return kQuiet;
  boost::asio::io_context context(1);
  Desk desk(context);
  auto runs = desk.runs();
  if (!runs) return kQuiet;
  const auto lock = only_one((*runs)->records.directory.path, event->conversation + event->cwd);
  if (!lock) return kQuiet;
  std::string ended;
  std::set<std::string> watched;
  boost::asio::steady_timer again(context);
  // Jobs that are started later in the session are waited for as well.
  const std::function<void()> look = [&] {
    runs = desk.runs();
    if (runs)
      for (const auto& job : open_jobs(**runs, *event))
        if (watched.insert(job).second)
          desk.when_ended(job, [&context, &ended, job] {
            ended = job;
            context.stop();
          });
    again.expires_after(kLookForMore);
    again.async_wait([&](const auto& failed) {
      if (!failed) look();
    });
  };
  look();
  if (watched.empty()) return kQuiet;
  context.run();
  runs = desk.runs();
  if (!runs) return kQuiet;
  const auto run = cli::look_up_run(**runs, ended);
  if (!run || !run->ending) return kQuiet;
  const auto view = job_view(**runs, *run);
  std::fprintf(stderr, "Jobward: job %s (%s) has ended: %s: %s. %s\n", ended.c_str(),
               short_command(run->request).c_str(), view.value("outcome", "").c_str(),
               view.value("cause", "").c_str(), view.value("advice", "").c_str());
  return kWakes;
}

}  // namespace jobward::desk
