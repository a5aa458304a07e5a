// The exit statuses that scripts rely on (DESIGN: the command line is a contract).
#pragma once

namespace jobward::exit_code {

inline constexpr int kVerifyFailed = 1;  // a HARD_FAIL among the findings
inline constexpr int kUsage = 2;         // everywhere but `run`, which uses kLauncherFailed
inline constexpr int kNotAdmitted = 75;  // EX_TEMPFAIL: try again later
inline constexpr int kRefused = 77;      // EX_NOPERM: refused by policy, guard, or could never fit
inline constexpr int kTimeLimit = 124;   // wall, CPU time or stall; as timeout(1)
inline constexpr int kLauncherFailed = 125;
inline constexpr int kNotExecutable = 126;
inline constexpr int kNotFound = 127;
inline constexpr int kSignalBase = 128;

}  // namespace jobward::exit_code
