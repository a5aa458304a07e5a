// jobward watchdog status: does it run, what did it do last, is its journal taken in.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/render_json.h"
#include "cli/render_text.h"
#include "cli/watchdog_command.h"
#include "cli/watchdog_places.h"
#include "cli/watchdog_records.h"
#include "cli/watchdog_text.h"
#include "common/exit_codes.h"
#include "common/files.h"
#include "common/text.h"
#include "common/units.h"

namespace jobward::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Watch {
  std::string directory;
  bool running = false;
  std::optional<int> pid;
  std::optional<profiles::WatchdogEvent> start;
  std::optional<profiles::WatchdogEvent> reload;  // of the one that was started then
  std::optional<WatchdogEntry> action;
  InstalledList installed;
  std::int64_t journal_bytes = 0;  // on disk, reserved space included
  std::size_t journal_files = 0;
  std::optional<std::int64_t> untaken;
  std::vector<std::string> problems;
};

// The daemon holds the lock as long as it lives.
void look_at_lock(Watch& status) {
  const std::string path = status.directory + "/lock";
  const Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    if (errno != ENOENT && errno != ENOTDIR)
      status.problems.push_back(errno_error("open", printable(path)).value().message());
    return;
  }
  // Shared: those who look do not take each other for the daemon.
  status.running = ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (!status.running) return;
  const auto text = read_fd(fd.get(), path, 64);
  // `jobward-watchdog --once` holds it, too, as long as it looks.
  if (text && text->substr(0, 5) == "once ") {
    status.running = false;
    return;
  }
  int pid = 0;
  if (text && std::from_chars(text->data(), text->data() + text->size(), pid).ec == std::errc() &&
      pid > 0)
    status.pid = pid;
}

Status look_at_records(Watch& status, const Clock& clock, const profiles::Journal& journal) {
  const auto records = open_records(clock);
  if (!records.store) return error("open", "the records", records.problem);
  take_in_watchdog(records, clock);
  auto store = open_watchdog_records(records, clock);
  if (!store) return tl::unexpected(std::move(store).error());
  auto untaken = (*store)->untaken(journal);
  if (!untaken) return tl::unexpected(std::move(untaken).error());
  status.untaken = *untaken;
  auto start = (*store)->last("start");
  if (!start) return tl::unexpected(std::move(start).error());
  auto reload = (*store)->last("reload");
  if (!reload) return tl::unexpected(std::move(reload).error());
  const bool same = *start && *reload && (*start)->instance == (*reload)->instance;
  status.start = std::move(*start);
  if (same) status.reload = std::move(*reload);
  auto kill = (*store)->last("kill");
  if (!kill) return tl::unexpected(std::move(kill).error());
  if (!*kill) return {};
  auto outcome = (*store)->outcome_of(**kill);
  if (!outcome) return tl::unexpected(std::move(outcome).error());
  status.action = WatchdogEntry{std::move(**kill), std::move(*outcome)};
  return {};
}

Watch look(const std::string& directory, const std::string& root) {
  Watch status;
  status.directory = directory;
  look_at_lock(status);
  status.installed = find_installed(root, environment_variable);
  profiles::Journal journal;
  if (auto opened = profiles::open_journal(directory, ::geteuid()))
    journal = std::move(*opened);
  else
    status.problems.push_back(opened.error().message());
  for (const auto& file : journal.files)
    status.journal_bytes += file.info.st_size;
  status.journal_files = journal.files.size();
  status.problems.insert(status.problems.end(), journal.problems.begin(), journal.problems.end());
  const SystemClock clock;
  if (const auto seen = look_at_records(status, clock, journal); !seen)
    status.problems.push_back(seen.error().message());
  return status;
}

const char* scope_name(Scope scope) { return scope == Scope::system ? "system" : "user"; }

Json to_json(const Watch& status) {
  Json out{{"schema_version", kSchemaVersion},
           {"running", status.running},
           {"state_directory", status.directory}};
  if (status.pid) out["pid"] = *status.pid;
  if (status.start) out["last_start"] = cli::to_json(WatchdogEntry{*status.start, std::nullopt});
  if (status.reload) out["last_reload"] = cli::to_json(WatchdogEntry{*status.reload, std::nullopt});
  if (status.action) out["last_action"] = cli::to_json(*status.action);
  out["installed"] = Json::array();
  for (const auto& one : status.installed.found)
    out["installed"].push_back(
        {{"how", one.how}, {"scope", scope_name(one.scope)}, {"place", one.place}});
  out["journal_bytes"] = status.journal_bytes;
  out["journal_files"] = status.journal_files;
  if (status.untaken) out["untaken_lines"] = *status.untaken;
  out["problems"] = status.problems;
  for (const auto& problem : status.installed.problems)
    out["problems"].push_back(problem);
  return out;
}

std::string line(const char* name, const std::string& value) {
  return padded(name, 12) + value + "\n";
}

std::string installed_words(const InstalledList& installed) {
  std::string text;
  for (const auto& one : installed.found)
    text += (text.empty() ? "" : ", ") + one.how + " (" + scope_name(one.scope) + ": " +
            printable(one.place) + ")";
  return text.empty() ? "no: `jobward watchdog install --systemd|--cron`" : text;
}

std::string text_of(const Watch& status) {
  std::string out = line(
      "running", status.running ? "yes" + (status.pid ? ", pid " + std::to_string(*status.pid) : "")
                                : std::string("NO: nothing watches over the memory"));
  out += line("installed", installed_words(status.installed));
  if (status.start) {
    out += line("started", local_time(status.start->time));
    if (const auto words = watchdog_threshold_words(*status.start); !words.empty())
      out += line("thresholds", words);
  }
  if (status.reload) {
    const auto words = watchdog_threshold_words(*status.reload);
    out += line("reloaded", local_time(status.reload->time) +
                                (words.empty() ? "; the thresholds above are those of the start"
                                               : "; thresholds now: " + words));
  }
  out += line("journal", printable(status.directory) + ": " + std::to_string(status.journal_files) +
                             (status.journal_files == 1 ? " file, " : " files, ") +
                             format_bytes(static_cast<double>(status.journal_bytes)) +
                             (status.untaken && *status.untaken > 0
                                  ? ", " + std::to_string(*status.untaken) + " lines not taken in"
                                  : ""));
  for (const auto* problems : {&status.problems, &status.installed.problems})
    for (const auto& problem : *problems)
      out += line("problem", problem);
  return out + (status.action ? "\nlast action:\n" + watchdog_entry_text(*status.action)
                              : line("last action", "none on record"));
}

}  // namespace

bool watchdog_runs() {
  const auto directory = profiles::watchdog_directory(::geteuid(), environment_variable);
  if (!directory) return false;
  Watch status;
  status.directory = *directory;
  look_at_lock(status);
  return status.running;
}

int watchdog_status(bool json, const std::string& root) {
  const auto directory = profiles::watchdog_directory(::geteuid(), environment_variable);
  if (!directory)
    return failure("watchdog status",
                   "neither XDG_STATE_HOME nor HOME is set: there is no place for a journal",
                   exit_code::kUsage);
  const auto status = look(*directory, root);
  std::fputs(json ? dump(to_json(status), true).c_str() : text_of(status).c_str(), stdout);
  return status.running ? 0 : 1;
}

}  // namespace jobward::cli
