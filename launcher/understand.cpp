#include "launcher/understand.h"

#include <iterator>

#include "profiles/features.h"
#include "profiles/secrets.h"

namespace jobward::launcher {

void drop_secret_features(profiles::Features& features) {
  static constexpr const char* kValue = "12345678";
  for (auto it = features.begin(); it != features.end();) {
    const std::string name = it->first.substr(it->first.find(':') + 1) + "=";
    const bool secret = profiles::mask_secrets({name + kValue})[0] != name + kValue;
    it = secret ? features.erase(it) : std::next(it);
  }
}

Understood understand(const Job& job, const std::string& kind, const profiles::FileProbe& files,
                      const profiles::FileProbe& inputs) {
  Understood out;
  out.project = profiles::find_project(job.cwd, files);
  if (!job.argv.empty()) {
    out.program = profiles::find_program(job, out.project.root, files);
    out.fingerprint = profiles::fingerprint(out.program, out.project);
    out.features = profiles::command_features(out.program, job.cwd, inputs);
    drop_secret_features(out.features);
  }
  if (!kind.empty()) {
    auto named = profiles::kind_fingerprint(kind);
    named.exact = std::move(out.fingerprint.exact);
    out.fingerprint = std::move(named);
  }
  return out;
}

}  // namespace jobward::launcher
