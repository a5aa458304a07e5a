// Which model really served, by the evidence that each agent leaves, and whether it is good enough.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/hooks/event.h"
#include "agent/hooks/settings.h"

namespace jobward::hooks {

// The evidence. claude_code: the newest `message.model` of an assistant's line in the transcript
// (JSONL); a subagent's in a transcript of its own. gemini: the newest record of type "gemini".
// codex, cursor: only the input says it, which is what was configured, not what served.
struct ServedModel {
  std::string model;     // empty: there is no evidence
  std::string evidence;  // "the transcript FILE", or why there is none
};

// The newest model that a transcript names. `text`: its end, which may begin within a line.
// `sidechain`: it is a subagent's.
std::string model_in_transcript(Agent agent, std::string_view text, bool sidechain = false);

// The transcript of whoever sent this event: of a subagent its own. Reads at most the last
// kTranscriptTail bytes.
ServedModel served_model(const Event& event);
inline constexpr std::size_t kTranscriptTail = std::size_t{32} << 20U;

struct ModelVerdict {
  bool passed = false;
  std::string reason;  // one sentence
};
ModelVerdict judge_model(const ServedModel& served, std::string_view min_tier,
                         const ModelTiers& tiers);

}  // namespace jobward::hooks
