// Where signed heads of the ledger go, so that who can write the ledger cannot write its past.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"

namespace jobward::trust {

struct AnchorPlace {
  enum class Kind {
    file,     // a line is appended to it and synced
    journal,  // systemd's journal, with the fields JOBWARD_HEAD and MESSAGE
    command   // a program that gets the line on its standard input; 10 s to take it
  };
  Kind kind = Kind::file;
  std::string path;
  std::vector<std::string> argv;

  [[nodiscard]] std::string words() const;  // "file /var/log/heads", for people
};

// "journald", an absolute path. Commands are argument lists, see policy.h.
Result<AnchorPlace> read_anchor_place(const std::string& text);

// `head`: an envelope as one line. When it returns, the place has it.
Status export_head(const AnchorPlace& place, const std::string& head);

}  // namespace jobward::trust
