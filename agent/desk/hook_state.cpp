#include "agent/desk/hook_state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>

#include "cli/render_text.h"
#include "common/fd.h"
#include "common/files.h"
#include "common/identity.h"
#include "common/text.h"

namespace jobward::desk {
namespace {

namespace fs = std::filesystem;

constexpr off_t kLongestLog = 1 << 20;
constexpr std::size_t kKeyDigits = 32;
// A call that never ended, because its session did: its file goes.
constexpr auto kForgotten = std::chrono::hours(48);
constexpr std::size_t kLongestCall = 100;

// One part of a path, whatever the agent sends.
std::string file_name(const std::string& call) {
  std::string out;
  for (const char c : call.substr(0, kLongestCall)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-';
    out += plain ? c : '_';
  }
  return out;
}

}  // namespace

HookState::HookState(const std::string& state_directory) : directory_(state_directory + "/hooks") {}

std::string HookState::key_of(const std::string& command, const std::string& project) {
  // Words that are numbers (a seed, a count) vary; another path is another program.
  std::string masked;
  for (const auto word : split(command, ' ')) {
    const bool number =
        !word.empty() && word.find_first_not_of("0123456789.") == std::string_view::npos;
    masked += number ? "<n>" : std::string(word);
    masked += ' ';
  }
  return sha256_hex(project + '\0' + masked).substr(0, kKeyDigits);
}

bool HookState::is_slow(const std::string& key) const {
  const auto text = read_file(directory_ + "/slow");
  return text && hooks::find_slow(hooks::read_slow_list(*text), key) != nullptr;
}

Status HookState::note(const std::string& key, double seconds, double slow_seconds,
                       UnixMillis now) const {
  const std::string path = directory_ + "/slow";
  if (seconds < slow_seconds && !is_slow(key)) return {};
  JOBWARD_RETURN_IF_ERROR(make_private_directories(directory_));
  const Fd lock(
      ::open((directory_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return errno_error("open", directory_ + "/lock");
  if (::flock(lock.get(), LOCK_EX) != 0) return errno_error("lock", directory_ + "/lock");
  const auto text = read_file(path);
  if (!text && text.error().errnum != ENOENT) return tl::unexpected(text.error());
  auto list = hooks::read_slow_list(text ? *text : std::string());
  if (!hooks::note_duration(list, {key, seconds, now}, slow_seconds)) return {};
  return write_file_atomic(path, hooks::slow_list_text(list));
}

void HookState::begin(const std::string& call, UnixMillis now) const {
  const std::string begun = directory_ + "/begun";
  if (call.empty() || !make_private_directories(begun)) return;
  const Fd file(::open((begun + "/" + file_name(call)).c_str(),
                       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file) static_cast<void>(write_all(file.get(), std::to_string(now), "a call's beginning"));
}

std::optional<UnixMillis> HookState::take_begin(const std::string& call) const {
  if (call.empty()) return std::nullopt;
  const std::string begun = directory_ + "/begun";
  const std::string path = begun + "/" + file_name(call);
  const auto text = read_file(path, 64);
  ::unlink(path.c_str());
  std::error_code failure;
  const auto oldest = fs::file_time_type::clock::now() - kForgotten;
  for (fs::directory_iterator entry(begun, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code unread;
    if (entry->last_write_time(unread) < oldest && !unread) ::unlink(entry->path().c_str());
  }
  UnixMillis out = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), out).ec != std::errc())
    return std::nullopt;
  return out;
}

void HookState::log(const std::string& text, UnixMillis now) const {
  if (!make_private_directories(directory_)) return;
  const std::string path = log_path();
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && info.st_size > kLongestLog)
    ::rename(path.c_str(), (path + ".1").c_str());
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file)
    static_cast<void>(
        write_all(file.get(), cli::local_time(now) + " " + printable(text) + "\n", path));
}

}  // namespace jobward::desk
