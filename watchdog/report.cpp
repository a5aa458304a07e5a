#include "watchdog/report.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "host/observe/host_snapshot.h"
#include "watchdog/clock.h"

namespace jobward::watchdog {
namespace {

constexpr std::array<std::string_view, 3> kSeverities{"INFO", "WARN", "HARD_FAIL"};
constexpr std::size_t kCandidates = 10;
// One unit whose names take six bytes a byte, and the signals.
constexpr std::size_t kForTheRest = 8192 + 2048;

// A terminal must not be driven by the name of a process.
template <std::size_t N>
void add_printable(FixedText<N>& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7F ? '?' : c;
  }
}

template <std::size_t N>
void add_unit_words(FixedText<N>& out, const Unit& unit) {
  if (unit.is_job) {
    out += "job ";
    out += unit.run.view();
    out += " (";
  } else {
    (out += "process ").add_number(unit.pid) += " (";
  }
  add_printable(out, unit.name);
  (out += ", user ").add_number(std::uint64_t{unit.uid}) += ", ";
  add_bytes(out, unit.size) += ")";
}

}  // namespace

Report::Report(const host::KernelRoots& roots, LineSink* journal, Hooks* hooks, bool json)
    : journal_(journal), hooks_(hooks), json_(json) {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
    random =
        (static_cast<std::uint64_t>(wall_ms()) << 20U) ^ static_cast<std::uint64_t>(::getpid());
  constexpr std::string_view kHex = "0123456789abcdef";
  for (int i = 0; i < 16; ++i, random >>= 4U)
    instance_ += kHex[random & 15U];
  boot_id_ = host::read_machine_identity(roots).boot_id;
}

// What could not be written is in the journal; that it is missing here is said as soon as it can
// be.
void Report::say(std::string_view words) {
  if (unsaid_ > 0) {
    FixedText<128> missing("jobward-watchdog: WARN: ");
    missing.add_number(unsaid_) += " messages before this one could not be written here";
    if (words_.line(missing)) unsaid_ = 0;
  }
  if (!words_.line(words)) ++unsaid_;
}

void Report::begin(Severity severity, std::string_view event, std::string_view message) {
  line_.clear();
  line_.open();
  line_.number("schema_version", 1).text("instance", instance_).number("seq", ++seq_);
  line_.signed_number("time_ms", wall_ms());
  if (!boot_id_.empty()) line_.text("boot_id", boot_id_);
  line_.signed_number("watchdog_pid", ::getpid());
  line_.text("severity", kSeverities[static_cast<std::size_t>(severity)]).text("event", event);
  line_.text("message", message);
  FixedText<1200> words("jobward-watchdog: ");
  if (severity != Severity::info)
    (words += kSeverities[static_cast<std::size_t>(severity)]) += ": ";
  words += message;
  say(words);
}

void Report::end(HookMoment moment) {
  line_.close();
  if (moment != HookMoment::none && hooks_ != nullptr) hooks_->tell(moment, line_.view());
  if (json_) output_.line(line_.view());
  if (journal_ == nullptr) return;
  const bool written = !line_.is_cut() && journal_->append(line_.view());
  if (!written && !journal_broken_) {
    FixedText<256> words("jobward-watchdog: WARN: cannot write the journal: ");
    words += line_.is_cut() ? "the line is too long" : std::strerror(errno);
    words += "; what is said here is not on record";
    say(words);
  }
  journal_broken_ = !written;
}

void Report::add_snapshot(const Snapshot& snapshot, std::uint64_t threshold) {
  line_.open("snapshot");
  line_.number("memory_total_bytes", snapshot.memory_total);
  line_.number("memory_available_bytes", snapshot.memory_available);
  line_.number("swap_total_bytes", snapshot.swap_total);
  line_.number("swap_free_bytes", snapshot.swap_free);
  line_.percent("pressure_some_avg10", snapshot.some).percent("pressure_full_avg10", snapshot.full);
  line_.number("threshold_bytes", threshold);
  if (!snapshot.within.empty()) line_.text("within", snapshot.within);
  line_.close();
}

void Report::add_unit(const Config& config, std::string_view key, const Unit& unit, bool with_why,
                      bool chosen) {
  line_.open(key);
  line_.text("unit", unit.is_job ? "job" : "process");
  if (unit.is_job) line_.text("run", unit.run);
  line_.signed_number("pid", unit.pid);
  if (unit.has_facts) {
    line_.number("uid", unit.uid).text("name", unit.name);
    if (!unit.exe.empty()) line_.text("exe", unit.exe);
    if (!unit.cgroup.empty()) line_.text("cgroup", unit.cgroup);
  }
  line_.number("size_bytes", unit.size);
  if (unit.score > 0) line_.number("oom_score", unit.score);
  if (unit.p99) line_.number("p99_bytes", *unit.p99);
  if (with_why) {
    line_.boolean("chosen", chosen);
    FixedText<512> why(chosen && unit.why == Why::smaller ? to_string(Why::largest)
                                                          : to_string(unit.why));
    if (unit.why == Why::rule && unit.rule >= 0 &&
        static_cast<std::size_t>(unit.rule) < config.protect.size())
      (why += " ") += config.protect[static_cast<std::size_t>(unit.rule)].text;
    line_.text("why", why);
  }
  line_.close();
}

void Report::add_candidates(const Config& config, const Survey& survey, const Unit* victim) {
  line_.open("candidates", '[');
  const auto units = survey.units();
  bool listed = victim == nullptr;
  for (std::size_t i = 0; i < std::min(units.size(), kCandidates); ++i) {
    const auto& unit = units[i];
    const bool chosen =
        victim != nullptr && unit.is_job == victim->is_job && unit.pid == victim->pid;
    const auto before = line_.mark();
    add_unit(config, {}, chosen ? *victim : unit, true, chosen);
    // Names are as long as their owners like: rather fewer candidates than no line.
    if (line_.room() < kForTheRest) {
      line_.back_to(before);
      break;
    }
    listed = listed || chosen;
  }
  if (!listed) add_unit(config, {}, *victim, true, true);
  line_.close(']');
}

void Report::add_signals(const ActionResult& result) {
  line_.open("signals", '[');
  for (std::size_t i = 0; i < result.sent_count; ++i) {
    line_.open();
    line_.text("signal", result.sent[i].kill ? "KILL" : "TERM");
    line_.signed_number("time_ms", result.sent[i].time_ms);
    line_.close();
  }
  line_.close(']');
}

void Report::add_settings(const Config& config, const Sensor& sensor) {
  const auto total = sensor.last().memory_total;
  line_.number("memory_total_bytes", total);
  line_.number("memory_warn_bytes", config.memory_warn.of(total));
  line_.number("memory_term_bytes", config.memory_term.of(total));
  line_.number("memory_kill_bytes", config.memory_kill.of(total));
  const auto swap = sensor.last().swap_total;
  if (swap > 0) {
    line_.number("swap_term_bytes", config.swap_term.of(swap));
    line_.number("swap_kill_bytes", config.swap_kill.of(swap));
  }
  line_.percent("pressure_term", config.pressure_term);
  line_.text("unit", config.unit == UnitKind::job ? "job" : "process");
  line_.text("by", config.by == SizeBy::rss   ? "rss"
                   : config.by == SizeBy::pss ? "pss"
                                              : "oom_score");
  if (!sensor.last().within.empty()) line_.text("within", sensor.last().within);
}

void Report::start(const Config& config, const Sensor& sensor, std::string_view remarks) {
  const auto total = sensor.last().memory_total;
  message_ = "watching ";
  message_ +=
      sensor.last().within.empty() ? std::string_view("the machine") : sensor.last().within.view();
  message_ += "; SIGTERM at ";
  (add_bytes(message_, config.memory_term.of(total)) += " available, SIGKILL at ");
  add_bytes(message_, config.memory_kill.of(total));
  if (!remarks.empty()) (message_ += "; ") += remarks;
  begin(Severity::info, "start", message_);
  add_settings(config, sensor);
  line_.number("uid", ::geteuid());
  end();
}

void Report::stop(std::string_view why) {
  message_ = "stopped: ";
  message_ += why;
  begin(Severity::info, "stop", message_);
  end();
}

void Report::reloaded(const Config& config, const Sensor& sensor, std::string_view remark) {
  message_ = "the configuration was read anew";
  message_ += remark;
  begin(Severity::info, "reload", message_);
  add_settings(config, sensor);
  end();
}

void Report::reload_refused(std::string_view problem) {
  message_ = "the new configuration is refused, the old one stays: ";
  message_ += problem;
  begin(Severity::warn, "reload", message_);
  end();
}

void Report::warning(const Config& config, const Snapshot& snapshot) {
  const auto threshold = threshold_of(config, Level::warn, snapshot);
  message_ = "memory runs low: ";
  add_bytes(message_, snapshot.memory_available) += " available; SIGTERM goes out at ";
  add_bytes(message_, threshold_of(config, Level::term, snapshot));
  begin(Severity::info, "warning", message_);
  add_snapshot(snapshot, threshold);
  end();
}

void Report::announce(const Unit& victim, Level level) {
  if (hooks_ == nullptr) return;
  line_.clear();
  line_.open();
  line_.text("event", "before").text("level", to_string(level)).signed_number("pid", victim.pid);
  if (victim.is_job) line_.text("run", victim.run);
  line_.text("name", victim.name).number("uid", victim.uid).number("size_bytes", victim.size);
  line_.close();
  hooks_->tell(HookMoment::before, line_.view());
}

void Report::recovered(const Unit& victim, const ActionResult& result) {
  message_ = "nothing was signalled: ";
  if (result.ended == Ended::refused) {
    add_unit_words(message_, victim);
    (message_ += " may not be signalled: ") += std::strerror(result.errnum);
    message_ += "; it is left out from now on";
    begin(Severity::warn, "trouble", message_);
  } else {
    if (result.ended == Ended::recovered) message_ += "memory was back before ";
    add_unit_words(message_, victim);
    message_ += result.ended == Ended::recovered ? " had to go" : " had gone by itself";
    begin(Severity::info, "recovered", message_);
  }
  end();
}

std::uint64_t Report::kill(const Config& config, const Survey& survey, const Unit& victim,
                           Level level, const Snapshot& snapshot, const ActionResult& result,
                           bool dry_run) {
  const auto threshold = threshold_of(config, level, snapshot);
  const bool kills = result.sent_count > 0 ? result.sent[0].kill : level == Level::kill;
  message_ = dry_run ? "would send " : "sent ";
  message_ += kills ? "SIGKILL to " : "SIGTERM to ";
  add_unit_words(message_, victim);
  message_ += ": ";
  add_bytes(message_, snapshot.memory_available) += " of memory available, threshold ";
  add_bytes(message_, threshold);
  if (snapshot.swap_total > 0) add_bytes(message_ += ", swap free ", snapshot.swap_free);
  begin(Severity::warn, "kill", message_);
  const auto number = seq_;
  line_.text("level", to_string(level)).boolean("dry_run", dry_run);
  add_snapshot(snapshot, threshold);
  add_unit(config, "victim", victim, false, true);
  add_candidates(config, survey, &victim);
  add_signals(result);
  end();
  return number;
}

void Report::outcome(std::uint64_t action, const Unit& victim, const ActionResult& result) {
  message_.clear();
  add_unit_words(message_, victim);
  if (result.exited_after_ms)
    (message_ += " exited after ").add_number(*result.exited_after_ms) += " ms";
  else if (result.ended == Ended::spared)
    message_ += " ignored SIGTERM, but memory is back: it is left alone";
  else
    message_ += " has not exited";
  message_ += "; memory available ";
  add_bytes(message_, result.available_before) += " before, ";
  add_bytes(message_, result.available_after) += " now";
  if (!result.verified) message_ += ": THE MEMORY DID NOT COME BACK";
  begin(result.verified ? Severity::info : Severity::hard_fail, "outcome", message_);
  line_.number("action", action);
  if (victim.is_job) line_.text("run", victim.run);
  add_signals(result);
  if (result.exited_after_ms) line_.signed_number("exited_after_ms", *result.exited_after_ms);
  line_.number("available_before_bytes", result.available_before);
  line_.number("available_after_bytes", result.available_after);
  line_.number("freed_bytes", result.freed).boolean("verified", result.verified);
  if (result.released) line_.boolean("released", true);
  end(HookMoment::after);
}

void Report::no_victim(const Config& config, const Survey& survey, Level level,
                       const Snapshot& snapshot) {
  const auto threshold = threshold_of(config, level, snapshot);
  message_ = "memory is low and nobody may be ended: ";
  add_bytes(message_, snapshot.memory_available) += " available, threshold ";
  add_bytes(message_, threshold) += "; all that is large is protected or not ours";
  begin(Severity::hard_fail, "no_victim", message_);
  add_snapshot(snapshot, threshold);
  add_candidates(config, survey, nullptr);
  end();
}

void Report::tmpfs_full(const Config& config, const Snapshot& snapshot, const FullTmpfs& mount) {
  message_ = "memory is held by files in ";
  add_printable(message_, mount.point);
  add_bytes(message_ += ": ", mount.used) += " used of ";
  add_bytes(message_, mount.size) += "; no kill gives that back: remove files there";
  begin(Severity::hard_fail, "tmpfs_full", message_);
  add_snapshot(snapshot, threshold_of(config, Level::term, snapshot));
  line_.text("mount", mount.point)
      .number("used_bytes", mount.used)
      .number("size_bytes", mount.size);
  end();
}

void Report::trouble(std::string_view what) {
  begin(Severity::warn, "trouble", what);
  end();
}

}  // namespace jobward::watchdog
