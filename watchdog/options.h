// The command line of jobward-watchdog. Written by hand: a library for it would be most of the
// program.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/result.h"
#include "watchdog/config.h"

namespace jobward::watchdog {

// A key of the configuration that the command line sets over the file.
struct Override {
  std::string key;
  std::string value;
  std::string option;  // as it was given, for errors
};

enum class Mode { daemon, once, ensure, check_config, help, version };

struct Options {
  Mode mode = Mode::daemon;
  bool dry_run = false;
  bool json = false;
  bool prefer_over_estimate = false;
  std::string within;       // a cgroup; empty: the machine
  std::string config_file;  // empty: the usual places
  std::vector<Override> overrides;
};

// Arguments without argv[0]; "--key value" and "--key=value". The values of the overrides are
// checked here already. --help and --version win over everything else that is right.
Result<Options> parse_arguments(std::span<const char* const> arguments);

// Applied to what was read from the file.
Status apply_overrides(const Options& options, Config& config);

std::string usage();

}  // namespace jobward::watchdog
