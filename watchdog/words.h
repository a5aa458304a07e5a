// The lexical part of the configuration file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace jobward::watchdog {

// A line without what follows a '#' at its beginning or after a blank, outside of "…".
std::string_view without_comment(std::string_view line);

// Split at blanks; "…" keeps them, also within a word (name:"tmux: server"). There is no escape.
Result<std::vector<std::string>> split_words(std::string_view text);
// Back: split_words() of the result gives the words, and without_comment() leaves it whole.
std::string join_words(const std::vector<std::string>& words);

// A decimal without an exponent, to nine places, as the parsers of common/units.h read it.
std::string decimal(double value);

// In quotes for a message: printable, and a very long text cut.
std::string quoted(std::string_view text);

}  // namespace jobward::watchdog
