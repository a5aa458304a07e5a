// The texts of single fields as values. Pure; each takes any bytes, and gives no value for what it
// does not understand. Private to traces/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"

namespace jobward::traces {

// Beyond these a number is no measurement but a mistake: of the unit, or a wrapped counter.
inline constexpr double kMostBytes = 0x1p60;                   // 1 EiB
inline constexpr double kMostSeconds = 100 * 365.25 * 86400;   // 100 years
inline constexpr UnixMillis kLastMillis = 32'535'215'999'999;  // the end of the year 3000, UTC

// Plain decimal numbers, "12", "0.5", "1e9"; finite.
std::optional<double> plain_number(std::string_view text);
std::optional<double> plain_bytes(std::string_view text);       // 0 … kMostBytes
std::optional<double> plain_seconds(std::string_view text);     // 0 … kMostSeconds
std::optional<UnixMillis> plain_millis(std::string_view text);  // 1970 … 3000; "1.7e12" as well

// "2024-01-02 03:04:05.678", with a 'T' or a blank and with or without a fraction, taken as UTC.
// 1970 … 3000.
std::optional<UnixMillis> civil_time(std::string_view text);

// "[[hours:]minutes:]seconds[.fraction]" of which at least "minutes:seconds" is there.
std::optional<double> clock_seconds(std::string_view text);

// "1.2 GB", "512 MB", "17 B", "12.5M", "1234K", "4096": units count in 1024.
std::optional<double> binary_bytes(std::string_view text);

// The words of a command line as a shell splits them at blanks: '…', "…" and backslashes undone,
// nothing expanded. Absent if a quotation is not closed, or
// with a zero byte, which no argument has.
std::optional<std::vector<std::string>> split_words(std::string_view text);
// At blanks only: what a tool joined with blanks.
std::vector<std::string> split_blanks(std::string_view text);

// A field for a message: quoted, printable, shortened.
std::string shown(std::string_view text);

}  // namespace jobward::traces
