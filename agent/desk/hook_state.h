// What the hooks remember between their calls: files in the state directory.
#pragma once

#include <optional>
#include <string>

#include "agent/hooks/slow_list.h"
#include "common/clock.h"
#include "common/result.h"

namespace jobward::desk {

// STATE/hooks: `slow`, the commands that took long; `begun/CALL`, when a call began, for agents
// that do not tell how long it took; `log`, errors of the hooks themselves.
class HookState {
 public:
  explicit HookState(const std::string& state_directory);

  // Of a command's text and where it runs; what varies from run to run is left out of it.
  static std::string key_of(const std::string& command, const std::string& project);

  [[nodiscard]] bool is_slow(const std::string& key) const;
  // It took so long. Locked against others meanwhile.
  Status note(const std::string& key, double seconds, double slow_seconds, UnixMillis now) const;

  void begin(const std::string& call, UnixMillis now) const;
  // When it began, which is forgotten; absent: not known.
  std::optional<UnixMillis> take_begin(const std::string& call) const;

  // Appends a line; the file is begun anew when it has grown.
  void log(const std::string& text, UnixMillis now) const;
  [[nodiscard]] std::string log_path() const { return directory_ + "/log"; }

 private:
  std::string directory_;
};

}  // namespace jobward::desk
