// The one table of keys: the configuration file and the command line both set them here.
#pragma once

#include <span>
#include <string_view>

#include "watchdog/config.h"

namespace jobward::watchdog {

struct Setting {
  std::string_view key;       // in the file
  std::string_view option;    // on the command line; empty: not there
  std::string_view argument;  // what the option takes, for the usage text
  std::string_view help;
  Status (*set)(std::string_view value, const UserLookup& users, Config& config);
};

std::span<const Setting> settings();

// Sets one key. The error says what is wrong with the key or the value, not where it stands.
Status apply_setting(std::string_view key, std::string_view value, const UserLookup& users,
                     Config& config);

}  // namespace jobward::watchdog
