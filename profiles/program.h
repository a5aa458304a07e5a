// Finding the real program behind interpreters and wrappers.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/job_types.h"
#include "profiles/file_probe.h"

namespace jobward::profiles {

// What a command line really runs. `env A=b nice -n 5 python3 -u train.py --epochs 3` runs the
// script train.py; its arguments are `--epochs 3`.
struct Program {
  std::string name;  // for people: "train.py", "python3 -m pytest", "cc1plus", "bash -c"
  std::string
      script_path;       // absolute path of the script that an interpreter was given; empty if none
  std::string identity;  // what the program level is keyed by: the interpreter and script (relative
                         // to the project), "python3 -m pytest", or the binary's base name
  std::vector<std::string>
      arguments;  // the program's own arguments, wrappers and interpreter options gone
};

// Looks through env, nice, ionice, time, timeout, nohup, setsid, stdbuf, taskset, chrt, sudo
// -E-like prefixes, `uv run`, `poetry run`, `pipenv run`, `pdm run`, `hatch run`, `conda run`,
// `mamba run`, `jobward run … --`, and python, node, bash, sh, perl, ruby, Rscript, julia, java. A
// `bash -c` whose text is one simple command is looked through as well; any other text is its own
// program. Pure but for `files`; never fails: what it does not understand is the program itself.
Program find_program(const Job& job, const std::string& project_root, const FileProbe& files);

}  // namespace jobward::profiles
