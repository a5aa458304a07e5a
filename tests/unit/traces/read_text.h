// Reads a whole history from text, for the tests of the readers.
#pragma once

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "traces/history_reader.h"

namespace jobward::test {

struct ReadHistory {
  std::vector<profiles::PastRun> runs;
  traces::HistorySummary summary;
  std::string error;  // that of opening or of reading; empty: none
};

inline ReadHistory read_all(traces::HistoryReader& reader) {
  ReadHistory out;
  while (true) {
    auto run = reader.next();
    if (!run) out.error = run.error().message();
    if (!run || !*run) break;
    out.runs.push_back(**std::move(run));
  }
  out.summary = reader.summary();
  return out;
}

inline ReadHistory read_text(traces::HistoryFormat format, std::string text,
                             bool skip_bad = false) {
  auto source = traces::TextSource::from_text(std::move(text), "FILE");
  if (!source) return {{}, {}, source.error().message()};
  auto reader = traces::read_history(format, *std::move(source), {skip_bad});
  if (!reader) return {{}, {}, reader.error().message()};
  return read_all(**reader);
}

inline profiles::PastRun one_run(traces::HistoryFormat format, const std::string& text) {
  auto history = read_text(format, text);
  INFO(text);
  CHECK(history.error.empty());
  REQUIRE(history.runs.size() == 1);
  return history.runs.front();
}

// What was observed of a resource: "12", "more than 12", "at least 12", "" for nothing.
inline std::string used(const profiles::PastRun& run, Resource resource) {
  const auto* value = run.observation.used.find(resource);
  if (value == nullptr) return "";
  std::string text = std::to_string(value->value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return (!value->censored ? "" : value->ended_early ? "at least " : "more than ") + text;
}

}  // namespace jobward::test
