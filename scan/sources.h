// The Python files below some paths.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "scan/stubs.h"

namespace jobward::scan {

// Larger files are data: they can cost a gigabyte of memory each to parse.
inline constexpr std::size_t kMaxSourceBytes = 2U << 20;

struct Sources {
  std::vector<SourceFile> files;        // sorted by name, each file once, whatever it is called
  std::vector<SourceProblem> problems;  // what was asked for and cannot be read
  std::vector<std::string> left_out;    // "PATH: why": directories and links that were not entered
};

// A path that is a file is read whatever its name; below a directory every *.py. Not entered, and
// told: links to directories, and directories that hold no sources of the project (.git and its
// like, __pycache__, node_modules, a virtual environment: one with a pyvenv.cfg). A directory
// without any *.py is a problem, never an empty success. Reads regular files only.
// `go_on` is asked between files: false ends it with a problem.
Sources read_sources(const std::vector<std::string>& paths, std::size_t max_bytes = kMaxSourceBytes,
                     const std::function<bool()>& go_on = {});

}  // namespace jobward::scan
