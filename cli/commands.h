// One function a subcommand; each gets the words after its name and returns the exit status.
#pragma once

#include "cli/arguments.h"

namespace jobward::cli {

int run_command(const Arguments& arguments);
int estimate_command(const Arguments& arguments);
int backtest_command(const Arguments& arguments);
int history_command(const Arguments& arguments);
int show_command(const Arguments& arguments);
int doctor_command(const Arguments& arguments);
int ps_command(const Arguments& arguments);
int top_command(const Arguments& arguments);
int logs_command(const Arguments& arguments);
int wait_command(const Arguments& arguments);
int stop_command(const Arguments& arguments);
int why_command(const Arguments& arguments);
int reap_command(const Arguments& arguments);
int import_command(const Arguments& arguments);
int stamp_command(const Arguments& arguments);
int scan_command(const Arguments& arguments);
int profiles_command(const Arguments& arguments);
int watchdog_command(const Arguments& arguments);
int verify_command(const Arguments& arguments);
int ledger_command(const Arguments& arguments);
int policy_command(const Arguments& arguments);
int keys_command(const Arguments& arguments);
int approve_command(const Arguments& arguments);
int review_command(const Arguments& arguments);

}  // namespace jobward::cli
