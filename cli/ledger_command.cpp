// jobward ledger: what was found, killed, overridden and approved, and whether it is still as it
// was written.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <tuple>

#include "cli/commands.h"
#include "cli/render_json.h"
#include "cli/trust_desk.h"
#include "cli/trust_text.h"
#include "cli/watchdog_records.h"
#include "common/exit_codes.h"
#include "common/text.h"
#include "trust/ledger_verify.h"
#include "trust/store_key.h"

namespace jobward::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string run, check, severity, since, until, actor, kind;
  int newest = 50;
  bool json = false;
  std::string head;
};

void declare_query(CLI::App& app, Options& options) {
  app.add_option("--run", options.run, "Only of this run")->type_name("RUN");
  app.add_option("--check", options.check, "Only of this check")->type_name("CHECK");
  app.add_option("--severity", options.severity, "Only HARD_FAIL, WARN or INFO")->type_name("WORD");
  app.add_option("--since", options.since,
                 "Not before: 2h ago as \"2h\", or 2026-01-31[T12:00:00Z]")
      ->type_name("TIME");
  app.add_option("--until", options.until, "Not after, in the same way")->type_name("TIME");
  app.add_option("--actor", options.actor, "Only by this uid, or by who claims this")
      ->type_name("WHO");
  app.add_option("--kind", options.kind, "Only finding, kill, override, approval, …")
      ->type_name("KIND");
  app.add_option("-n", options.newest, "At most so many, the newest (50)")
      ->check(CLI::Range(1, 100000000));
}

Result<trust::LedgerQuery> query_of(const Options& options, UnixMillis now) {
  trust::LedgerQuery out;
  out.run = options.run;
  out.check = options.check;
  out.actor = options.actor;
  out.newest = options.newest;
  if (!options.severity.empty()) {
    out.severity = parse_severity(options.severity);
    if (!out.severity)
      return error("use", "--severity " + printable(options.severity),
                   "there are HARD_FAIL, WARN and INFO");
  }
  if (!options.kind.empty()) {
    out.kind = trust::entry_kind_from(options.kind);
    if (!out.kind)
      return error("use", "--kind " + printable(options.kind),
                   "there are finding, kill, override, approval, review, stamp, policy_change, "
                   "baseline and head");
  }
  for (auto [name, text, moment] : {std::tuple("--since", &options.since, &out.since),
                                    {"--until", &options.until, &out.until}}) {
    if (text->empty()) continue;
    auto parsed = parse_moment(*text, now);
    if (!parsed) return rethrow(std::move(parsed).error(), name);
    *moment = *parsed;
  }
  return out;
}

int show(TrustDesk& desk, const Options& options) {
  const auto query = query_of(options, desk.clock.wall_ms());
  if (!query) return usage_error("ledger", query.error().message(), exit_code::kUsage);
  const auto entries = desk.ledger->query(*query);
  if (!entries) return failure("ledger", entries.error().message(), 1);
  if (options.json) {
    Json list = Json::array();
    for (const auto& entry : *entries)
      list.push_back(Json::parse(trust::canonical_text(entry)));
    std::fputs(
        dump({{"schema_version", kSchemaVersion}, {"entries", std::move(list)}}, true).c_str(),
        stdout);
    return 0;
  }
  for (const auto& entry : *entries)
    std::fputs(ledger_line(entry).c_str(), stdout);
  if (entries->empty()) std::puts("nothing on record that matches");
  return 0;
}

// One canonical entry a line, oldest first, all that match: with the hash of each it can be checked
// elsewhere.
int export_entries(TrustDesk& desk) {
  auto statement = desk.ledger->database().prepare(
      "SELECT '{\"entry\":' || body || ',\"hash\":\"' || lower(hex(hash)) || '\"}' FROM ledger "
      "ORDER BY seq");
  if (!statement) return failure("ledger", statement.error().message(), 1);
  while (true) {
    auto row = statement->step();
    if (!row) return failure("ledger", row.error().message(), 1);
    if (!*row) return 0;
    std::puts(statement->text(0).c_str());
  }
}

struct Outside {
  std::vector<trust::OutsideHead> heads;
  std::vector<std::string> problems;
  std::vector<std::string> places;  // that were read
};

// --head, else every file that the policy has heads written to and that can be read from here.
Outside read_outside(const TrustDesk& desk, const Options& options,
                     const std::optional<trust::PublicKey>& store) {
  Outside out;
  std::vector<std::string> paths;
  if (!options.head.empty()) paths.push_back(options.head);
  for (const auto& place : desk.policy.trust.anchors)
    if (place.kind == trust::AnchorPlace::Kind::file && options.head.empty())
      paths.push_back(place.path);
  for (const auto& path : paths) {
    auto read = trust::read_outside_heads(path, store);
    if (!read) {
      out.problems.push_back(read.error().message());
      continue;
    }
    out.places.push_back(path);
    for (auto& head : read->heads)
      out.heads.push_back(std::move(head));
    for (auto& problem : read->problems)
      out.problems.push_back(std::move(problem));
    // As it would look to a store that was begun anew.
    if (read->heads.empty() && read->others > 0)
      out.problems.push_back(printable(path) + " has " + std::to_string(read->others) +
                             " heads of other stores, and none of this one");
  }
  return out;
}

Json report_json(const trust::LedgerReport& report, const Outside& outside) {
  Json flaws = Json::array();
  for (const auto& flaw : report.flaws)
    flaws.push_back({{"seq", flaw.seq}, {"flaw", flaw.what}});
  Json out{
      {"schema_version", kSchemaVersion}, {"whole", report.is_whole() && outside.problems.empty()},
      {"entries", report.entries},        {"flaws", std::move(flaws)},
      {"more_flaws", report.more_flaws},  {"problems", outside.problems}};
  if (report.last_head) out["last_signed_seq"] = report.last_head->seq;
  if (report.anchored)
    out["anchored"] = {{"seq", report.anchored->head.seq}, {"place", report.anchored->place}};
  return out;
}

void print_report(TrustDesk& desk, const trust::LedgerReport& report, const Outside& outside) {
  for (const auto& flaw : report.flaws)
    std::printf("FLAW  %s\n", flaw.what.c_str());
  if (report.more_flaws > 0)
    std::printf("FLAW  and %lld more\n", static_cast<long long>(report.more_flaws));
  for (const auto& problem : outside.problems)
    std::printf("FLAW  %s\n", printable(problem).c_str());
  std::printf("%lld entries%s\n", static_cast<long long>(report.entries),
              report.is_whole() ? ", each follows from the one before it" : "");
  if (report.last_head)
    std::printf("signed by the store's key up to entry %lld\n",
                static_cast<long long>(report.last_head->seq));
  if (report.anchored)
    std::printf("anchored outside up to entry %lld, by %s\n",
                static_cast<long long>(report.anchored->head.seq), report.anchored->place.c_str());
  else
    std::puts(
        "not compared with any head outside of the store: who can write it could have written all "
        "of it anew\n(--head FILE, or [ledger] heads in the policy)");
  const auto exports = desk.ledger->exports();
  for (const auto& one : exports ? *exports : std::vector<trust::Ledger::Export>())
    std::printf("exported  %s: up to entry %lld%s\n", printable(one.place).c_str(),
                static_cast<long long>(one.seq),
                one.problem.empty() ? "" : ("; then: " + printable(one.problem)).c_str());
}

int verify(TrustDesk& desk, const Options& options) {
  const auto store = trust::store_public_key(desk.state_directory);
  if (!store) return failure("ledger", store.error().message(), 1);
  const auto outside = read_outside(desk, options, *store);
  const auto report = trust::verify_ledger(desk.ledger->database(), *store, outside.heads);
  if (!report) return failure("ledger", report.error().message(), 1);
  if (options.json)
    std::fputs(dump(report_json(*report, outside), true).c_str(), stdout);
  else
    print_report(desk, *report, outside);
  return report->is_whole() && outside.problems.empty() ? 0 : 1;
}

}  // namespace

int ledger_command(const Arguments& arguments) {
  Options options;
  CLI::App app("Findings, kills, overrides, approvals, stamps, policy changes: what is on record.",
               "ledger");
  set_usage(app,
            "jobward ledger [--run RUN] [--check CHECK] [--severity WORD] [--since TIME] "
            "[--until TIME]\n"
            "                      [--actor WHO] [--kind KIND] [-n N] [--json]\n"
            "       jobward ledger verify [--head FILE] [--json]\n"
            "       jobward ledger export");
  declare_query(app, options);
  app.add_flag("--json", options.json, "One JSON object instead of text");
  auto& check = *app.add_subcommand(
      "verify", "Find any entry that was changed, taken out, re-ordered or cut off");
  check.add_option("--head", options.head, "A file with exported heads, one a line")
      ->type_name("FILE");
  check.add_flag("--json", options.json, "One JSON object instead of text");
  const auto& out = *app.add_subcommand("export", "All entries with their hashes, one a line");
  app.footer("Exit status: 0; verify 0 whole, 1 not; 2 usage. docs/trust.md says what it proves.");
  if (const auto done = parse_options(app, arguments.options, exit_code::kUsage)) return *done;
  if (arguments.command)
    return usage_error("ledger", "no command is expected here", exit_code::kUsage);
  auto desk = open_trust_desk(Tolerance::tolerant);
  if (!desk) return failure("ledger", desk.error().message(), 1);
  // Before anything is added: what is judged is what was found.
  if (check.parsed()) return verify(**desk, options);
  auto records = open_records((*desk)->clock);
  take_in_watchdog(records, (*desk)->clock);
  return out.parsed() ? export_entries(**desk) : show(**desk, options);
}

}  // namespace jobward::cli
