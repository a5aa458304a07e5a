// Compressed text files. The engine takes one that is cut short for a whole one.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/result.h"

namespace jobward::verify {

bool is_compressed(const std::string& path);  // by its name: .gz, .zst

// Unpacks the file once, to its end: is every member whole, with the length and checksum that it
// says? `stopped` is asked now and then. An error also for what cannot be tested here.
Status expect_whole(const std::string& path, const std::string& shown,
                    const std::function<bool()>& stopped);

// The first bytes of what is in a .gz, at most `size`; absent: it cannot be unpacked. `whole`: they
// are all of it.
struct Start {
  std::string text;
  bool whole = false;
};
std::optional<Start> start_of_gzip(const std::string& path, std::size_t size);

}  // namespace jobward::verify
