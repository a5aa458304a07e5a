// jobward why RUN: in a few sentences, from the record alone, also weeks later.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/render_json.h"
#include "cli/run_reference.h"
#include "cli/why_sentences.h"
#include "common/exit_codes.h"

namespace jobward::cli {

int why_command(const Arguments& arguments) {
  std::string reference;
  bool json = false;
  CLI::App app("Says why a run ended as it did: its limits, the prediction, what else went on.",
               "why");
  set_usage(app, "jobward why [--json] RUN");
  app.add_option("RUN", reference, "The run's id, the beginning of it, or its name")->required();
  app.add_flag("--json", json, "One JSON object instead of text");
  if (const auto status = parse_options(app, arguments.options, exit_code::kUsage)) return *status;
  const auto desk = open_desk("why");
  if (!desk) return exit_code::kUsage;
  auto run = find_run("why", *desk, reference);
  if (!run) return exit_code::kUsage;
  const bool alive = !run->ending && desk->is_alive(run->request.id);
  if (!alive) run = read_again(*desk, std::move(*run));
  const auto why = why_sentences(desk->records, desk->clock, *run);
  if (!why) return failure("why", why.error().message(), exit_code::kUsage);
  if (json) {
    auto out = to_json(*run, alive);
    out["why"] = why->sentences;
    if (why->killed) out["watchdog_kill"] = to_json(*why->killed);
    std::fputs(dump(out, true).c_str(), stdout);
    return 0;
  }
  for (const auto& sentence : why->sentences)
    std::printf("%s\n", sentence.c_str());
  return 0;
}

}  // namespace jobward::cli
