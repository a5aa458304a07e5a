// A report of verification for people.
#pragma once

#include <string>

#include "verify/report.h"

namespace jobward::cli {

// A line for each check, failed ones with samples below; then the verdict.
std::string verify_text(const verify::Report& report);

}  // namespace jobward::cli
