// The learned state: any bytes are a state or an error; a state survives being written; learning
// never spoils it.
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "estimator/kind_state.h"
#include "tests/fuzz/check.h"

using namespace jobward;
using estimator::KindState;
using fuzz::require;

namespace {

void check_round_trip(const KindState& state) {
  const std::string once = state.encode();
  const auto again = KindState::decode(once);
  require(again.has_value(), "what was encoded can be decoded",
          again ? "" : again.error().message());
  require(again->encode() == once, "encoding is stable");
  require(again->total_runs() == state.total_runs(), "the number of runs is kept");
  require(again->size() == state.size(), "no observation is lost");
}

// Observations with any numbers that a command line can hold: doubles made of the input's bytes.
void check_learning(std::string_view text) {
  KindState state;
  for (std::size_t at = 0; at + sizeof(double) < text.size() && at < 800;
       at += sizeof(double) + 1) {
    double value = 0;
    std::memcpy(&value, text.data() + at + 1, sizeof value);
    if (!(value - value == 0)) continue;  // not finite: parse_number lets none through
    profiles::Observation observation;
    observation.features["num:" + std::string(text.substr(at, 1))] = value;
    observation.used.set(Resource::memory, {value < 0 ? -value : value, value < 0});
    state.learn(observation);
    require(state.size() <= KindState::kWindow, "the window is bounded");
  }
  check_round_trip(state);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto state = KindState::decode(text)) {
    require(state->size() <= KindState::kWindow, "the window is bounded");
    check_round_trip(*state);
  }
  check_learning(text);
  return 0;
}
