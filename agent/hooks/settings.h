// What the configuration says to the hooks: [hooks] and [models].
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/hooks/weigh.h"

namespace jobward::hooks {

// Models in an order, the weakest first: "small", "strong".
struct ModelTiers {
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::string>> models;  // globs, by tier

  // The place in the order; absent: there is no such tier.
  [[nodiscard]] std::optional<std::size_t> place(std::string_view tier) const;
  // Of a model: the first tier, from the strongest down, one of whose globs it matches. Absent:
  // none.
  [[nodiscard]] std::optional<std::size_t> place_of_model(std::string_view model) const;
};

struct HookSettings {
  HeavyPatterns patterns;
  // A command that took longer is heavy from the second time on.
  double slow_seconds = 60;
  // Where the hook itself fails: the command passes (and that is logged), or is denied.
  bool deny_on_error = false;
  ModelTiers tiers;
};

}  // namespace jobward::hooks
