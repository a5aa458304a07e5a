// What can be limited, once for the flags, the configuration and the policy.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "common/job_types.h"
#include "common/result.h"

namespace jobward::cli {

// Which values of a limit may be written as a bare number in TOML. A size or a duration may not: it
// would have no unit.
enum class BareNumber { no, zero, yes };

struct LimitOption {
  std::string_view key;   // in the configuration
  std::string_view flag;  // on the command line
  Resource resource;
  BareNumber bare;
  std::string_view type;
  std::string_view example;
  std::string_view help;
  // The limit without source and origin. Of "auto", which only memory knows, the callers take care.
  Result<Limit> (*parse)(std::string_view text);
};

const std::array<LimitOption, 12>& limit_options();
// nullptr: no such key.
const LimitOption* find_limit_option(std::string_view key);
const LimitOption* find_limit_option(Resource resource);

inline constexpr std::string_view kAutomatic = "auto";

// The kernel's largest configurations have so many (NR_CPUS).
inline constexpr int kMostCpus = 8192;

// A whole number in decimal within bounds; `what` is in the message.
Result<int> parse_integer(std::string_view text, std::string_view what, int low, int high);

// "8,0-3,2" as the kernel writes it: "0-3,8", and how many CPUs that are. Whether they exist is the
// machine's to say.
struct CpuList {
  std::string text;
  int count = 0;
};
Result<CpuList> parse_cpu_list(std::string_view text);

}  // namespace jobward::cli
