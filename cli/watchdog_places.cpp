#include "cli/watchdog_places.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "cli/child_program.h"
#include "common/files.h"
#include "common/text.h"

namespace jobward::cli {
namespace {

constexpr const char* kMarker = "# Written by `jobward watchdog install`";
constexpr const char* kBegin = "# jobward-watchdog: begin";
constexpr const char* kEnd = "# jobward-watchdog: end";

Status check_path(const std::string& path) {
  if (printable(path) == path) return {};
  return error("install", printable(path),
               "its path has characters that cannot stand in a unit or a crontab");
}

// A word of ExecStart=: quotes, backslashes, specifiers and variables mean themselves.
std::string unit_word(const std::string& word) {
  std::string out = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '%' || c == '$') out += c;
    out += c;
  }
  return out + "\"";
}

// Of a line of a crontab: sh reads it, after cron has read its percent signs.
std::string cron_word(const std::string& word) {
  std::string out;
  for (const char c : shell_quoted({word}))
    out += (c == '%' ? "\\" : "") + std::string(1, c);
  return out;
}

// What only the system's manager can give. No ProtectControlGroups= or ProtectKernelTunables=: it
// writes cgroup.kill and attributes in /sys/fs/cgroup. No filter of system calls or capabilities
// and no private network or devices: hooks are programs of the operator's own.
constexpr const char* kSystemLines = R"(OOMScoreAdjust=-1000
MemoryMin=8M
LimitMEMLOCK=infinity
StateDirectory=jobward jobward/watchdog
StateDirectoryMode=0700
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelModules=yes
ProtectKernelLogs=yes
RestrictSUIDSGID=yes
LockPersonality=yes
)";

// Where a marker line begins; npos: nowhere.
std::size_t find_marker(const std::string& text, std::string_view marker, std::size_t from) {
  for (auto at = text.find(marker, from); at != std::string::npos; at = text.find(marker, at + 1))
    if (at == 0 || text[at - 1] == '\n') return at;
  return std::string::npos;
}

// The block in it, from its first byte to behind its last; the same twice: there is none.
Result<std::pair<std::size_t, std::size_t>> find_block(const std::string& crontab) {
  const auto begin = find_marker(crontab, kBegin, 0);
  const auto end = find_marker(crontab, kEnd, begin == std::string::npos ? 0 : begin);
  if (begin == std::string::npos && end == std::string::npos)
    return std::pair(crontab.size(), crontab.size());
  if (begin == std::string::npos || end == std::string::npos)
    return error("change", "the crontab",
                 std::string("only one of the lines \"") + kBegin + "\" and \"" + kEnd +
                     "\" is in it; nothing was changed: remove what is left of the entry with "
                     "`crontab -e`");
  const auto line_end = crontab.find('\n', end);
  return std::pair(begin, line_end == std::string::npos ? crontab.size() : line_end + 1);
}

bool says_there_is_none(const std::string& errors) {
  std::string lower = errors;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  // Vixie's and cronie's; busybox's.
  return lower.find("no crontab") != std::string::npos ||
         (lower.find("can't open") != std::string::npos &&
          lower.find("no such file") != std::string::npos);
}

void look_at_file(const std::string& path, const char* how, Scope scope, InstalledList& list) {
  const auto text = read_file(path, 1U << 20);
  if (text && is_ours(*text)) list.found.push_back({how, scope, path});
  if (!text && text.error().errnum != ENOENT && text.error().errnum != ENOTDIR)
    list.problems.push_back(text.error().message());
}

}  // namespace

Result<WatchdogPrograms> find_programs() {
  auto own = own_executable();
  if (!own) return tl::unexpected(std::move(own).error());
  const auto directory = std::filesystem::path(*own).parent_path();
  WatchdogPrograms programs{(directory / "jobward-watchdog").string(), std::move(*own)};
  if (::access(programs.watchdog.c_str(), X_OK) != 0)
    return errno_error("find the watchdog beside jobward:", printable(programs.watchdog));
  return programs;
}

std::optional<std::string> unit_path(Scope scope, const std::string& root,
                                     const profiles::Environment& environment) {
  const std::string unit = std::string("/") + kWatchdogUnit;
  if (scope == Scope::system) return root + "/etc/systemd/system" + unit;
  if (const auto xdg = environment("XDG_CONFIG_HOME")) return *xdg + "/systemd/user" + unit;
  if (const auto home = environment("HOME")) return *home + "/.config/systemd/user" + unit;
  return std::nullopt;
}

std::string cron_path(const std::string& root) { return root + "/etc/cron.d/jobward-watchdog"; }

Result<std::string> unit_text(const WatchdogPrograms& programs, Scope scope) {
  JOBWARD_RETURN_IF_ERROR(check_path(programs.watchdog));
  const bool system = scope == Scope::system;
  return std::string(kMarker) + "; `jobward watchdog uninstall` removes it.\n" +
         "[Unit]\n"
         "Description=Jobward's watchdog: ends the largest process before memory runs out\n"
         "StartLimitIntervalSec=0\n"
         "\n"
         "[Service]\n"
         "Type=notify\n"
         "ExecStart=" +
         unit_word(programs.watchdog) +
         "\n"
         "ExecReload=/bin/kill -HUP $MAINPID\n"
         "WatchdogSec=30\n"
         "Restart=always\n"
         "RestartSec=1\n" +
         (system ? kSystemLines : "") +
         "\n"
         "[Install]\n"
         "WantedBy=" +
         (system ? "multi-user.target" : "default.target") + "\n";
}

Result<std::string> cron_block(const WatchdogPrograms& programs, Scope scope) {
  JOBWARD_RETURN_IF_ERROR(check_path(programs.watchdog));
  JOBWARD_RETURN_IF_ERROR(check_path(programs.jobward));
  // Each minute it would be mailed; what goes wrong is on stderr.
  const std::string line = scope == Scope::system ? "* * * * * root " : "* * * * * ";
  return std::string(kBegin) + " (written by `jobward watchdog install`)\n" + line +
         cron_word(programs.watchdog) + " --ensure >/dev/null\n" + line +
         cron_word(programs.jobward) + " watchdog once >/dev/null\n" + kEnd + "\n";
}

bool is_ours(const std::string& text) {
  return text.compare(0, std::string_view(kMarker).size(), kMarker) == 0 ||
         find_marker(text, kBegin, 0) != std::string::npos;
}

Result<std::string> with_block(const std::string& crontab, const std::string& block) {
  const auto place = find_block(crontab);
  if (!place) return tl::unexpected(place.error());
  const bool cut = place->first == crontab.size() && !crontab.empty() && crontab.back() != '\n';
  return crontab.substr(0, place->first) + (cut ? "\n" : "") + block +
         crontab.substr(place->second);
}

Result<std::string> without_block(const std::string& crontab) { return with_block(crontab, ""); }

Result<std::optional<std::string>> read_crontab() {
  auto end = ask_program({"crontab", "-l"}, "");
  if (!end) return tl::unexpected(std::move(end).error());
  if (end->status == 0) return std::move(end->output);
  if (says_there_is_none(end->errors)) return std::nullopt;
  return error("read", "the crontab",
               "`crontab -l` failed with exit status " + std::to_string(end->status) + ": " +
                   printable(trim(end->errors)) + "; nothing was changed");
}

Status write_crontab(const std::string& text) {
  const auto end = ask_program({"crontab", text.empty() ? "-r" : "-"}, text);
  if (!end) return tl::unexpected(end.error());
  if (end->status == 0) return {};
  return error("write", "the crontab",
               "`crontab` failed with exit status " + std::to_string(end->status) + ": " +
                   printable(trim(end->errors)) + "; it is as it was");
}

InstalledList find_installed(const std::string& root, const profiles::Environment& environment) {
  InstalledList list;
  look_at_file(*unit_path(Scope::system, root, environment), "systemd", Scope::system, list);
  look_at_file(cron_path(root), "cron", Scope::system, list);
  if (!root.empty()) return list;
  if (const auto path = unit_path(Scope::user, root, environment))
    look_at_file(*path, "systemd", Scope::user, list);
  const auto crontab = read_crontab();
  if (!crontab && crontab.error().errnum != ENOENT)  // where cron is not installed, it is not used
    list.problems.push_back(crontab.error().message());
  if (crontab && *crontab && is_ours(**crontab))
    list.found.push_back({"cron", Scope::user, "crontab"});
  return list;
}

}  // namespace jobward::cli
