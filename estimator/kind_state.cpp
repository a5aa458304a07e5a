#include "estimator/kind_state.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <optional>

namespace jobward::estimator {
namespace {

using profiles::Observation;
using profiles::Observed;

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kMaxFeatures = 200;  // named in one byte each

// Layout: version u8, total u64, names u8 + (length u8, bytes)…, observations u16 +
//   (features u8 + (name index u8, f32)…, used u8 + (resource u8, bound u8, f32)…)….
class Writer {
 public:
  void byte(std::size_t value) { out_ += static_cast<char>(static_cast<unsigned char>(value)); }
  void u16(std::size_t value) {
    byte(value & 0xFFU);
    byte(value >> 8U);
  }
  void u64(std::uint64_t value) {
    for (int i = 0; i < 8; ++i)
      byte((value >> (8 * i)) & 0xFFU);
  }
  void number(double value) {
    // Beyond a float's range nothing is a size or a time: kept as the largest that is one.
    constexpr double kLargest = std::numeric_limits<float>::max();
    const auto narrow = static_cast<float>(std::clamp(value, -kLargest, kLargest));
    std::uint32_t bits = 0;
    std::memcpy(&bits, &narrow, sizeof bits);
    for (int i = 0; i < 4; ++i)
      byte((bits >> (8 * i)) & 0xFFU);
  }
  void text(std::string_view value) {
    byte(value.size());
    out_ += value;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// Reads past the end give zeroes and set failed().
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  std::uint8_t byte() {
    if (bytes_.empty()) {
      failed_ = true;
      return 0;
    }
    const auto value = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return value;
  }
  std::size_t u16() {
    const std::size_t low = byte();
    return low | static_cast<std::size_t>(byte()) << 8U;
  }
  std::uint64_t u64() {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i)
      value |= static_cast<std::uint64_t>(byte()) << (8 * i);
    return value;
  }
  double number() {
    std::uint32_t bits = 0;
    for (int i = 0; i < 4; ++i)
      bits |= static_cast<std::uint32_t>(byte()) << (8 * i);
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) failed_ = true;
    return value;
  }
  std::string text() {
    const std::size_t size = byte();
    if (bytes_.size() < size) {
      failed_ = true;
      return {};
    }
    std::string value(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return value;
  }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool done() const { return bytes_.empty(); }
  void fail() { failed_ = true; }

 private:
  std::string_view bytes_;
  bool failed_ = false;
};

// Names that fit the format; a longer or later one is left out of the state, which only costs a
// predictor.
std::map<std::string, std::size_t> index_names(const std::vector<Observation>& observations) {
  std::map<std::string, std::size_t> names;
  for (const auto& observation : observations)
    for (const auto& [name, value] : observation.features)
      if (name.size() < 256 && names.size() < kMaxFeatures) names.emplace(name, 0);
  std::size_t next = 0;
  for (auto& [name, index] : names)
    index = next++;
  return names;
}

void write_observation(Writer& out, const Observation& observation,
                       const std::map<std::string, std::size_t>& names) {
  std::vector<std::pair<std::size_t, double>> features;
  for (const auto& [name, value] : observation.features)
    if (const auto it = names.find(name); it != names.end())
      features.emplace_back(it->second, value);
  out.byte(features.size());
  for (const auto& [index, value] : features) {
    out.byte(index);
    out.number(value);
  }
  std::size_t count = 0;
  observation.used.for_each([&](Resource, const Observed&) { ++count; });
  out.byte(count);
  observation.used.for_each([&](Resource resource, const Observed& used) {
    out.byte(static_cast<std::size_t>(resource));
    out.byte(!used.censored ? 0 : used.ended_early ? 2 : 1);
    out.number(used.value);
  });
}

Observation read_observation(Reader& in, const std::vector<std::string>& names) {
  Observation out;
  for (std::size_t left = in.byte(); left > 0 && !in.failed(); --left) {
    const std::size_t index = in.byte();
    const double value = in.number();
    if (index < names.size())
      out.features[names[index]] = value;
    else
      in.fail();
  }
  for (std::size_t left = in.byte(); left > 0 && !in.failed(); --left) {
    const std::size_t resource = in.byte();
    const auto bound = in.byte();
    const double value = in.number();
    if (resource < kResources.size())
      out.used.set(static_cast<Resource>(resource), {value, bound != 0, bound == 2});
    else
      in.fail();
  }
  return out;
}

}  // namespace

void KindState::learn(const Observation& observation) {
  ++total_;
  observations_.push_back(observation);
  if (observations_.size() > kWindow) observations_.erase(observations_.begin());
}

std::string KindState::encode() const {
  Writer out;
  out.byte(kVersion);
  out.u64(total_);
  const auto names = index_names(observations_);
  out.byte(names.size());
  for (const auto& [name, index] : names)
    out.text(name);
  out.u16(observations_.size());
  for (const auto& observation : observations_)
    write_observation(out, observation, names);
  return out.take();
}

Result<KindState> KindState::decode(std::string_view bytes) {
  KindState state;
  if (bytes.empty()) return state;
  Reader in(bytes);
  if (const auto version = in.byte(); version != kVersion)
    return error("read", "learned state",
                 "version " + std::to_string(version) + " is not known here");
  state.total_ = in.u64();
  std::vector<std::string> names(in.byte());
  for (auto& name : names)
    name = in.text();
  const std::size_t count = in.u16();
  if (count > kWindow) in.fail();
  for (std::size_t i = 0; i < count && !in.failed(); ++i)
    state.observations_.push_back(read_observation(in, names));
  if (in.failed() || !in.done()) return error("read", "learned state", "it is damaged");
  return state;
}

}  // namespace jobward::estimator
