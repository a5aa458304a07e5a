#include "traces/entry_reader.h"

#include "common/text.h"

namespace jobward::traces {
namespace {

constexpr std::size_t kComplaints = 20;

}  // namespace

std::string EntryReader::place(std::size_t line) const {
  return source_.name() + ":" + std::to_string(line);
}

Result<std::optional<TextSource::Line>> EntryReader::next_filled_line() {
  while (true) {
    auto line = source_.next();
    if (!line || !*line || !trim((*line)->text).empty()) return line;
  }
}

tl::unexpected<Error> EntryReader::unreadable(std::size_t line, const std::string& what) const {
  return error("read", place(line), what);
}

void EntryReader::doubt_times(profiles::PastRun& run) {
  if (!run.started || !run.finished || *run.finished >= *run.started) return;
  remark("finished before it started: its times are left out", run.line);
  run.submitted = run.started = run.finished = std::nullopt;
}

void EntryReader::remark(const std::string& what, std::size_t line) {
  auto& tally = remarks_[what];
  if (tally.count++ == 0) tally.first_line = line;
}

Status EntryReader::note_broken(const Broken& broken) {
  ++summary_.skipped;
  ++summary_.broken;
  if (!options_.skip_bad) {
    failure_ = error("read", place(broken.line), broken.what).value();
    return tl::unexpected(*failure_);
  }
  if (summary_.complaints.size() < kComplaints)
    summary_.complaints.push_back(place(broken.line) + ": " + broken.what);
  return {};
}

Result<std::optional<profiles::PastRun>> EntryReader::next() {
  while (true) {
    if (failure_) return tl::unexpected(*failure_);
    auto entry = read_entry();
    if (!entry) {
      failure_ = std::move(entry).error();
      continue;
    }
    if (std::holds_alternative<EndOfHistory>(*entry)) return std::optional<profiles::PastRun>{};
    ++summary_.rows;
    if (auto* run = std::get_if<profiles::PastRun>(&*entry)) {
      ++summary_.used;
      return std::move(*run);
    }
    if (const auto* broken = std::get_if<Broken>(&*entry)) {
      JOBWARD_RETURN_IF_ERROR(note_broken(*broken));
    } else if (const auto* left_out = std::get_if<LeftOut>(&*entry)) {
      ++summary_.skipped;
      remark("left out: " + left_out->why, left_out->line);
    }
  }
}

HistorySummary EntryReader::summary() const {
  auto summary = summary_;
  for (const auto& [what, tally] : remarks_)
    summary.remarks.push_back(what + (tally.count == 1
                                          ? " (" + place(tally.first_line) + ")"
                                          : " (" + std::to_string(tally.count) + " times, first " +
                                                place(tally.first_line) + ")"));
  return summary;
}

}  // namespace jobward::traces
