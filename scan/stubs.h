// Functions that say they do something and do not. Data in, data out; scan/sources.h reads files.
//
// A function carries a marker ("checkpoint", "resume", "atomic_write") if that is its name, if a
// comment `# jobward: marker NAME` stands in the line before it (or before its decorators) or at
// the end of its first line, or if it has a decorator @marker("NAME"). Every function that carries
// one is judged, not only the one that would be called. docs/stubs.md says what is and is not
// caught.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "scan/syntax.h"

namespace jobward::scan {

// One of these calls has to be reached: "os.fsync"; ".replace/1", a method of any object, called
// with that many arguments, none by keyword; ".commit", with any.
struct RequiredCalls {
  std::string label;  // "an fsync"
  std::vector<std::string> any_of;
};

struct Marker {
  std::string name;
  std::vector<RequiredCalls> required;
};
// The marker with what it has to reach by default: for atomic_write a rename and an fsync, for
// others nothing.
Marker standard_marker(std::string name);
// A letter or _, then letters, digits, _ (ASCII): what a function can be called.
bool is_marker_name(std::string_view name);

struct SourceFile {
  std::string name;  // as it is to be shown; also tells what `import` means by its last part
  std::string text;  // bytes, as they are
};

enum class StubReason : std::uint8_t {
  empty,              // nothing but pass, ..., a docstring, literals
  constant,           // returns or stores literals only
  only_logs,          // prints or logs, nothing else
  only_raises,        // raises, whatever it is
  only_returns,       // computes something and returns it; nothing outlives the call
  delegates_to_stub,  // calls functions of these files only, and none does anything
  never_runs,         // calling it only makes a generator that has nothing to give
  known_stub,         // its body is one of those named as stubs
  unreached_calls,    // a required call is not reached
  replaced,           // by a decorator, an assignment, an import that cannot be looked into
  changed,            // its definition is not the recorded one
  calls_changed,      // a function that it calls is not the recorded one
  not_recorded,       // there is a record, and this function is not in it
  gone,               // recorded, and not there any more
  missing,            // no function carries the marker
};
inline constexpr std::array<std::string_view, 15> kStubReasonNames{
    "empty",        "constant",     "only_logs",
    "only_raises",  "only_returns", "delegates_to_stub",
    "never_runs",   "known_stub",   "unreached_calls",
    "replaced",     "changed",      "calls_changed",
    "not_recorded", "gone",         "missing"};
constexpr std::string_view to_string(StubReason reason) {
  return kStubReasonNames[static_cast<std::size_t>(reason)];
}

struct StubFault {
  StubReason reason = StubReason::empty;
  std::string message;  // one sentence, printable
};

// What is recorded of a marked function: SHA-256 of its definition (decorators, parameters, body)
// and of it together with all functions of the files that it reaches, both without comments,
// docstrings, annotations and formatting.
struct RecordedBody {
  std::string marker;
  std::string file;
  std::string function;  // "Writer.commit"
  std::string sha256;
  std::string reached_sha256;
  // LLVM 14 sees a 0 for a pointer in what the compiler writes for it.
  // NOLINTNEXTLINE(modernize-use-nullptr)
  friend auto operator<=>(const RecordedBody&, const RecordedBody&) = default;
};

struct StubRules {
  std::vector<Marker> markers;               // at least one, no name twice
  std::set<std::string> trusted_decorators;  // "retry", "lib.retry": they call what they wrap
  std::set<std::string> known_stubs;         // SHA-256 of bodies
  std::optional<std::vector<RecordedBody>> against;
};

struct MarkedFunction {
  std::string marker;
  std::string file;
  std::size_t line = 0;
  std::string function;
  std::string body_sha256;  // of the body alone: what known_stubs holds
  RecordedBody recorded;    // what a record of now would say
  std::vector<StubFault> faults;
};

// A fault of no function that is there: missing, gone.
struct MarkerFault {
  std::string marker;
  StubFault fault;
};

struct StubReport {
  std::vector<MarkedFunction> functions;  // in the order of the markers, files, lines
  std::vector<MarkerFault> markers;
  std::vector<SourceProblem> problems;  // files that could not be judged, so nothing has passed

  [[nodiscard]] std::size_t faults() const;
  [[nodiscard]] bool passed() const { return problems.empty() && faults() == 0; }
};

// The files are judged as one program: an import of one by another is followed by its last name.
// `go_on` is asked between files: false leaves the rest out, which is a problem.
StubReport find_stubs(std::vector<SourceFile> files, const StubRules& rules,
                      const std::function<bool()>& go_on = {});

// The bodies of all functions in a file, to be named as known stubs.
tl::expected<std::set<std::string>, SourceProblem> bodies_of(SourceFile file);

}  // namespace jobward::scan
