// Numbers that make one run larger than another, read off a command line before it runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "profiles/file_probe.h"
#include "profiles/observation.h"
#include "profiles/program.h"

namespace jobward::profiles {

// Features of a command:
//  size:NAME     bytes of the existing file or directory that an argument names; NAME is the flag
//  before it
//                ("--data x", "--data=x", "data=x") or argN, counted from 1 over the positional
//                arguments
//  size:total    the sum of those, if there is more than one input and all could be measured
//  num:NAME      a numeric argument (decimal, or with a unit K, M, G …: taken in 1024), by the same
//  names,
//                and for -j8
// A flag given twice: sizes are added, of numbers the last counts. The script itself is not an
// input. At most 64 features have names of their own; inputs beyond them count in size:total.
Features command_features(const Program& program, const std::string& cwd, const FileProbe& files);

// May a declared feature have this name: [A-Za-z0-9_.-]+?
bool is_feature_name(std::string_view name);

// "--feature k=v" -> "feature:k". A missing '=', an empty or odd name ([A-Za-z0-9_.-]+), a value
// that is no finite number, or a name given twice is an error that names it.
Result<Features> declared_features(const std::vector<std::string>& texts);

}  // namespace jobward::profiles
