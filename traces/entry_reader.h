// What all readers of histories do alike: count, let broken entries pass if that was asked for, and
// tell afterwards what was left out. Private to traces/.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>

#include "traces/history_reader.h"

namespace jobward::traces {

struct EndOfHistory {};
// An entry that is well formed but no run that says anything; `why` completes "left out: …".
struct LeftOut {
  std::string why;
  std::size_t line = 0;
};
struct Broken {
  std::string what;  // printable
  std::size_t line = 0;
};
using Entry = std::variant<EndOfHistory, profiles::PastRun, LeftOut, Broken>;

class EntryReader : public HistoryReader {
 public:
  Result<std::optional<profiles::PastRun>> next() final;
  [[nodiscard]] HistorySummary summary() const final;

 protected:
  EntryReader(TextSource source, const HistoryOptions& options)
      : source_(std::move(source)), options_(options) {}

  // An error only where nothing can be read any more.
  virtual Result<Entry> read_entry() = 0;

  TextSource& source() { return source_; }
  [[nodiscard]] const HistoryOptions& options() const { return options_; }

  // The next line that is not blank; absent at the end.
  Result<std::optional<TextSource::Line>> next_filled_line();
  // An error about a line, for what makes the whole history unreadable.
  [[nodiscard]] tl::unexpected<Error> unreadable(std::size_t line, const std::string& what) const;

  // Clocks jump: of a run that ended before it began no time is believed.
  void doubt_times(profiles::PastRun& run);

  // Something of a used entry was not believed. The same text counts up.
  void remark(const std::string& what, std::size_t line);

 private:
  struct Tally {
    std::size_t count = 0;
    std::size_t first_line = 0;
  };
  [[nodiscard]] std::string place(std::size_t line) const;
  Status note_broken(const Broken& broken);

  TextSource source_;
  HistoryOptions options_;
  HistorySummary summary_;  // all but the remarks
  std::map<std::string, Tally> remarks_;
  std::optional<Error> failure_;
};

// Has this id been told before? Keeps 64 bits of each, not the ids: of a million different ones two
// are taken for the same with a chance of 1 in 37 million.
class SeenIds {
 public:
  // True for the first time. An empty id is always new.
  bool add(std::string_view id) {
    return id.empty() || seen_.insert(std::hash<std::string_view>{}(id)).second;
  }

 private:
  std::unordered_set<std::size_t> seen_;
};

}  // namespace jobward::traces
