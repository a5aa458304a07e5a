// Quantities as people write them, and back.
//
// Sizes follow the field's habit (systemd.resource-control(5), docker run --memory): a bare K, M,
// G, T, P counts in 1024, as KiB, MiB … do; KB, MB … count in 1000 (IEC 80000-13). Without a
// suffix: bytes. Durations: ms, s, m (or min), h, d, also in sequence (2h30m); without a suffix:
// seconds. Every parser rejects an empty text, a sign, overflow, unknown units and trailing junk,
// and names the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/resource.h"
#include "common/result.h"

namespace jobward {

Result<std::uint64_t> parse_bytes(std::string_view text);      // "8G", "1.5GiB", "500MB", "4096"
Result<double> parse_duration_seconds(std::string_view text);  // "90s", "2h30m", "1.5h", "250ms"
Result<std::uint64_t> parse_bytes_per_second(std::string_view text);  // "100M/s"
Result<double> parse_fraction(std::string_view text);  // "50%" or "0.5" -> 0.5, in [0, 1]
// The most whole things of `whole` that are no more than this share of them: 7 of 1000 are 0.7%.
double part_of(double share, double whole);

// A finite decimal number with nothing around it, as in a command line's numeric argument.
Result<double> parse_number(std::string_view text);

// Rounded down to pages of 4096 bytes, in which the kernel counts: the record then says what holds.
double whole_pages(double bytes);

std::string format_bytes(double bytes);       // "312 MiB", "1.46 GiB", "17 B"
std::string format_duration(double seconds);  // "0.21 s", "42.3 s", "2m05s", "3h12m", "2d04h"
std::string format_quantity(Unit unit, double value);  // as above; "10.0 MiB/s", "1.5", "512"

}  // namespace jobward
