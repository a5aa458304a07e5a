// The shipped list of what is heavy: data. Private to hooks/.
#pragma once

#include <span>
#include <string_view>

namespace jobward::hooks {

// Lists are words separated by single blanks.
struct HeavyRule {
  std::string_view programs;
  std::string_view what;  // what it does, for the reason
  // Heavy if its first operand is one of these, or an option of these is there; empty: always.
  std::string_view when = {};
  std::string_view unless = {};  // light with one of these words anywhere in it
  std::string_view values = {};  // options that take the next word
  bool anywhere = false;         // `when` may be any operand
};
std::span<const HeavyRule> heavy_rules();

// Python's modules.
std::span<const HeavyRule> heavy_modules();

// Parts of the name of a script, or of a program that is started by its path:
// `scripts/train_ddp.py`.
std::string_view heavy_name_parts();

// In program text that is given to an interpreter: one of these loads much, or takes long.
std::span<const std::string_view> heavy_code();

// A file that ends like this is small, or large, as far as a name tells.
std::string_view small_suffixes();
std::string_view large_suffixes();

}  // namespace jobward::hooks
