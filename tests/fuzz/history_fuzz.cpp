// Histories that others recorded: any bytes give runs that make sense, or an error in one clean
// line that names the file; and every entry is counted once. The first byte chooses the format and
// whether bad lines are skipped.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/text.h"
#include "tests/fuzz/check.h"
#include "traces/history_reader.h"

using namespace jobward;
using fuzz::require;

namespace {

void check_shown(std::string_view text, const char* property) {
  require(printable(text) == text, property, text);
}

void check_error(const Error& error) {
  const auto message = error.message();
  require(message.find("FILE") != std::string::npos, "an error names the file", message);
  check_shown(message, "an error is one clean line");
  require(message.size() < 1000, "an error is short", message);
}

void check_time(const std::optional<UnixMillis>& time) {
  require(!time || (*time >= 0 && *time < 32'535'216'000'000), "a time is in 1970 … 3000");
}

void check_run(const profiles::PastRun& run) {
  check_shown(run.job, "the job is printable");
  check_shown(run.id, "the id is printable");
  require(!run.job.empty() && !run.source.empty(), "a run has a job and a source");
  require(run.fingerprint.masked.size() == 32, "a run has a kind");
  require(run.line > 0, "a run is on a line");
  for (const auto& word : run.command)
    require(word.find('\0') == std::string::npos, "no argument has a zero byte", word);
  check_time(run.submitted);
  check_time(run.started);
  check_time(run.finished);
  require(!run.started || !run.finished || *run.finished >= *run.started,
          "no run ends before it begins");
  require(!run.requested_bytes || (std::isfinite(*run.requested_bytes) && *run.requested_bytes > 0),
          "a request is a size");
  run.observation.used.for_each([](Resource resource, const profiles::Observed& used) {
    require(std::isfinite(used.value) && used.value >= 0, "a measured value is a quantity");
    require(resource != Resource::memory || used.value > 0, "no run needs no memory");
    require(used.censored || !used.ended_early, "only censored runs ended early");
  });
  for (const auto& [name, value] : run.observation.features) {
    check_shown(name, "the name of a feature is printable");
    require(std::isfinite(value), "a feature is a number");
  }
}

void check_summary(const traces::HistorySummary& summary, std::size_t given) {
  require(summary.used == given, "what was given is counted as used");
  require(summary.used + summary.skipped == summary.rows, "every entry is used or skipped");
  require(summary.broken <= summary.skipped, "broken entries are skipped ones");
  require(summary.complaints.size() <= 20 && summary.complaints.size() <= summary.broken,
          "complaints are about broken entries");
  for (const auto& text : summary.complaints)
    check_shown(text, "a complaint is one clean line");
  for (const auto& text : summary.remarks)
    check_shown(text, "a remark is one clean line");
}

void check_history(traces::HistoryReader& reader) {
  std::size_t given = 0;
  while (true) {
    const auto run = reader.next();
    if (!run) check_error(run.error());
    if (!run || !*run) break;
    check_run(**run);
    ++given;
  }
  check_summary(reader.summary(), given);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto format = static_cast<traces::HistoryFormat>(data[0] % 4);
  const bool skip_bad = (data[0] & 0x10U) != 0;  // 'A' to 'O' are strict, 'P' to 'Z' are not
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto reader = traces::TextSource::from_text(text, "FILE").and_then([&](auto source) {
    return traces::read_history(format, std::move(source), {skip_bad});
  });
  if (reader)
    check_history(**reader);
  else
    check_error(reader.error());
  return 0;
}
