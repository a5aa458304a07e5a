// What agents hand to the hooks: events, commands, transcripts, settings. Read or refused; a
// command that is wrapped is one word of a shell; no answer allows anything.
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/hooks/answer.h"
#include "agent/hooks/model.h"
#include "agent/hooks/permission_rules.h"
#include "agent/hooks/shell_text.h"
#include "agent/hooks/slow_list.h"
#include "agent/hooks/weigh.h"
#include "agent/hooks/wrap.h"
#include "agent/setup/edit.h"
#include "tests/fuzz/check.h"
#include "tests/support/fake_file_probe.h"

using namespace jobward;
using namespace jobward::hooks;
using fuzz::require;

namespace {

// The bytes that a POSIX shell makes of one quoted word.
std::string unquoted(const std::string& word) {
  std::string out;
  bool inside = false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] == '\'')
      inside = !inside;
    else if (!inside && word[i] == '\\')
      out += word[++i];
    else
      out += word[i];
  }
  return out;
}

void check_event(Agent agent, std::string_view text) {
  const auto event = read_event(agent, text);
  if (!event) return;
  for (const auto kind :
       {Decision::Kind::pass, Decision::Kind::wrap, Decision::Kind::deny, Decision::Kind::note}) {
    const auto out = answer_of(*event, {kind, event->command, "why"}).out;
    require(out.empty() || Json::accept(out), "an answer is JSON", text);
    require(kind != Decision::Kind::deny || !out.empty(), "a denial says something", text);
    if (out.empty()) continue;
    const auto answer = Json::parse(out);
    require(answer.value("permission", "") != "allow", "nothing is allowed", text);
    require(answer.value("decision", "") != "allow", "nothing is allowed", text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto agent : {Agent::claude_code, Agent::codex, Agent::gemini, Agent::cursor}) {
    check_event(agent, text);
    static_cast<void>(model_in_transcript(agent, text));
    static_cast<void>(setup::is_our_hook(std::string(text), agent));
  }
  require(unquoted(quoted_word(text)) == text, "a quoted word is the command", text);
  const test::FakeFileProbe files;
  const auto weight = weigh(text, "/w", {{"make *"}, {}}, files);
  require(!weight.heavy || !weight.what.empty(), "what is heavy has a reason", text);
  static_cast<void>(is_ruled(shell_rules(text), text));
  const auto list = read_slow_list(text);
  require(read_slow_list(slow_list_text(list)).size() == list.size(), "a list reads back", text);
  return 0;
}
