// What a hook answers, in the form that each agent understands. Nothing here ever grants a
// permission: no answer says "allow".
#pragma once

#include <string>

#include "agent/hooks/event.h"

namespace jobward::hooks {

struct Decision {
  enum class Kind {
    pass,  // untouched, and no word about it
    wrap,  // another command in its place
    deny,  // with a reason that the model reads
    note   // something for the model to know
  };
  Kind kind = Kind::pass;
  std::string command;  // of wrap
  std::string text;     // of deny and note
};

// Does the agent take another command without being told to allow it? Where it does not, a command
// that would be wrapped is denied, with the wrapped one as the advice.
bool can_replace(Agent agent);

struct Answer {
  std::string out;  // for standard output; may be empty
};
Answer answer_of(const Event& event, const Decision& decision);

}  // namespace jobward::hooks
