// Stamps of the working directory's project, in its ledger.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/trust_desk.h"
#include "trust/stamp.h"

namespace jobward::cli {

// What runs by a command's words: its script, its interpreters, with their digests.
struct AuditFiles {
  std::optional<trust::StampedFile> script;
  std::vector<trust::StampedProgram> programs;
  std::vector<trust::StampedFile> inputs;
  bool operator==(const AuditFiles&) const = default;
};
// `directory`: where it runs. An error for an input that is no file that can be read, or a command
// that is not there.
Result<AuditFiles> audit_files(const std::vector<std::string>& argv, const std::string& directory,
                               const std::vector<std::string>& inputs,
                               const profiles::Project& project);

// Signs it with the store's key and appends it to the ledger. The entry's number.
Result<std::int64_t> put_stamp(TrustDesk& desk, const trust::Stamp& stamp);

// The project's newest stamp of that name.
struct FoundStamp {
  std::optional<trust::Stamp> stamp;    // as signed; absent: there is none, or it is not signed
  std::vector<std::string> objections;  // why it does not hold; empty: it holds
};
struct StampDemand {
  std::string name;
  std::optional<double> max_age_seconds;
  std::optional<std::vector<std::string>> argv;
};
Result<FoundStamp> check_stamp(TrustDesk& desk, const StampDemand& demand);

// What a run asks of stamps.
struct StampWishes {
  std::vector<std::string> names;
  std::optional<double> max_age_seconds;
};
// The first that does not hold, as a finding; absent: all hold. `audits`, if given, gets for each
// its name and what tells its audit (the command, the script, the inputs): another audit under the
// same name is another stamp.
Result<std::optional<Finding>> stamp_fault(const StampWishes& wishes, const Session& session,
                                           const std::string& directory,
                                           std::vector<std::string>* audits);

// "stamp:NAME", what its entries are about.
std::string stamp_subject(const std::string& name);

}  // namespace jobward::cli
