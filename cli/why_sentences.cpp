#include "cli/why_sentences.h"

#include "cli/render_text.h"
#include "cli/watchdog_text.h"
#include "common/text.h"
#include "common/units.h"
#include "launcher/limit_plan.h"

namespace jobward::cli {
namespace {

using Runs = std::vector<profiles::RunRecord>;

bool has_started(const profiles::RunRecord& run) { return run.at.spawned.has_value(); }

std::string ended_words(const profiles::RunRecord& run) {
  if (run.state == profiles::RunState::queued) return "It waits for room, and has not started yet.";
  if (!run.ending) return "It has not ended yet.";
  std::string text = "It ended as " + std::string(to_string(run.ending->outcome)) + ": " +
                     printable(run.ending->cause) + ".";
  if (!has_started(run)) text += " It never started.";
  if (run.ending->exit_code && run.ending->outcome != Outcome::ok)
    text += " Its exit status, " + std::to_string(*run.ending->exit_code) + ", was " +
            (run.ending->exit_source == "job" ? "the job's own." : "set by jobward.");
  return text;
}

std::string limit_sentence(const profiles::RunRecord& run) {
  const auto& request = run.request;
  const std::string held =
      run.ending && !has_started(run) ? "It would have been held to: " : "It was held to: ";
  std::string text;
  request.limits.for_each([&](Resource resource, const Limit& limit) {
    const auto* how = request.enforcement.find(resource);
    text += (text.empty() ? held : ", ") + launcher::limit_words(resource, limit) + " (" +
            printable(limit.source) + ", " +
            std::string(to_string(how == nullptr ? Enforcement::none : *how)) + ")";
  });
  return text.empty() ? "It had no limits." : text + ".";
}

std::string estimate_sentence(const profiles::RunRecord& run) {
  const auto& estimate = run.request.estimate;
  const auto* memory = estimate.by.find(Resource::memory);
  if (memory == nullptr || estimate.level == Level::everything)
    return "Nothing was known beforehand about what it would need.";
  std::string text = "Predicted were " + format_bytes(memory->p50) + " (p50) to " +
                     format_bytes(memory->p99) + " (p99) of memory, " + printable(estimate.reason);
  if (run.ending)
    if (const auto need = run.ending->usage.get(Metric::memory_need))
      text += "; it needed " + format_bytes(*need);
  return text + ".";
}

std::string attempts_sentence(const profiles::RunRecord& run) {
  if (!run.ending || run.ending->attempts.size() < 2) return {};
  std::string text = "There were " + std::to_string(run.ending->attempts.size()) + " attempts:";
  for (const auto& attempt : run.ending->attempts)
    text += " " + std::to_string(attempt.number) + " (" +
            (attempt.memory_limit ? format_bytes(*attempt.memory_limit) : "no memory limit") +
            ") " + std::string(to_string(attempt.outcome)) + ";";
  text.back() = '.';
  return text;
}

std::string waiting_sentence(const profiles::RunRecord& run) {
  if (!run.at.admitted || *run.at.admitted - run.at.created < 1000) return {};
  return "It waited for " +
         format_duration(static_cast<double>(*run.at.admitted - run.at.created) / 1000) +
         " before it was let in.";
}

std::string beside_sentence(const Runs& others) {
  if (others.empty()) return "No other run on record went on meanwhile.";
  std::string text = "Meanwhile went on: ";
  for (std::size_t i = 0; i < others.size(); ++i) {
    const auto& run = others[i];
    text += (i > 0 ? ", " : "") + run.request.id + " (" + printable(run.request.program);
    const auto need = run.ending ? run.ending->usage.get(Metric::memory_need) : std::nullopt;
    if (need) text += ", " + format_bytes(*need);
    text += run.ending ? std::string(", ") + std::string(to_string(run.ending->outcome)) + ")"
                       : std::string(", not ended)");
  }
  return text + ".";
}

}  // namespace

Result<Why> why_sentences(const Records& records, const Clock& clock,
                          const profiles::RunRecord& run) {
  const auto others =
      records.store->beside(run.request.id, run.at.admitted.value_or(run.at.created),
                            run.at.ended.value_or(clock.wall_ms()));
  if (!others) return tl::unexpected(others.error());
  Why out;
  out.sentences = {
      "Run " + run.request.id + ": " + shell_quoted(run.request.argv) + ", asked for " +
          local_time(run.at.created) + " in " + printable(run.request.cwd) +
          (run.request.kind.empty() ? "" : ", as a run of kind " + printable(run.request.kind)) +
          ".",
      ended_words(run),
      limit_sentence(run),
      estimate_sentence(run),
      attempts_sentence(run),
      waiting_sentence(run),
      beside_sentence(*others)};
  auto killed = watchdog_entry_of(records, clock, run);
  if (!killed) {
    say("the watchdog's journal: " + killed.error().message());
  } else if (*killed) {
    const auto more = watchdog_sentences(**killed);
    out.sentences.insert(out.sentences.begin() + 2, more.begin(), more.end());
    out.killed = std::move(*killed);
  }
  std::erase(out.sentences, std::string());
  return out;
}

}  // namespace jobward::cli
