// What a command counts as: shared by runs, and by what is read from others' histories.
#pragma once

#include <string>

#include "common/job_types.h"
#include "profiles/file_probe.h"
#include "profiles/fingerprint.h"
#include "profiles/observation.h"
#include "profiles/program.h"
#include "profiles/project.h"

namespace jobward::launcher {

struct Understood {
  profiles::Project project;
  profiles::Program program;
  profiles::Fingerprint fingerprint;
  profiles::Features features;  // of the command; none that is named like a secret
};

// `kind`, if not empty, is what somebody says the command counts as (--kind): its masked and
// program keys are that name's then, the exact one stays its own. `inputs` is asked for the sizes
// of files that the arguments name, `files` for all else. An empty command is only of its kind.
Understood understand(const Job& job, const std::string& kind, const profiles::FileProbe& files,
                      const profiles::FileProbe& inputs);

// "num:--password": its value is not a size of anything. The name decides: a telling one is masked
// as an argument.
void drop_secret_features(profiles::Features& features);

}  // namespace jobward::launcher
