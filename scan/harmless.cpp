#include "scan/harmless.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace jobward::scan {
namespace {

template <class Names>
bool holds(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::array<std::string_view, 62> kPure{"abs",
                                                 "all",
                                                 "any",
                                                 "bool",
                                                 "bytearray",
                                                 "bytes",
                                                 "callable",
                                                 "chr",
                                                 "complex",
                                                 "dict",
                                                 "dir",
                                                 "divmod",
                                                 "enumerate",
                                                 "filter",
                                                 "float",
                                                 "format",
                                                 "frozenset",
                                                 "getattr",
                                                 "globals",
                                                 "hasattr",
                                                 "hash",
                                                 "hex",
                                                 "id",
                                                 "int",
                                                 "isinstance",
                                                 "issubclass",
                                                 "iter",
                                                 "len",
                                                 "list",
                                                 "locals",
                                                 "map",
                                                 "max",
                                                 "min",
                                                 "object",
                                                 "oct",
                                                 "ord",
                                                 "pow",
                                                 "range",
                                                 "repr",
                                                 "reversed",
                                                 "round",
                                                 "set",
                                                 "slice",
                                                 "sorted",
                                                 "str",
                                                 "sum",
                                                 "super",
                                                 "tuple",
                                                 "type",
                                                 "vars",
                                                 "zip",
                                                 "os.getpid",
                                                 "os.getcwd",
                                                 "os.getenv",
                                                 "os.fspath",
                                                 "os.cpu_count",
                                                 "json.dumps",
                                                 "json.loads",
                                                 "os.environ.get",
                                                 "functools.partial",
                                                 "contextlib.suppress",
                                                 "contextlib.nullcontext"};

// Modules that only compute, or tell the time.
constexpr std::array<std::string_view, 16> kPureModules{
    "time.",      "datetime.", "os.path.", "math.",       "copy.",   "collections.",
    "itertools.", "typing.",   "uuid.",    "random.",     "string.", "re.",
    "platform.",  "operator.", "pathlib.", "sys.exc_info"};

constexpr std::array<std::string_view, 7> kLogModules{
    "logging.",    "warnings.",      "traceback.", "sys.stdout.",
    "sys.stderr.", "loguru.logger.", "structlog."};

constexpr std::array<std::string_view, 9> kLogMethods{
    "debug", "info", "warning", "warn", "error", "critical", "exception", "log", "msg"};

constexpr std::array<std::string_view, 24> kPureMethods{
    "get",   "items",       "keys",      "values",        "copy",     "split",
    "strip", "rstrip",      "lstrip",    "format",        "join",     "upper",
    "lower", "encode",      "decode",    "startswith",    "endswith", "isoformat",
    "time",  "with_suffix", "with_name", "total_seconds", "strftime", "count"};

constexpr std::array<std::string_view, 16> kRunners{"submit",
                                                    "to_thread",
                                                    "run_in_executor",
                                                    "Thread",
                                                    "Process",
                                                    "Timer",
                                                    "apply",
                                                    "apply_async",
                                                    "run_sync",
                                                    "callback",
                                                    "call_soon",
                                                    "call_later",
                                                    "start_new_thread",
                                                    "add_done_callback",
                                                    "starmap",
                                                    "retry_call"};

constexpr std::array<std::string_view, 12> kAwaiters{
    "run",      "create_task", "gather",     "run_until_complete",       "ensure_future",
    "wait_for", "shield",      "start_soon", "run_coroutine_threadsafe", "as_completed",
    "wait",     "TaskGroup"};

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

Harm harm_of_call(std::string_view dotted) {
  if (dotted == "print" || dotted == "input") return Harm::log;
  if (holds(kPure, dotted)) return Harm::none;
  // An exception that is made, not yet raised.
  if (ends_with(dotted, "Error") || ends_with(dotted, "Exception") || ends_with(dotted, "Warning"))
    return Harm::none;
  const auto inside = [&](std::string_view module) { return dotted.rfind(module, 0) == 0; };
  if (std::any_of(kLogModules.begin(), kLogModules.end(), inside)) return Harm::log;
  if (std::any_of(kPureModules.begin(), kPureModules.end(), inside)) return Harm::none;
  const auto dot = dotted.rfind('.');
  if (dot == std::string_view::npos) return Harm::unknown;
  return harm_of_method(dotted.substr(0, dot), dotted.substr(dot + 1));
}

Harm harm_of_method(std::string_view object, std::string_view name) {
  std::string last(object.substr(object.rfind('.') + 1));
  for (auto& c : last)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (holds(kLogMethods, name) && last.find("log") != std::string::npos) return Harm::log;
  if (holds(kLogMethods, name) && object.find("getLogger(") != std::string_view::npos)
    return Harm::log;
  return holds(kPureMethods, name) ? Harm::none : Harm::unknown;
}

bool runs_what_it_is_given(std::string_view name) { return holds(kRunners, name); }
bool awaits_what_it_is_given(std::string_view name) { return holds(kAwaiters, name); }

}  // namespace jobward::scan
