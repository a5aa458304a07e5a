// Who is protected unless the configuration says otherwise. docs/watchdog.md, "Who is protected",
// has the reasons: what is here, what is not, and who could gain it.
#include <array>
#include <string>
#include <string_view>

#include "watchdog/config.h"
#include "watchdog/protection.h"

namespace jobward::watchdog {
namespace {

// Programs that run as root: nobody else can gain this. "/usr/*bin/" is bin, sbin and local/bin.
// The short paths are those of machines without a merged /usr.
constexpr std::array kRoot{
    // Logging in.
    "/usr/*bin/sshd",
    "/usr/lib*/openssh/sshd-*",  // Debian's lib, Fedora's libexec
    "/usr/*bin/dropbear",
    "/usr/*bin/login",
    "/bin/login",
    "/usr/*bin/agetty",
    "/sbin/agetty",
    "/usr/*bin/getty",
    "/sbin/getty",
    "/usr/*bin/su",
    "/bin/su",
    "/usr/*bin/sudo",
    // Services, and what starts and holds them.
    "/usr/lib/systemd/*",
    "/lib/systemd/*",
    "/usr/*bin/cron",
    "/usr/*bin/crond",
    "/usr/*bin/atd",
    "/usr/*bin/dockerd",
    "/usr/*bin/containerd*",  // and its shims, one for each container
    "/usr/*bin/conmon",
    "/usr/lib*/podman/conmon",
    // The network that a session may come over.
    "/usr/*bin/NetworkManager",
    "/usr/*bin/wpa_supplicant",
    "/usr/*bin/tailscaled",
    // Graphical logins.
    "/usr/*bin/gdm*",
    "/usr/lib*/gdm*",
    "/usr/*bin/lightdm",
    "/usr/*bin/sddm",
    "/usr/lib*/sddm-helper",
};

// What a session hangs on, under the session's own user (or a service's).
constexpr std::array kSession{
    "/usr/*bin/jobward*",
    "/usr/*bin/sshd",
    "/usr/lib*/openssh/sshd-*",
    "/usr/*bin/mosh-server",
    "/usr/lib/systemd/systemd*",
    "/lib/systemd/systemd*",
    "/usr/*bin/dbus-daemon",
    "/usr/*bin/dbus-broker*",
    "/usr/*bin/tmux",
    "/usr/*bin/screen*",  // "screen-4.9.0" where it was built with its version
    "/usr/*bin/zellij",
    "/usr/*bin/abduco",
    "/usr/*bin/dtach",
    // Display servers, compositors and session managers.
    "/usr/*bin/Xorg",
    "/usr/lib*/Xorg*",
    "/usr/*bin/Xwayland",
    "/usr/*bin/Xvfb",
    "/usr/*bin/Xtigervnc",
    "/usr/*bin/Xvnc",
    "/usr/*bin/gnome-shell",
    "/usr/lib*/gnome-session-*",
    "/usr/*bin/kwin_*",
    "/usr/*bin/ksmserver",
    "/usr/*bin/startplasma-*",
    "/usr/*bin/plasma_session",
    "/usr/*bin/mutter",
    "/usr/*bin/muffin",
    "/usr/*bin/cinnamon",
    "/usr/*bin/xfce4-session",
    "/usr/*bin/xfwm4",
    "/usr/*bin/mate-session",
    "/usr/*bin/marco",
    "/usr/*bin/lxqt-session",
    "/usr/*bin/sway",
    "/usr/*bin/weston",
    "/usr/*bin/Hyprland",
    "/usr/*bin/labwc",
    "/usr/*bin/wayfire",
    "/usr/*bin/niri",
    "/usr/*bin/i3",
    "/usr/*bin/openbox",
};

// Coding agents, where their own installers and npm put their executables.
constexpr std::array kAgentPrograms{
    "/usr/*bin/claude",   "/usr/*bin/codex", "/usr/*bin/copilot",
    "/usr/*bin/opencode", "/usr/*bin/goose", "/usr/*bin/agy",
};
constexpr std::array kAgentsAtHome{
    ".local/share/claude/versions/*",
    ".local/share/cursor-agent/versions/*/node",  // its own copy of node
    ".codex/packages/standalone/releases/*/codex",
    ".opencode/bin/opencode",
    ".local/bin/claude",
    ".local/bin/codex",
    ".local/bin/copilot",
    ".local/bin/opencode",
    ".local/bin/goose",
    ".local/bin/agy",
};
// '*' also crosses the node_modules below a package's own.
constexpr std::array kAgentsOfNpm{
    "node_modules/@anthropic-ai/claude*/claude",  "node_modules/@anthropic-ai/claude*/claude.exe",
    "node_modules/@openai/codex*/vendor/*/codex", "node_modules/@github/copilot*/copilot",
    "node_modules/opencode*/bin/opencode",        "node_modules/opencode*/bin/opencode.exe",
};
constexpr std::array kNpmRoots{"/usr/*lib/", "/home/*/", "/root/*"};
constexpr std::array kHomes{"/home/*/", "/root/"};

void add(std::vector<ProtectRule>& rules, const std::string& exe, std::optional<uid_t> uid) {
  ProtectRule rule;
  rule.exe = exe;
  rule.uid = uid;
  rule.text = std::string(kShipped) + format_protect_rule(rule);
  rules.push_back(std::move(rule));
}

void add_agents(std::vector<ProtectRule>& rules) {
  for (const auto* program : kAgentPrograms)
    add(rules, program, {});
  for (const auto* home : kHomes)
    for (const auto* program : kAgentsAtHome)
      add(rules, std::string(home) + program, {});
  for (const auto* root : kNpmRoots)
    for (const auto* program : kAgentsOfNpm)
      add(rules, std::string(root) + program, {});
}

}  // namespace

std::vector<ProtectRule> default_protection(bool root_only) {
  std::vector<ProtectRule> rules;
  for (const auto* program : kRoot)
    add(rules, program, 0);
  if (root_only) return rules;
  for (const auto* program : kSession)
    add(rules, program, {});
  add_agents(rules);
  return rules;
}

}  // namespace jobward::watchdog
