// The keys under which runs count as the same kind of job.
#pragma once

#include <string>
#include <string_view>

#include "common/job_types.h"
#include "profiles/program.h"
#include "profiles/project.h"

namespace jobward::profiles {

// One key a level, nearest first; each 32 hexadecimal digits of a SHA-256. Neither limits nor
// Jobward's own options nor the environment are part of any of them.
//  exact    the command line word for word (wrappers looked through), in this project
//  masked   the same with numbers, paths, dates, UUIDs and hashes replaced by a placeholder each,
//  so that
//           `train.py --data a.txt --epochs 3` and `train.py --data b.txt --epochs 9` are one kind
//  program  the script in this project, or the program's name on this machine
struct Fingerprint {
  std::string exact;
  std::string masked;
  std::string program;
  [[nodiscard]] std::string key(Level level) const;  // "everything" for Level::everything
};

Fingerprint fingerprint(const Program& program, const Project& project);

// Of a run whose kind somebody has named (a history, a user) instead of its command line: masked is
// the key of that name, program of `program` where it is not empty; the other keys are empty. Never
// the same as a key of fingerprint(). The names are taken byte for byte.
Fingerprint kind_fingerprint(std::string_view kind, std::string_view program = {});

// One argument with what varies from run to run masked: "--out=/tmp/x7" -> "--out=<path>", "12" ->
// "<n>". Flag names and plain words stay.
std::string mask_argument(const std::string& argument);

}  // namespace jobward::profiles
